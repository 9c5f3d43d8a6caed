"""The record of a whole run, and copies of it to tamper with."""

import shutil
from pathlib import Path

import pytest

from tests.record.runs import finished_run


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = finished_run(tmp_path_factory.mktemp("record"))
    return Path(scene.step.execution.run.root)


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    """A copy of the record to tamper with."""
    return Path(shutil.copytree(original, tmp_path / "run"))
