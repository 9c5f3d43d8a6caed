from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agents.serving import Served


@pytest.fixture(scope="module")
def clerk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A clerk that waits for its outcomes."""
    with Served(tmp_path_factory.mktemp("clerk"), "--wait", "30") as served:
        yield served


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A clerk that answers 202 at once."""
    with Served(tmp_path_factory.mktemp("hurried"), "--wait", "0") as served:
        yield served
