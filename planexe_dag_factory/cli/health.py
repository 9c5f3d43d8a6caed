"""What is wrong with an Airflow that runs plans, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from planexe_dag_factory.cli import console
from planexe_dag_factory.cli.login import log_in
from planexe_dag_factory.errors import StackError

OK, FAILED = 0, 3
_COLOURS = {"error": "red", "warning": "yellow"}
Finding = Mapping[str, str]


def status_at(url: str, user: str | None, *, as_json: bool) -> int:
    """Ask another Airflow how it is; 3 where something is wrong or nobody answers."""
    try:
        with log_in(url, user) as client:
            found = client.health()
    except StackError as error:
        console.print_error(error)
        return FAILED
    if as_json:
        console.print_json(found)
    else:
        print_findings(found["problems"])
        console.out.print(_summary(found))
    return OK if found["ok"] else FAILED


def findings_here() -> list[dict[str, Any]]:
    """Ask the stack of this directory what is wrong; that it does not answer is a finding too."""
    try:
        with log_in(None, None) as client:
            problems: list[dict[str, Any]] = client.health()["problems"]
    except StackError as error:
        remedy = "See the log of the api-server; `planexe-dag down`, then `planexe-dag up`, starts all anew."
        what = f"Airflow does not answer: {error}"
        return [{"severity": "error", "code": "no-answer", "what": what, "remedy": remedy}]
    return problems


def print_findings(findings: Iterable[Finding]) -> None:
    """Write what is wrong, and below each what to do."""
    for finding in findings:
        console.out.print(Text(f"{finding['severity']}: {finding['what']}", style=_COLOURS[finding["severity"]]))
        console.out.print(Text(f"    {finding['remedy']}"))


def _summary(found: Mapping[str, Any]) -> str:
    waiting = sum(one["open"] for one in found["tickets"])
    agents = sum(one["state"] == "ok" for one in found["agents"])
    said = f"{agents} of {len(found['agents'])} agents are well, {waiting} tickets wait for people."
    return f"{'All is well' if not found['problems'] else 'That is all'}: {said}"
