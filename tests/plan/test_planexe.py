from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from planexe_dag_factory.plan.archive import WBS, RunFile
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
from planexe_dag_factory.plan.planexe.context import MAX_DOCUMENT, MAX_DOCUMENTS, read_documents
from planexe_dag_factory.plan.planexe.run import read_run
from planexe_dag_factory.plan.read import read_plan

Run = dict[str, bytes]


def test_a_whole_run(small_run: Run, write_run: Callable[[Run], Path]) -> None:
    def package(name: str, source: str, title: str, phase: str, estimate: Estimate | None = None) -> WorkPackage:
        steps = (
            Step(f"{name}-first", f"{title} first", phase, name, f"Do {title}", ("Boat",), f"{source}-1"),
            Step(f"{name}-second", f"{title} second", phase, name, source_id=f"{source}-2"),
        )
        return WorkPackage(name, title, phase, steps, source, estimate)

    seabed = package("seabed", "k1", "Seabed", "survey", Estimate(2, 3, 5, "Storms", "Wait"))
    survey = Phase("survey", "Survey", (seabed, package("permits", "k2", "Permits", "survey")), "p1")
    build = Phase(
        "build", "Build", (package("quay", "k3", "Quay", "build"), package("crane", "k4", "Crane", "build")), "p2"
    )
    expected = Plan(
        id="harbour",
        title="Harbour",
        phases=(survey, build),
        summary="Ships can land.",
        dependencies=(
            Dependency("seabed", "quay", "The ground decides."),
            Dependency("permits", "quay", "No permit, no quay."),
        ),
        start=date(2026, 3, 1),
        source_format="planexe-folder",
        risks=(Risk("Sea", "Storms", likelihood="high", severity="low"),),
        roles=(Role("Surveyor", "team", "Measures"), Role("Board", "body", "Decides")),
        escalations=(Escalation("Budget", "Board", "Vote"),),
        documents=(
            Document("plan.txt", "Build a harbour."),
            Document("executive_summary.md", "# Summary\nShips land."),
        ),
        redline=Redline(refused=False, verdict="ALLOW", reason="Harmless."),
        extra={"final_deliverable": "A quay that carries a crane"},
    )
    assert read_plan(write_run(small_run)) == (expected, ())


def test_leaves_at_other_depths_are_kept_in_order() -> None:
    plan = read_tree(
        node("a", "Alone"),
        node(
            "p",
            "Phase",
            node("k", "Package"),
            node(
                "n",
                "Nested",
                node("x", "First"),
                node("g", "Group", node("y", "In group"), node("h", "Inner", node("z", "Deep"))),
                node("v", "Last"),
            ),
        ),
    )
    assert [
        (
            phase.id,
            [
                (package.id, [(step.id, step.source_id, step.description) for step in package.steps])
                for package in phase.packages
            ],
        )
        for phase in plan.phases
    ] == [
        ("alone-phase", [("alone-package", [("alone", "a", "")])]),
        (
            "phase",
            [
                ("package-package", [("package", "k", "")]),
                (
                    "nested",
                    [
                        ("first", "x", ""),
                        ("in-group", "y", "Part of: Group"),
                        ("deep", "z", "Part of: Group > Inner"),
                        ("last", "v", ""),
                    ],
                ),
            ],
        ),
    ]


def test_a_dependency_on_a_flattened_group_holds_for_its_ends() -> None:
    tree = (
        node(
            "p", "Phase", node("n", "Nested", node("g", "Group", node("y", "One"), node("z", "Two")), node("v", "Last"))
        ),
        node("q", "Next", node("m", "More", node("w", "Then"))),
    )
    details = [
        {"dependent_task_id": "w", "depends_on_task_id_list": ["g"], "depends_on_task_explanation_list": ["after"]},
        {"dependent_task_id": "y", "depends_on_task_id_list": ["g"], "depends_on_task_explanation_list": ["own"]},
    ]
    plan = read_tree(*tree, dependencies=details)
    assert plan.dependencies == (Dependency("two", "then", "after"),)


def test_the_longer_of_two_estimates_is_used_in_any_order() -> None:
    durations = [
        {"task_id": "k", "days_min": 1, "days_realistic": 2, "days_max": most, "delay_risks": None}
        for most in (3, 9, 4)
    ]
    tree = node("p", "Phase", node("k", "Package", node("x", "Leaf")))
    for order in (durations, durations[::-1]):
        assert next(read_tree(tree, durations=order).packages).estimate == Estimate(1, 2, 9)


def test_titles_fall_back_to_the_title_file_and_then_to_the_name() -> None:
    tree = json.dumps({"wbs_project": {"task_children": [node("p", "Phase")]}}).encode()
    files = {WBS: RunFile(WBS, tree)}
    title = RunFile("018-3-wbs_level1_project_title.json", b"Not JSON, but the title")
    named, _ = read_run(files | {"wbs_level1_project_title.json": title}, "20250101_x.zip", "planexe-zip")
    bare, _ = read_run(files, "20250101_x.zip", "planexe-zip")
    assert named is not None
    assert bare is not None
    assert (named.title, named.id) == ("Not JSON, but the title", "not-json-but-the-title")
    assert bare.title == "20250101_x"


def test_documents_are_capped_one_by_one_and_together() -> None:
    names = ["plan.txt", "team.md", *[f"governance_phase{n}.md" for n in range(30)], "pitch.md"]
    files = {name: RunFile(name, b"\xc3\xa4" * MAX_DOCUMENT) for name in names}
    documents, problems = read_documents(files)
    assert [document.name for document in documents] == ["plan.txt", "team.md", "pitch.md"]
    assert {len(document.text.encode()) for document in documents} == {MAX_DOCUMENT}
    assert [problem.code for problem in problems] == ["long-document"] * 3
    assert sum(len(document.text.encode()) for document in documents) <= MAX_DOCUMENTS


def test_random_labels_are_not_part_of_a_document() -> None:
    label = "dbc57b5f-c711-4ee0-a171-fe9ee35a1546"
    listed = f"### Charter\n\n**ID:** {label}\n\n**Lever ID:** `{label}`\n\n"
    text = f"{listed}see `Scope` ({label}) and (lever ID: `{label}`).\n"
    documents, _ = read_documents({"team.md": RunFile("013-team.md", text.encode())})
    assert documents == (Document("team.md", "### Charter\n\nsee `Scope` and."),)


def node(name: str, title: str, *children: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "description": title, "task_children": list(children)}


def read_tree(*phases: dict[str, Any], dependencies: Any = (), durations: Any = ()) -> Plan:
    contents = {
        WBS: {"wbs_project": node("root", "Project", *phases)},
        "task_dependencies_raw.json": {"task_dependency_details": list(dependencies)},
        "task_durations.json": list(durations),
    }
    files = {name: RunFile(name, json.dumps(content).encode()) for name, content in contents.items()}
    plan, problems = read_run(files, "run", "planexe-folder")
    assert plan is not None, problems
    return plan


def test_a_verdict_that_is_not_known_counts_as_a_refusal(small_run: Run, write_run: Callable[[Run], Path]) -> None:
    plan, _ = read_plan(write_run(small_run | {"002-1-redline_gate.json": b'{"verdict": "MAYBE"}'}))
    assert plan is not None
    assert plan.redline == Redline(refused=True, verdict="MAYBE")
