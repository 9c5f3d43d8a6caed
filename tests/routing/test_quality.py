"""The figures of routing on plans that the model did not learn from: four plans held out at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"

pytestmark = pytest.mark.skipif(
    not (SHARED / "routing").is_dir() or not (SHARED / "plans").is_dir(),
    reason="needs the labelled tasks and the plans in ../shared",
)


def test_held_out_plans_are_routed_and_gated_well_enough() -> None:
    command = [sys.executable, "-m", "benchmarks.routing_quality", str(SHARED), "--groups", "4"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout

    figures = json.loads(printed.splitlines()[0])

    assert (figures["tasks"], figures["missing"]) == (240, 0)
    assert figures["executor_accuracy"] >= 0.85
    assert figures["unsafe"] <= 0.04
    assert figures["needless"] <= 0.15
    assert figures["gate_recall"] >= 0.9
    assert figures["gate_precision"] >= 0.85
