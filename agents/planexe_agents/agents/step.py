"""What the four agents read of a step: its words, and the texts around it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from planexe_agents.context import Context
from planexe_agents.methods.search import Findings, find
from planexe_agents.methods.text import strings
from planexe_agents.protocol import Evidence
from planexe_agents.service import Reject, Task

SOURCES = "PLANEXE_AGENT_SOURCES"
SUFFIXES = frozenset({".txt", ".md", ".csv", ".json"})
FILE_LIMIT = 256 * 1024
FILES_LIMIT = 200


class StepInput(BaseModel):
    """The words of a step, which every plan has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, description="what is to be done")
    description: str = Field("", description="more about it")

    def question(self, task: Task) -> str:
        """What to look for: the words of the step, and what a reviewer added when asking for a redo."""
        return " ".join(part for part in (self.title, self.description, task.assignment.instructions) if part)


class Source(BaseModel):
    """A passage that a result rests on."""

    source: str
    quote: str


def search(inputs: StepInput, task: Task, limit: int = 12) -> Findings:
    """Search documents, earlier results and configured files for the step's question.

    Rejects the task where there is nothing to search, or nothing in it touches the question.
    """
    texts = [*texts_of(task.context), *files(os.environ.get(SOURCES))]
    if not texts:
        raise Reject("missing data: the assignment has no documents or earlier results, and no sources are configured")
    found = find(inputs.question(task), texts, limit)
    if not found.hits:
        raise Reject(f"missing data: none of {len(texts)} texts says anything on {', '.join(found.gaps[:8]) or 'this'}")
    return found


def texts_of(context: Context) -> Iterator[tuple[str, str]]:
    """Yield the plan's documents and the results of earlier steps, each with its name."""
    for document in context.documents:
        yield document.name, document.text
    for earlier in context.results:
        yield f"result of {earlier.name}", "\n\n".join(strings(earlier.facts))


def files(folder: str | None) -> Iterator[tuple[str, str]]:
    """Yield the text files below the configured folder, by name; links that lead out of it are left alone."""
    root = Path(folder).resolve() if folder else None
    if root is None or not root.is_dir():
        return
    inside = (path for path in sorted(root.rglob("*")) if path.suffix in SUFFIXES and _readable(path, root))
    for _, path in zip(range(FILES_LIMIT), inside, strict=False):
        yield f"sources/{path.relative_to(root)}", path.read_text(encoding="utf-8", errors="replace")


def _readable(path: Path, root: Path) -> bool:
    resolved = path.resolve()
    return resolved.is_relative_to(root) and resolved.is_file() and resolved.stat().st_size <= FILE_LIMIT


def quotes(found: Findings) -> list[Source]:
    """Return the hits as passages with their source."""
    return [Source(source=hit.passage.source, quote=hit.passage.text) for hit in found.hits]


def evidence(found: Iterable[Source]) -> tuple[Evidence, ...]:
    """Cite passages in an outcome."""
    return tuple(Evidence(source=item.source, quote=item.quote) for item in found)
