"""Lists in PlanExe's files, read entry by entry: one that does not fit is reported and left out alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from planexe_dag_factory.plan.findings import Findings, describe
from planexe_dag_factory.plan.jsontext import Path

Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
"""Text that a model may have left null."""


class Entry(BaseModel):
    """Base of the entries: names that are not known are passed over, for PlanExe's versions add some."""

    model_config = ConfigDict(strict=True, frozen=True)


EntryT = TypeVar("EntryT", bound=Entry)


def read_entries(findings: Findings, model: type[EntryT], name: str | None) -> Iterator[tuple[EntryT, Path]]:
    """Yield the entries of the list that stands under `name` (None: of the file itself), with their places."""
    value: Any = findings.source.value
    path: Path = ()
    if name is not None:
        value = value.get(name) if isinstance(value, dict) else None
        path = (name,)
    if not isinstance(value, list):
        findings.add("warning", "wrong-type", f"a list is expected here, not {describe(value)}", path)
        return
    for index, item in enumerate(value):
        place = (*path, index)
        entry = findings.validate(model, findings.clean(item, place), place, "warning")
        if entry is not None:
            yield entry, place
