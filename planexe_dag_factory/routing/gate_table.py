"""The rules of `gate_rules` as the table that stands in docs/plans.md, for whoever must answer for them.

`python -m planexe_dag_factory.routing.gate_table` prints it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from planexe_dag_factory.routing.gate_rules import APPROVER_WORDS, DESK_VERBS, OFFICE_WORDS, PAPERS, RULES, STUDY_VERBS
from planexe_dag_factory.routing.gates import ORDER


def gate_table() -> str:
    """Return the table, and the lists of words beside it, as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "| gate | the step | a clause begins with | and names one of | but none of |"
    yield "|---|---|---|---|---|"
    for kind in ORDER:
        for rule in RULES:
            if rule.kind == kind:
                acts = _listed(rule.acts) or f"the title names {_listed(rule.things)}"
                also = f"; or the title names {_listed(rule.things)}" if rule.acts and rule.things else ""
                objects = _listed(rule.objects) or ("anything" if rule.acts else "")
                unless = _listed(rule.unless)
                yield f"| {kind} | {rule.name} | {acts}{also} | {objects} | {unless} |"
    yield ""
    yield "**Desk work raises nothing.** A clause that begins with one of these is desk work; where such a sentence"
    yield f"speaks of a paper ({_listed(PAPERS)}),"
    yield f"the rest of it is what the paper holds: {_listed(DESK_VERBS)}."
    yield ""
    yield "**Amounts are spoken of, not spent,** and are not added up, in steps whose titles begin with:"
    yield f"{_listed(STUDY_VERBS)}."
    yield ""
    yield "| gate | the plan's row or body that says most of these decides | else a title of its team or stakeholders |"
    yield "|---|---|---|"
    for kind in ORDER:
        yield f"| {kind} | {_listed(APPROVER_WORDS[kind])} | {_listed(OFFICE_WORDS[kind])} |"


def _listed(words: str) -> str:
    return ", ".join(words.split())


if __name__ == "__main__":
    sys.stdout.write(gate_table())
