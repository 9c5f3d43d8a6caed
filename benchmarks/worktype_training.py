"""Learn `routing/worktype.json` (weights) and `routing/rarity.json` (how rare a word is) anew.

    python -m benchmarks.worktype_training ../shared

reads the sentences of `worktype_sentences.json` beside this file, the labelled tasks of
`<shared>/routing` and, for the tasks that `worktype_labels.json` labels by the same guide (ids and
labels, no text), the plans of `<shared>/plans`.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planexe_dag_factory.plan.model import Step
from planexe_dag_factory.plan.read import read_plan
from planexe_dag_factory.routing.words import stem, words
from planexe_dag_factory.routing.worktype import KINDS, WorkModel, features

LABELS = Path(__file__).with_name("worktype_labels.json")
SENTENCES = Path(__file__).with_name("worktype_sentences.json")
ROUTING = Path(__file__).parents[1] / "planexe_dag_factory/routing"
NEGLIGIBLE = 0.02
RARE = 4
"""Stems in fewer titles than this are as rare as any; leaving them out keeps the file free of names."""
EPOCHS, RATE, PENALTY, SEED = 10, 0.05, 0.01, 1


@dataclass(frozen=True)
class Example:
    """A labelled task: `gate` is known for the tasks of the routing data alone."""

    plan: str
    task_id: str
    step: Step
    executor: str
    gate: str | None = None
    path: tuple[str, ...] = ()


def routing_examples(shared: Path) -> list[Example]:
    """Read the 240 labelled tasks."""
    rows = (json.loads(line) for line in (shared / "routing/dev_labels.jsonl").read_text().splitlines())
    labels = {(row["plan"], row["task_id"]): row for row in rows}
    tasks = json.loads((shared / "routing/dev_tasks.json").read_text())
    return [_example(task, labels[task["plan"], task["task_id"]]) for task in tasks]


def _example(task: dict[str, Any], label: dict[str, str]) -> Example:
    step = Step(
        id=task["task_id"],
        title=task["title"],
        phase=task["path"][0],
        package=task["path"][-1],
        description=task["detail"],
        resources=tuple(task["resources"]),
    )
    return Example(task["plan"], task["task_id"], step, label["executor"], label["gate"], tuple(task["path"]))


def own_examples(shared: Path) -> list[Example]:
    """Read the sentences written for this, and the tasks labelled beside this file in the plans they are from."""
    labels: dict[str, dict[str, str]] = json.loads(LABELS.read_text())
    found = [
        Example("", title, Step(title, title, "", ""), kind)
        for kind, titles in json.loads(SENTENCES.read_text()).items()
        for title in titles
    ]
    for name, kinds in labels.items():
        plan, _ = read_plan(shared / "plans" / f"{name}.zip")
        steps = {step.source_id: step for step in plan.steps} if plan else {}
        found += [Example(name, task, steps[task], kind) for task, kind in kinds.items() if task in steps]
    return found


def train(examples: Sequence[Example]) -> WorkModel:
    """Fit a multinomial logistic regression with L2 penalty by AdaGrad (Duchi et al. 2011).

    The order of the examples in each epoch comes from a seeded generator: same input, same weights.
    """
    rows = [[(name, value) for name, (value, _) in features(one.step).items()] for one in examples]
    truths = [KINDS.index(one.executor) for one in examples]
    weights = {name: [0.0] * len(KINDS) for row in rows for name, _ in row} | {"": [0.0] * len(KINDS)}
    squares = {name: [1e-6] * len(KINDS) for name in weights}
    order, rng = list(range(len(rows))), random.Random(SEED)
    for _ in range(EPOCHS):
        rng.shuffle(order)
        for at in order:
            _learn([("", 1.0), *rows[at]], truths[at], weights, squares)
    bias = tuple(weights.pop(""))
    return WorkModel(bias=bias, weights={name: tuple(row) for name, row in weights.items()})


def _learn(
    row: Iterable[tuple[str, float]], truth: int, weights: dict[str, list[float]], squares: dict[str, list[float]]
) -> None:
    pairs = [(weights[name], squares[name], value) for name, value in row]
    scores = [sum(weight[kind] * value for weight, _, value in pairs) for kind in range(len(KINDS))]
    powers = [math.exp(score - max(scores)) for score in scores]
    errors = [power / sum(powers) - (kind == truth) for kind, power in enumerate(powers)]
    for weight, square, value in pairs:
        for kind, error in enumerate(errors):
            slope = error * value + PENALTY * weight[kind]
            square[kind] += slope * slope
            weight[kind] -= RATE * slope / math.sqrt(square[kind])


def to_document(model: WorkModel, examples: int) -> dict[str, Any]:
    """Return the model as `worktype.json` keeps it: rounded, without weights that change nothing."""
    rounded = {name: [round(weight, 2) for weight in row] for name, row in sorted(model.weights.items())}
    return {
        "version": 1,
        "examples": examples,
        "kinds": KINDS,
        "bias": [round(weight, 2) for weight in model.bias],
        "weights": {name: row for name, row in rounded.items() if max(map(abs, row)) > NEGLIGIBLE},
    }


def step_titles(shared: Path) -> Iterator[str]:
    """Yield the titles of every step of the plans."""
    for archive in sorted((shared / "plans").glob("*.zip")):
        plan, _ = read_plan(archive)
        yield from (step.title for step in plan.steps) if plan else ()


def count_stems(texts: Iterable[str]) -> dict[str, Any]:
    """Count in how many texts a stem occurs."""
    documents = [{stem(word) for word in words(text)} for text in texts]
    counts = Counter(name for document in documents for name in document)
    kept = {name: count for name, count in sorted(counts.items()) if count >= RARE}
    return {"version": 1, "documents": len(documents), "stems": kept}


def main(shared: Path) -> None:
    """Train on everything and write the files that the package ships."""
    examples = [*routing_examples(shared), *own_examples(shared)]
    document = to_document(train(examples), len(examples))
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in document.pop("weights").items())
    (ROUTING / "worktype.json").write_text(f'{json.dumps(document)[:-1]}, "weights": {{\n{rows}\n}}}}\n')
    (ROUTING / "rarity.json").write_text(json.dumps(count_stems(step_titles(shared)), indent=0) + "\n")
    print(f"{len(examples)} examples, {rows.count(chr(10)) + 1} features")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
