"""A run that goes on from another, begun before the keys were rotated: both records hold."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from planexe_agents.signing import SigningKey

from planexe_dag_factory.airflow.operators import StartRunOperator
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import INPUTS, begin_run
from planexe_dag_factory.delegation.rollback import find_source
from planexe_dag_factory.record.keys import KeyRing
from planexe_dag_factory.record.verify import verify_run
from tests.record.runs import FIRST, finished_run


def test_the_old_record_is_told_by_a_key_that_it_handed_over_to(tmp_path: Path) -> None:
    old = finished_run(tmp_path).step.execution
    ring = KeyRing(SigningKey.generate(), (old.key,))
    run = old.run.above.at("again")
    inputs = {name: old.run.read_bytes(name) for name in INPUTS}
    begin_run(run, ring.current, inputs, {"dag_id": "harbour", "run_id": "run-2", "plan_id": "harbour", "by": "carl"})
    execution = Execution(run, old.read_registry, ring.current, ring.public)
    told = find_source(old.run, FIRST.id)[0].as_json()
    task = cast("Any", SimpleNamespace(log=logging.getLogger(__name__)))
    StartRunOperator._take_over(task, execution, ring, told, "carl")
    for record, key in ((old.run, old.key), (run, ring.current)):
        assert verify_run(record, [key.public]).problems == ()
