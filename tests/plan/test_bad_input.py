"""Every bad input says what is wrong, where, and what to do; and nothing else.

What each says stands in `golden/bad_input.txt`, as people read it.
"""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.errors import Problem
from planexe_dag_factory.plan import jsontext
from planexe_dag_factory.plan.model import Plan, Redline
from planexe_dag_factory.plan.read import MAX_PROBLEMS, read_plan

WBS = "023-3-wbs_project_level1_and_level2_and_level3.json"
STEPS: list[dict[str, Any]] = [
    {"id": "survey", "title": "Survey"},
    {"id": "build", "title": "Build", "depends_on": ["survey"]},
]


def native(**changes: Any) -> bytes:
    return json.dumps({"title": "Harbour", "steps": STEPS} | changes, indent=1).encode()


def step(**changes: Any) -> bytes:
    return native(steps=[{"id": "survey", "title": "Survey"} | changes])


def wbs(*phases: Any) -> bytes:
    return json.dumps({"wbs_project": {"id": "r", "description": "Harbour", "task_children": list(phases)}}).encode()


def zipped(members: Iterable[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
    return buffer.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def bzipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_BZIP2) as file:
        file.writestr(name, b"{}")
    return buffer.getvalue()


def encrypted(name: str) -> bytes:
    data = bytearray(zipped([(name, b"{}")]))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", data, data.index(signature) + offset, 1)
    return bytes(data)


def waits(after: str, *before: str) -> dict[str, Any]:
    reasons = [f"{after} needs {name}" for name in before]
    return {"dependent_task_id": after, "depends_on_task_id_list": before, "depends_on_task_explanation_list": reasons}


def lasts(name: str, least: Any, likely: float, most: float) -> dict[str, Any]:
    return {"task_id": name, "days_min": least, "days_realistic": likely, "days_max": most}


def small(package: dict[str, Any]) -> dict[str, Any]:
    phase = {"id": "p", "description": "Phase", "task_children": [package]}
    return {"wbs_project": {"id": "r", "description": "Harbour", "task_children": [phase]}}


def golden() -> dict[str, str]:
    text = (Path(__file__).parent / "golden" / "bad_input.txt").read_text(encoding="utf-8")
    sections = [section.split("\n", 1) for section in text.split("## ")[1:]]
    return {section[0]: section[1] for section in sections}


def said(read: tuple[Plan | None, tuple[Problem, ...]]) -> str:
    plan, problems = read
    lines = [f"{problem.severity} {problem.code} ({problem.where.file})\n  {problem}\n" for problem in problems]
    return "".join(lines) + (
        "=> no plan\n" if plan is None else f"=> {len(plan.steps)} steps, {len(plan.dependencies)} dependencies\n"
    )


LEAF = {"id": "l", "description": "Leaf"}
GOOD = {
    "id": "p",
    "description": "Phase",
    "task_children": [{"id": "k", "description": "Package", "task_children": [LEAF]}],
}
GOOD_WBS = wbs(GOOD)


CASES: dict[str, tuple[str, bytes]] = {
    "empty": ("plan.json", b""),
    "truncated": ("plan.json", native()[:-30]),
    "truncated in a string": ("plan.json", b'{"title": "Harb'),
    "not utf-8": ("plan.json", b'{"title":\n "\xff"}'),
    "utf-16": ("plan.json", '{"title": "x"}'.encode("utf-16")),
    "trailing comma": ("plan.json", b'{"title": "x",}'),
    "two documents": ("plan.json", b"{}\n{}"),
    "duplicate key": ("plan.json", b'{"title": "a",\n "title": "b", "steps": [{"id": "a", "title": "A"}]}'),
    "duplicate key deep": (
        "plan.json",
        b'{"title": "a", "extra": {"x": 1, "x": 2}, "steps": [{"id": "a", "title": "A"}]}',
    ),
    "nan": ("plan.json", b'{"title": "a", "steps": [{"id": "a", "title": "A", "due_days": NaN}]}'),
    "infinity": ("plan.json", b'{"title": "a", "steps": [{"id": "a", "title": "A", "due_days": -Infinity}]}'),
    "too large a float": ("plan.json", b'{"title": "a", "extra": {"n": 1e400}, "steps": []}'),
    "too large an integer": ("plan.json", b'{"title": "a", "extra": {"n": ' + b"9" * 10_000 + b'}, "steps": []}'),
    "half a surrogate pair": ("plan.json", b'{"title": "\\ud800", "steps": []}'),
    "too deep": ("plan.json", b"[" * 100_000),
    "too deep an object": ("plan.json", b'{"a":' * 65 + b"1" + b"}" * 65),
    "too many values": ("plan.json", b'{"title": [' + b"1," * 200_000 + b"1]}"),
    "a list": ("plan.json", b"[]"),
    "a number": ("plan.json", b"5"),
    "another json": ("plan.json", b'{"name": "x"}'),
    "not a plan at all": ("plan.yaml", b"title: Harbour"),
    "an unknown version": ("plan.json", native(format="planexe-dag/2")),
    "no title": ("plan.json", b'{"steps": [{"id": "a", "title": "A"}]}'),
    "an empty title": ("plan.json", native(title="  ")),
    "no steps": ("plan.json", b'{"title": "Harbour"}'),
    "an empty list of steps": ("plan.json", native(steps=[])),
    "steps of the wrong type": ("plan.json", native(steps="survey")),
    "a step of the wrong type": ("plan.json", native(steps=[STEPS[0], 5])),
    "a step without an id": ("plan.json", native(steps=[{"title": "Survey"}])),
    "a field with a typo": ("plan.json", step(resorces=["Boat"])),
    "a hand-written id": ("plan.json", native(steps=[{"id": "Survey the Seabed!", "title": "Survey"}])),
    "a reserved id": ("plan.json", native(steps=[{"id": "milestone-a", "title": "Survey"}])),
    "a duplicate id": ("plan.json", native(steps=[STEPS[0], STEPS[0]])),
    "a step with the id of its own package": ("plan.json", native(steps=[STEPS[0], STEPS[1] | {"package": "build"}])),
    "a step with the id of a phase": (
        "plan.json",
        native(phases=[{"id": "survey", "title": "S"}], steps=[STEPS[0] | {"phase": "survey"}]),
    ),
    "an id of the plan": ("plan.json", native(id="../x")),
    "an unknown dependency": (
        "plan.json",
        native(steps=[STEPS[0], {"id": "build", "title": "Build", "depends_on": ["surwey"]}]),
    ),
    "itself, misspelt": ("plan.json", step(depends_on=["surwey"])),
    "itself": ("plan.json", step(depends_on=["survey"])),
    "its own phase": ("plan.json", step(phase="first", depends_on=["first"])),
    "its own step": ("plan.json", native(dependencies=[{"before": "survey", "after": "work"}])),
    "a circle": ("plan.json", native(dependencies=[{"before": "build", "after": "survey"}])),
    "a circle of three": (
        "plan.json",
        native(steps=[{"id": name, "title": name, "depends_on": [before]} for name, before in ("ab", "bc", "ca")]),
    ),
    "a circle through a phase": (
        "plan.json",
        native(
            steps=[
                {"id": "a", "title": "A", "phase": "one", "depends_on": ["two"]},
                {"id": "b", "title": "B", "phase": "two", "depends_on": ["one"]},
            ]
        ),
    ),
    "an unknown phase": (
        "plan.json",
        native(phases=[{"id": "first", "title": "F"}], steps=[STEPS[0] | {"phase": "fist"}]),
    ),
    "an unknown package": (
        "plan.json",
        native(packages=[{"id": "sea", "title": "S"}], steps=[STEPS[0] | {"package": "land"}]),
    ),
    "a package of another phase": (
        "plan.json",
        native(
            packages=[{"id": "sea", "title": "S", "phase": "one"}],
            steps=[STEPS[0] | {"package": "sea", "phase": "two"}],
        ),
    ),
    "a person and an action": ("plan.json", step(human_required=True, action="find_evidence")),
    "a percentage": ("plan.json", step(confidence_threshold=80)),
    "a negative threshold": ("plan.json", step(confidence_threshold=-1)),
    "no time to answer": ("plan.json", step(due_days=0)),
    "true as a number": ("plan.json", step(due_days=True)),
    "an unknown impact": ("plan.json", step(impact="money")),
    "a month 13": ("plan.json", native(start="2026-13-01")),
    "a 30th of february": ("plan.json", native(start="2026-02-30")),
    "a date in words": ("plan.json", native(start="next week")),
    "an estimate out of order": ("plan.json", step(estimate={"days_min": 5, "days_likely": 3, "days_max": 8})),
    "a negative estimate": ("plan.json", step(estimate={"days_min": -1, "days_likely": 3, "days_max": 8})),
    "too many steps": ("plan.json", native(steps=[{"id": f"s{n}", "title": "S"} for n in range(5_001)])),
    "hostile text": (
        "plan.json",
        native(title="{{ var }}\u202e<b>", steps=[{"id": "<script>\u0000", "title": "\u0007"}]),
    ),
    "a long title": ("plan.json", native(title="Harbour " * 40)),
    "several at once": (
        "plan.json",
        native(
            start="2026-13-01", owner=5, stepz=1, steps=[{"id": "a", "title": "A", "depends_on": ["b"], "impact": 3}]
        ),
    ),
    "wbs without a project": ("wbs.json", b'{"wbs_project": null}'),
    "wbs of the wrong type": ("wbs.json", b'{"wbs_project": []}'),
    "wbs without tasks": ("wbs.json", wbs()),
    "wbs with a task of the wrong type": ("wbs.json", wbs("Phase")),
    "wbs with children of the wrong type": ("wbs.json", wbs({"id": "p", "description": "Phase", "task_children": {}})),
    "wbs with a title of the wrong type": ("wbs.json", wbs({"id": "p", "description": 7})),
    "not a zip": ("run.zip", b"PK\x03\x04 nothing"),
    "a truncated zip": ("run.zip", zipped([(f"run/{WBS}", GOOD_WBS)])[:-40]),
    "a zip of nothing": ("run.zip", zipped([])),
    "a zip without a wbs": ("run.zip", zipped([("run/001-2-plan.txt", b"x")])),
    "a zip of two plans": ("run.zip", zipped([(f"a/{WBS}", GOOD_WBS), (f"b/{WBS}", GOOD_WBS)])),
    "a zip that climbs": ("run.zip", zipped([(f"run/{WBS}", GOOD_WBS), ("../../etc/passwd", b"x")])),
    "a zip from the root": ("run.zip", zipped([(f"/run/{WBS}", GOOD_WBS)])),
    "a zip with a drive": ("run.zip", zipped([(f"C:\\run\\{WBS}", GOOD_WBS)])),
    "a zip with a link": ("run.zip", zipped([(f"run/{WBS}", GOOD_WBS), (link("run/x.md"), b"/etc/passwd")])),
    "an encrypted zip": ("run.zip", encrypted(f"run/{WBS}")),
    "a zip by another method": ("run.zip", bzipped(f"run/{WBS}")),
    "a zip bomb": ("run.zip", zipped([(f"run/{WBS}", b" " * 20_000_000)])),
    "a zip that is too large": ("run.zip", zipped((f"run/{n}", bytes(1_000_000)) for n in range(68))),
    "a zip with too many members": ("run.zip", zipped((str(n), b"") for n in range(10_001))),
}

# One file of the small run each, replaced: the plan is read all the same, without what that file alone would say.
DETAILS = "task_dependency_details"
RUN_CASES: dict[str, tuple[str, Any]] = {
    "broken dependencies": ("021-task_dependencies_raw.json", b"{"),
    "dependencies of the wrong type": ("021-task_dependencies_raw.json", {DETAILS: 5}),
    "dependencies that are a list": ("021-task_dependencies_raw.json", []),
    "a dependency of the wrong type": ("021-task_dependencies_raw.json", {DETAILS: ["k1", waits("k3", "k2")]}),
    "a dependency on nothing": (
        "021-task_dependencies_raw.json",
        {DETAILS: [waits("k3", "k9"), waits("k9", "k1"), waits("k4", "k3")]},
    ),
    "a dependency on itself": ("021-task_dependencies_raw.json", {DETAILS: [waits("k3", "k3", "k1")]}),
    "a dependency on its ancestors": (
        "021-task_dependencies_raw.json",
        {DETAILS: [waits("k3", "p2", "root", "p1"), waits("p1", "k1")]},
    ),
    "a circle of packages": (
        "021-task_dependencies_raw.json",
        {DETAILS: [waits("k1", "k2"), waits("k2", "k3"), waits("k3", "k1"), waits("k4", "k3")]},
    ),
    "a circle through phases": ("021-task_dependencies_raw.json", {DETAILS: [waits("p2", "p1"), waits("k1", "k4")]}),
    "explanations missing": (
        "021-task_dependencies_raw.json",
        {DETAILS: [waits("k3", "k1", "k2") | {"depends_on_task_explanation_list": ["Why."]}]},
    ),
    "broken durations": ("022-2-task_durations.json", b"[,]"),
    "an estimate of nothing": ("022-2-task_durations.json", [lasts("k9", 1, 2, 3)]),
    "an estimate of the project": ("022-2-task_durations.json", [lasts("root", 1, 2, 3)]),
    "estimates out of order": ("022-2-task_durations.json", [lasts("k1", 3, 2, 1), lasts("k2", -1, 2, 3)]),
    "estimates twice": ("022-2-task_durations.json", [lasts("k1", 1, 2, 3), lasts("k1", 1, 2, 4)]),
    "an estimate that is nan": ("022-2-task_durations.json", b'[{"task_id": "k1", "days_min": NaN}]'),
    "an estimate in words": ("022-2-task_durations.json", [lasts("k1", "two", 2, 3)]),
    "no start": ("001-1-start_time.json", {}),
    "a start that is no date": ("001-1-start_time.json", {"server_iso_utc": "2026-13-01T00:00:00Z"}),
    "an unknown verdict": ("002-1-redline_gate.json", {"verdict": "MAYBE"}),
    "a verdict that cannot be read": ("002-1-redline_gate.json", b"\xff"),
    "a risk without a level": (
        "003-1-identify_risks_raw.json",
        {"risks": [{"risk_area": "Sea", "likelihood": "Who knows"}]},
    ),
    "risks of the wrong type": ("003-1-identify_risks_raw.json", {"risks": {"a": 1}}),
    "a body without a name": (
        "006-3-governance_phase2_bodies_raw.json",
        {"internal_governance_bodies": [{}, {"name": "Board"}]},
    ),
    "a long document": ("025-2-executive_summary.md", b"x" * 70_000),
    "a document with hidden text": ("025-2-executive_summary.md", "a\u202eb\U000e0041".encode()),
    "a title that is empty": (WBS, small({"id": "k", "description": " ", "task_children": [LEAF]})),
    "a title with hidden text": (WBS, small({"id": "k", "description": "Qu\u202eay", "task_children": [LEAF]})),
    "a title without an end": (
        WBS,
        small({"id": "k", "description": "Package", "task_children": [LEAF | {"description": "Dig " * 60}]}),
    ),
    "an id twice": (
        WBS,
        small({"id": "k", "description": "Package", "task_children": [LEAF, LEAF | {"description": "Other"}]}),
    ),
    "no id": (WBS, small({"description": "Package", "task_children": [LEAF]})),
    "extras of the wrong type": (
        WBS,
        small(
            {
                "id": "k",
                "description": "P",
                "task_children": [
                    LEAF | {"extra_fields": {"detailed_description": 1, "resources_needed": {"a": 1}}},
                    LEAF | {"id": "m", "extra_fields": []},
                    LEAF | {"id": "n", "extra_fields": {"resources_needed": ["Boat", 3]}},
                ],
            }
        ),
    ),
    "a file twice": ("015-1-task_durations.json", [lasts("k1", 1, 2, 3)]),
}


@pytest.mark.parametrize("name", CASES)
def test_every_problem_is_told(name: str, tmp_path: Path) -> None:
    file, data = CASES[name]
    source = tmp_path / file
    source.write_bytes(data)
    assert said(read_plan(source)) == golden()[name]


@pytest.mark.parametrize("name", RUN_CASES)
def test_a_bad_file_of_a_run_costs_only_itself(
    name: str, small_run: dict[str, bytes], write_run: Callable[[dict[str, bytes]], Path]
) -> None:
    file, value = RUN_CASES[name]
    data = value if isinstance(value, bytes) else json.dumps(value, indent=1).encode()
    assert said(read_plan(write_run(small_run | {file: data}))) == golden()[name]


def test_no_expectation_is_left_over() -> None:
    assert set(golden()) == {*CASES, *RUN_CASES}


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    plan, problems = read_plan(tmp_path / "missing.json")
    assert plan is None
    assert [str(problem) for problem in problems] == [
        "does not exist; expected our own plan JSON, a PlanExe run folder, the zip of one, or its WBS JSON"
    ]


def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    plan, problems = read_plan(tmp_path / ("x" * 300 + ".json"))
    assert plan is None
    assert [str(problem) for problem in problems] == ["cannot be read: File name too long"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "plan.json"
    os.mkfifo(pipe)
    plan, problems = read_plan(pipe)
    assert plan is None
    assert [problem.code for problem in problems] == ["no-file"]


def test_a_file_of_any_size_is_refused_before_it_is_read(tmp_path: Path) -> None:
    huge = tmp_path / "plan.json"
    with huge.open("wb") as file:
        file.truncate(jsontext.MAX_BYTES + 1)
    plan, problems = read_plan(huge)
    assert plan is None
    assert [str(problem) for problem in problems] == ["the file has 67,108,865 bytes; at most 67,108,864 are read"]


def test_a_flood_of_problems_is_cut_and_counted(tmp_path: Path) -> None:
    source = tmp_path / "plan.json"
    source.write_bytes(native(**{f"field{number}": 1 for number in range(MAX_PROBLEMS + 7)}))
    _, problems = read_plan(source)
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].message == "there are 7 problems more"


def test_duplicate_members_of_a_zip_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "run.zip"
    with pytest.warns(UserWarning, match="Duplicate name"):
        source.write_bytes(zipped([(f"run/{WBS}", GOOD_WBS), (f"run/{WBS}", GOOD_WBS)]))
    plan, problems = read_plan(source)
    assert plan is None
    assert [str(problem) for problem in problems] == [f"the member 'run/{WBS}' is in the zip 2 times"]


@pytest.mark.parametrize("top", ["", "run/", "a/b/"])
def test_zips_with_and_without_folders_and_with_litter_are_read(top: str, tmp_path: Path) -> None:
    source = tmp_path / "run.zip"
    litter = [(f"__MACOSX/{top}._{WBS}", b"\0"), (f"{top}.DS_Store", b"\0"), ("__MACOSX/../x", b"")]
    source.write_bytes(zipped([(f"{top}{WBS}", GOOD_WBS), *litter]))
    plan, problems = read_plan(source)
    assert plan is not None
    assert [step.title for step in plan.steps] == ["Leaf"]
    assert {problem.code for problem in problems} == {"missing-file"}


def test_a_damaged_member_costs_only_itself(tmp_path: Path) -> None:
    source = tmp_path / "run.zip"
    gate = b'{"verdict": "ALLOW"}'
    with zipfile.ZipFile(source, "w") as file:
        file.writestr(WBS, GOOD_WBS)
        file.writestr("002-1-redline_gate.json", gate)
    source.write_bytes(source.read_bytes().replace(gate, gate.replace(b"ALLOW", b"ALLOX")))
    plan, problems = read_plan(source)
    assert plan is not None
    assert plan.redline == Redline(
        refused=True, verdict="UNREADABLE", reason="The verdict of the safety gate cannot be read."
    )
    assert [str(problem) for problem in problems if problem.code == "unreadable"] == [
        "cannot be read: 'Bad CRC-32 for file '002-1-redline_gate.json''"
    ]


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("secret")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / WBS).write_bytes(GOOD_WBS)
    (folder / "025-2-executive_summary.md").symlink_to(secret)
    plan, _ = read_plan(folder)
    assert plan is not None
    assert plan.documents == ()
