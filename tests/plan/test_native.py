from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.errors import Problem
from planexe_dag_factory.plan.format import PlanFormat
from planexe_dag_factory.plan.jsontext import parse_json
from planexe_dag_factory.plan.model import (
    Dependency,
    Document,
    Escalation,
    Estimate,
    Phase,
    Plan,
    Redline,
    Risk,
    Role,
    Step,
    WorkPackage,
)
from planexe_dag_factory.plan.native import SCHEMA_FILE, from_native, schema, to_native
from planexe_dag_factory.plan.text import MAX_TITLE, clean, clean_line

FULL = Plan(
    id="harbour",
    title="Harbour",
    phases=(
        Phase(
            "survey",
            "Survey",
            (
                WorkPackage(
                    "seabed",
                    "Seabed",
                    "survey",
                    (
                        Step(
                            "measure",
                            "Measure",
                            "survey",
                            "seabed",
                            "All of it",
                            ("Boat",),
                            "uuid-3",
                            Estimate(1, 2, 3),
                        ),
                        Step(
                            "permit",
                            "Get the permit",
                            "survey",
                            "seabed",
                            human_required=True,
                            inputs={"deep": [{"er": None}], "text": "kept \u202e as it is"},
                            impact="regulatory",
                            assignee="Legal",
                            approver="Board",
                            due_days=2.5,
                        ),
                    ),
                    "uuid-2",
                    Estimate(1, 2, 3, "Storms", "Wait"),
                ),
                WorkPackage("empty", "Empty", "survey", ()),
            ),
            "uuid-1",
            Estimate(2, 4, 8),
            critical=True,
        ),
        Phase(
            "build",
            "Build",
            (
                WorkPackage(
                    "quay",
                    "Quay",
                    "build",
                    (Step("dig", "Dig", "build", "quay", action="plan_dig", confidence_threshold=0.0),),
                ),
            ),
        ),
    ),
    summary="Ships can land.\n\nSoon.",
    dependencies=(Dependency("seabed", "dig", "The ground decides."), Dependency("measure", "permit")),
    start=date(2026, 3, 1),
    owner="Port",
    source_format="planexe-zip",
    risks=(Risk("Sea", "Storms", "Delay", "high", "low", "Wait"),),
    roles=(Role("Surveyor"), Role("Board", "body", "Decides")),
    escalations=(Escalation("Budget", "Board", "Vote", "Large"),),
    documents=(Document("plan.txt", "# Plan\n\ttext"),),
    redline=Redline(refused=True, verdict="REFUSE", reason="Harm"),
    extra={"final_deliverable": "A quay", "n": 1.5},
)


VALIDATOR = jsonschema.Draft202012Validator(schema())


def read(document: Any) -> tuple[Plan | None, tuple[Problem, ...]]:
    source, problems = parse_json(json.dumps(document, indent=1).encode(), "plan.json")
    assert source is not None, problems
    return from_native(source)


def test_everything_that_a_plan_says_can_be_written() -> None:
    assert read(to_native(FULL)) == (FULL, ())


def test_the_smallest_plan() -> None:
    plan, problems = read(
        {
            "title": "New quay",
            "steps": [{"id": "dig", "title": "Dig"}, {"id": "pour", "title": "Pour", "depends_on": ["dig"]}],
        }
    )
    steps = (Step("dig", "Dig", "work", "work-steps"), Step("pour", "Pour", "work", "work-steps"))
    package = WorkPackage("work-steps", "New quay", "work", steps)
    phase = Phase("work", "New quay", (package,))
    assert plan == Plan("new-quay", "New quay", (phase,), dependencies=(Dependency("dig", "pour"),))
    assert problems == ()


def test_phases_and_packages_are_made_in_order_of_first_appearance() -> None:
    steps = [
        {"id": "a", "title": "A", "phase": "build_it", "package": "quay"},
        {"id": "work", "title": "B"},
        {"id": "c", "title": "C", "phase": "survey"},
        {"id": "d", "title": "D", "package": "quay"},
        {"id": "e", "title": "E", "phase": "build_it"},
    ]
    plan, problems = read({"title": "Harbour", "steps": steps})
    assert problems == ()
    assert plan is not None
    assert [
        (
            phase.id,
            phase.title,
            [(package.id, package.title, [step.id for step in package.steps]) for package in phase.packages],
        )
        for phase in plan.phases
    ] == [
        ("build_it", "Build it", [("quay", "Quay", ["a", "d"]), ("build_it-steps", "Build it", ["e"])]),
        ("work-2", "Harbour", [("work-2-steps", "Harbour", ["work"])]),
        ("survey", "Survey", [("survey-steps", "Survey", ["c"])]),
    ]


def test_what_has_no_effect_is_told_but_no_error() -> None:
    step = {
        "id": "a",
        "title": "A",
        "human_required": True,
        "confidence_threshold": 0.5,
        "impact": "none",
        "approver": "Board",
    }
    plan, problems = read({"title": "Harbour", "steps": [step]})
    assert plan is not None
    assert [str(problem) for problem in problems] == [
        "line 8, $.steps[0].confidence_threshold: the confidence threshold has no effect: a person does this step",
        "line 10, $.steps[0].approver: the approver has no effect: impact 'none' asks for no approval",
    ]


def test_inputs_are_kept_verbatim_and_the_rest_is_cleaned() -> None:
    step = {"id": "a", "title": "A\u202e", "inputs": {"q": "\u202e{{ var }}"}, "description": "{{ var }}\r\n\x07"}
    plan, problems = read({"title": "Harbour", "steps": [step]})
    assert plan is not None
    assert plan.steps[0] == Step("a", "A", "work", "work-steps", "{{ var }}", inputs={"q": "\u202e{{ var }}"})
    assert [problem.where.path for problem in problems] == ["$.steps[0].title", "$.steps[0].description"]


def test_a_title_that_is_too_long_is_kept_in_the_description() -> None:
    plan, _ = read({"title": "Harbour", "steps": [{"id": "a", "title": "Dig " * 60, "description": "Deep"}]})
    assert plan is not None
    assert len(plan.steps[0].title) <= MAX_TITLE
    assert plan.steps[0].description == ("Dig " * 60).strip() + "\n\nDeep"


def test_the_published_schema_is_the_one_of_the_models() -> None:
    hint = "run: python -m planexe_dag_factory.plan.native"
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == schema(), hint


def test_the_schema_is_valid_and_explains_every_field_with_examples_that_fit() -> None:
    published = schema()
    validator = jsonschema.Draft202012Validator(published)
    validator.check_schema(published)
    for example in published["examples"]:
        validator.validate(example)
        assert read(example)[1] == ()
    for name, definition in published["$defs"].items():
        if name == "JsonValue":
            continue
        assert definition["description"]
        assert definition["additionalProperties"] is False
        for field in definition["properties"].values():
            for example in field.get("examples", ()):
                jsonschema.Draft202012Validator(field | {"$defs": published["$defs"]}).validate(example)


@pytest.mark.parametrize(
    "change",
    [
        {"title": 5},
        {"steps": []},
        {"id": "Not an id"},
        {"unknown": 1},
        {"steps": [{"id": "a", "title": "A", "confidence_threshold": 2}]},
        {"steps": [{"id": "a", "title": "A", "due_days": 0}]},
        {"steps": [{"id": "A a", "title": "A"}]},
        {"steps": [{"id": "a", "title": "A", "estimate": {"days_min": -1, "days_likely": 1, "days_max": 1}}]},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, Any]) -> None:
    document = {"title": "Harbour", "steps": [{"id": "a", "title": "A"}]} | change
    assert not VALIDATOR.is_valid(document)
    assert read(document)[0] is None


def test_every_field_of_the_format_is_written_by_some_plan() -> None:
    assert set(to_native(FULL)) == set(PlanFormat.model_fields)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(clean)
lines = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(clean_line)
title_lines = lines.filter(bool)
numbers = st.floats(0, 1e6, allow_nan=False)
estimates = (
    st.tuples(numbers, numbers, numbers).map(sorted).map(lambda days: Estimate(days[0], days[1], days[2], "risk"))
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    phases = []
    ids: list[str] = []
    for p in range(draw(st.integers(1, 3))):
        packages = []
        for k in range(draw(st.integers(0 if p else 1, 2))):
            names = [f"s{p}-{k}-{s}" for s in range(draw(st.integers(0 if p or k else 1, 3)))]
            ids += names
            steps = tuple(draw(steps_of(name, f"p{p}", f"k{p}-{k}")) for name in names)
            packages.append(WorkPackage(f"k{p}-{k}", draw(title_lines), f"p{p}", steps, draw(st.none() | lines)))
        phases.append(
            Phase(
                f"p{p}",
                draw(title_lines),
                tuple(packages),
                estimate=draw(st.none() | estimates),
                critical=draw(st.booleans()),
            )
        )
    forward = [(before, after) for i, before in enumerate(ids) for after in ids[i + 1 :]]
    edges = draw(st.lists(st.sampled_from(forward), unique=True, max_size=5)) if forward else []
    return Plan(
        id=draw(
            st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True).filter(
                lambda name: not name.startswith(("start", "finish", "milestone"))
            )
        ),
        title=draw(title_lines),
        phases=tuple(phases),
        summary=draw(texts),
        dependencies=tuple(Dependency(before, after, draw(texts)) for before, after in edges),
        start=draw(st.none() | st.dates()),
        risks=tuple(draw(st.lists(st.builds(Risk, texts, texts, texts, st.sampled_from(["low", "high"])), max_size=2))),
        documents=tuple(draw(st.lists(st.builds(Document, texts, texts), max_size=2))),
        redline=draw(st.none() | st.builds(Redline, st.booleans(), texts, texts)),
        extra=draw(st.dictionaries(texts, values, max_size=2)),
    )


def steps_of(name: str, phase: str, package: str) -> st.SearchStrategy[Step]:
    return st.builds(
        Step,
        id=st.just(name),
        title=title_lines,
        phase=st.just(phase),
        package=st.just(package),
        description=texts,
        resources=st.lists(texts, max_size=2).map(tuple),
        source_id=st.none() | texts,
        estimate=st.none() | estimates,
        human_required=st.none() | st.just(value=False),
        action=st.none() | texts,
        inputs=st.dictionaries(texts, values, max_size=2),
        impact=st.sampled_from([None, "none", "budget", "irreversible"]),
        confidence_threshold=st.none() | st.floats(0, 1),
        due_days=st.none() | st.floats(0.1, 100),
    )


@given(plans())
@settings(derandomize=True, max_examples=30, deadline=None)
def test_reading_what_was_written_gives_the_same_plan(plan: Plan) -> None:
    again, problems = read(to_native(plan))
    assert again == plan
    assert not [problem for problem in problems if problem.severity == "error"]
    assert VALIDATOR.is_valid(to_native(plan))


mutations = st.sampled_from(["null", "5", "-1.5", '"x"', "[]", "{}", "[5]", "[{}]", "[[]]", '{"id": 5}', "true"]).map(
    json.loads
)


@given(st.data())
@settings(derandomize=True, max_examples=80, deadline=None)
def test_any_value_anywhere_is_read_or_explained(data: st.DataObject) -> None:
    document = json.loads(json.dumps(to_native(replace(FULL, extra={}))))
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = document
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            if not place[key] or not isinstance(place[key], dict | list) or data.draw(st.booleans()):
                break
            place = place[key]
        place[key] = data.draw(mutations)
    plan, problems = read(document)
    assert (plan is None) == any(problem.severity == "error" for problem in problems)
