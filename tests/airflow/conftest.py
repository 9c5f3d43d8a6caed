"""A small plan of our own format, and a bundle over a folder of plans, without a running Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAN: dict[str, Any] = {
    "id": "harbour",
    "title": "Harbour {{ var.value.secret }}",
    "owner": "Harbour master",
    "phases": [{"id": "survey-phase", "title": "Survey", "critical": True}],
    "steps": [
        {"id": "find-tides", "title": "Find the tide tables", "phase": "survey-phase", "action": "find_evidence"},
        {"id": "sound-depths", "title": "Sound the depths", "phase": "survey-phase", "human_required": True,
         "description": "<script>alert(1)</script> [Approve](https://evil.example)", "depends_on": ["find-tides"]},
        {"id": "buy-buoys", "title": "Buy the buoys for EUR 1,000", "phase": "survey-phase", "impact": "budget",
         "human_required": True},
    ],
}  # fmt: skip


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    """A folder with the plan in it."""
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "harbour.json").write_text(json.dumps(PLAN))
    return folder


@pytest.fixture
def make_bundle(tmp_path: Path, plans: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make a bundle over the plans, as a process of Airflow would; `version` as a task start does."""
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    monkeypatch.setenv("AIRFLOW__PLANEXE__REGISTRY", str(tmp_path / "registry.json"))
    monkeypatch.setenv("AIRFLOW__PLANEXE__KEYS", str(tmp_path / "keys"))
    from planexe_dag_factory.airflow.bundle import PlanBundle  # noqa: PLC0415 - Airflow reads its home on import

    def make(version: str | None = None) -> PlanBundle:
        bundle = PlanBundle(name="planexe", plans=[str(plans)], version=version)
        bundle.initialize()
        return bundle

    return make
