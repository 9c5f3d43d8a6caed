from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.plan.ids import MAX_ID, Titled, assign_ids, free_id, is_id, is_reserved, slug


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Secure Initial Funding (€400k)", "secure-initial-funding-400k"),
        ("Geotechnical Survey of Île aux Cygnes", "geotechnical-survey-of-ile-aux-cygnes"),
        ("  R&D -- phase_2  ", "r-d-phase-2"),
        ("Straße 9", "strasse-9"),
        ("計画", "x-5a025aa4"),
        ("План 2", "x-b9f8c67d"),
        ("план 2", "x-b9f8c67d"),
        ("2026", "x-158a323a"),
        ("Establish " * 10, "establish-establish-establish-establish-establish-establish"),
        ("x" * 99, "x" * 60),
        ("", "x-e3b0c442"),
    ],
)
def test_slugs_are_readable_ascii(title: str, expected: str) -> None:
    assert slug(title) == expected


def test_all_that_collide_take_their_parents_slug() -> None:
    items = [
        Titled("phase", "Survey"),
        Titled("package", "Seabed", 0),
        Titled("step", "Report", 1),
        Titled("step", "Measure", 1),
        Titled("package", "Land", 0),
        Titled("step", "Report", 4),
    ]
    assert assign_ids(items) == ("survey", "seabed", "seabed-report", "measure", "land", "land-report")


def test_a_phase_keeps_its_slug_against_what_is_inside() -> None:
    items = [Titled("phase", "Survey"), Titled("package", "Survey", 0), Titled("step", "Survey", 1)]
    assert assign_ids(items) == ("survey", "survey-survey-1", "survey-survey-2")


def test_what_still_collides_is_numbered_in_the_plans_order() -> None:
    items = [Titled("phase", "A"), Titled("package", "B", 0), *[Titled("step", "C", 1)] * 3, Titled("step", "B C 2", 1)]
    assert assign_ids(items) == ("a", "b", "b-c-1", "b-c-3", "b-c-4", "b-c-2")


def test_names_of_the_dags_own_tasks_are_avoided() -> None:
    items = [Titled("phase", "Start"), Titled("package", "Finish", 0), Titled("step", "Milestone planning", 1)]
    assert assign_ids(items) == ("phase-start", "package-finish", "step-milestone-planning")


def test_a_free_id_is_numbered() -> None:
    assert [free_id("work", set()), free_id("work", {"work"}), free_id("work", {"work", "work-2"})] == [
        "work",
        "work-2",
        "work-3",
    ]


titles = st.one_of(st.sampled_from(["A", "B", "A b", "a-b", "Start", "計画", "x" * 70, "x" * 60]), st.text(max_size=80))


@st.composite
def trees(draw: st.DrawFn) -> list[Titled]:
    items: list[Titled] = []
    for _ in range(draw(st.integers(1, 3))):
        items.append(Titled("phase", draw(titles)))
        phase = len(items) - 1
        for _ in range(draw(st.integers(0, 3))):
            items.append(Titled("package", draw(titles), phase))
            package = len(items) - 1
            items.extend(Titled("step", draw(titles), package) for _ in range(draw(st.integers(0, 4))))
    return items


@given(trees())
@settings(derandomize=True)
def test_ids_are_always_valid_and_unique(items: list[Titled]) -> None:
    ids = assign_ids(items)
    assert len(ids) == len(items) == len(set(ids))
    assert all(is_id(name) and not is_reserved(name) and len(name) <= MAX_ID for name in ids)


@given(trees(), st.randoms(use_true_random=False))
@settings(derandomize=True)
def test_ids_do_not_depend_on_the_order_but_for_numbers(items: list[Titled], dice: random.Random) -> None:
    order = list(range(len(items)))
    dice.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    moved = [
        Titled(items[old].kind, items[old].title, None if items[old].parent is None else place[items[old].parent or 0])
        for old in order
    ]
    before, after = assign_ids(items), assign_ids(moved)
    assert set(before) == set(after)
    slugs = Counter(slug(item.title) for item in items)
    for old, item in enumerate(items):
        if slugs[slug(item.title)] == 1:
            assert before[old] == after[place[old]]
