"""Child process of the benchmarks: write each plan's DAG in every form that is compared.

    python -m benchmarks.prepare SCRATCH PLAN ...

Prints a JSON list of subjects: `plan`, `steps`, `tasks`, and the DAG file of each form.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.dag_factory import write_stub, write_yaml
from benchmarks.handwritten import write_dag
from benchmarks.load_dag import build_of, load
from planexe_dag_factory.airflow.bundle import PlanBundle
from planexe_dag_factory.spec.codec import load_spec


def prepare(scratch: Path, plans: list[Path]) -> list[dict[str, Any]]:
    """Drop the plans into a folder, make a bundle's version of it, and write each DAG out in the other forms."""
    dropped = scratch / "plans"
    dropped.mkdir(parents=True)
    for plan in plans:
        copy = shutil.copytree if plan.is_dir() else shutil.copyfile
        copy(plan, dropped / plan.name)
    bundle = PlanBundle(name="planexe", plans=[str(dropped)])
    bundle.initialize()
    return [_subject(stub, scratch / "forms") for stub in sorted(bundle.path.glob("*.py"))]


def _subject(stub: Path, forms: Path) -> dict[str, Any]:
    forms.mkdir(exist_ok=True)
    dag = load(str(stub))
    build = build_of(stub)
    spec = load_spec((build / "dagspec.json").read_bytes())
    handwritten, config, yaml_stub = (forms / f"{stub.stem}{end}" for end in ("_hand.py", ".yaml", "_yaml.py"))
    handwritten.write_text(write_dag(dag, spec.plan_id, build), encoding="utf-8")
    config.write_text(write_yaml(dag), encoding="utf-8")
    yaml_stub.write_text(write_stub(config), encoding="utf-8")
    return {
        "plan": stub.stem,
        "steps": len({task.step for task in spec.tasks if task.step}),
        "tasks": len(spec.tasks),
        "ours": str(stub),
        "handwritten": str(handwritten),
        "dag-factory": str(yaml_stub),
    }


if __name__ == "__main__":
    print(json.dumps(prepare(Path(sys.argv[1]), [Path(plan) for plan in sys.argv[2:]])))
