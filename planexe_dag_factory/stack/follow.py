"""From a plan file to a finished run: put it where it becomes a DAG, trigger it, see it through."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.routing.policy_file import policy_path
from planexe_dag_factory.spec.model import DagSpec
from planexe_dag_factory.stack.autopilot import Autopilot
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.progress import Progress

_POLL_S = 1.0
_DAG_WITHIN_S = 60
_REPORT_WITHIN_S = 30


def deliver(source: Path, plans: tuple[Path, ...], inbox: Path) -> None:
    """Put a plan and its policy where the stack looks for plans; one that is there already stays where it is."""
    source = source.resolve()
    if any(source.is_relative_to(folder.resolve()) for folder in plans):
        return
    policy = policy_path(source)
    if policy.exists():
        _copy(policy, inbox / policy.name)
    else:
        (inbox / policy.name).unlink(missing_ok=True)
    _copy(source, inbox / source.name)


def wait_for_dag(client: AirflowClient, spec: DagSpec) -> None:
    """Wait until Airflow knows this version of a plan. Raises StackError where it does not come."""
    end = time.monotonic() + _DAG_WITHIN_S
    while time.monotonic() < end:
        if _is_version(client.dag(spec.dag_id), spec):
            return
        time.sleep(_POLL_S)
    raise StackError(_why_no_dag(client, spec.dag_id))


def follow(
    client: AirflowClient,
    dag_id: str,
    run_id: str,
    *,
    autopilot: Autopilot | None = None,
    timeout: float | None = None,
    watch: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """See a run through to its end; `watch` sees it on the way. Raises StackError after `timeout` seconds."""
    end = time.monotonic() + timeout if timeout else float("inf")
    while True:
        progress = Progress.model_validate(client.progress(dag_id, run_id))
        watch(progress)
        if progress.ended:
            return _with_report(client, progress)
        if time.monotonic() > end:
            raise StackError(f"the run had not ended after {timeout:g} s")
        if autopilot and progress.open_tickets:
            autopilot.answer_open(dag_id, run_id)
        time.sleep(_POLL_S)


def _with_report(client: AirflowClient, progress: Progress) -> Progress:
    """Wait a little for the final report: the run has ended before it is written."""
    end = time.monotonic() + _REPORT_WITHIN_S
    while not progress.report and time.monotonic() < end:
        time.sleep(_POLL_S)
        progress = Progress.model_validate(client.progress(progress.dag_id, progress.run_id))
    return progress


def _is_version(dag: Mapping[str, Any] | None, spec: DagSpec) -> bool:
    """Say whether a DAG was made of this plan, policy and registry: its documentation names their digests."""
    doc = dag.get("doc_md") or "" if dag and not dag["is_stale"] else ""
    return all(digest in doc for digest in (spec.plan_digest, spec.policy_digest, spec.registry_digest))


def _copy(source: Path, target: Path) -> None:
    """Replace a file or folder by a copy that appears whole."""
    draft = target.with_name(f".{target.name}.{uuid4().hex}")
    if source.is_dir():
        shutil.copytree(source, draft)
        shutil.rmtree(target, ignore_errors=True)
    else:
        shutil.copyfile(source, draft)
    draft.rename(target)


def _why_no_dag(client: AirflowClient, dag_id: str) -> str:
    errors = "\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in client.import_errors())
    return f"the plan did not become the DAG {dag_id!r} within {_DAG_WITHIN_S} s\n{errors or 'no import errors either'}"
