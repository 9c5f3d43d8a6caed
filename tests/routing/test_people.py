from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from planexe_dag_factory.errors import PeopleError
from planexe_dag_factory.routing.model import Gate, Route
from planexe_dag_factory.routing.people import Assigned, People, load_people, people_schema, unmapped_roles

DOCUMENT = {
    "owner": {"users": ["dana"]},
    "senior": {"groups": ["board"]},
    "groups": {"board": ["dana", "eve"], "site team": ["carl"]},
    "roles": {
        "Legal": {"users": ["lars"]},
        "Legal counsel": {"users": ["anna"], "groups": ["board"]},
        "Steering committee": {"groups": ["board"]},
        "Ärztin": {"users": ["eve"]},
    },
}


def load(tmp_path: Path, document: object) -> People:
    path = tmp_path / "people.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document, indent=1))
    return load_people(path)


def test_without_a_file_everybody_stands_for_every_role() -> None:
    people = load_people(None)

    assert people == People()
    resolved = people.resolve("Legal counsel")
    assert (resolved.assigned, resolved.mapped, resolved.role) == (Assigned(), False, "Legal counsel")


@pytest.mark.parametrize(
    ("role", "assigned", "mapped"),
    [
        ("Legal counsel", Assigned(("anna",), ("board",)), True),
        ("  LEGAL-COUNSEL!", Assigned(("anna",), ("board",)), True),
        ("Senior Legal Counsel (Denmark)", Assigned(("anna",), ("board",)), True),
        ("Legal advisor", Assigned(("lars",)), True),
        ("ÄRZTIN", Assigned(("eve",)), True),
        ("Board", Assigned((), ("board",)), True),
        ("Site team", Assigned((), ("site team",)), True),
        ("carl", Assigned(("carl",)), True),
        ("Plan owner", Assigned(("dana",)), True),
        ("Paralegal", Assigned(("dana",)), False),
        ("Counsel", Assigned(("dana",)), False),
        ("", Assigned(("dana",)), False),
        ("x" * 100_000 + " legal", Assigned(("dana",)), False),
    ],
)
def test_a_role_finds_the_most_specific_entry_else_the_owner(
    tmp_path: Path, role: str, assigned: Assigned, mapped: bool
) -> None:
    resolved = load(tmp_path, DOCUMENT).resolve(role)

    assert (resolved.assigned, resolved.mapped, resolved.role) == (assigned, mapped, role)


def test_members_are_the_users_and_those_of_the_groups(tmp_path: Path) -> None:
    people = load(tmp_path, DOCUMENT)

    assert people.members(Assigned(("anna",), ("board", "gone"))) == {"anna", "dana", "eve"}
    assert people.users == ("anna", "carl", "dana", "eve", "lars")


@settings(derandomize=True, max_examples=100)
@given(st.text(max_size=80))
def test_any_role_resolves_to_somebody_of_the_file(role: str) -> None:
    people = People({"Legal": Assigned(("lars",))}, {"board": ("eve",)}, Assigned(("dana",)))

    resolved = people.resolve(role)

    assert people.members(resolved.assigned)
    assert people.members(resolved.assigned) <= set(people.users)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, ["line 1, $.owner: 'owner' is missing"]),
        (
            {"owner": {"users": ["dana"]}, "rols": {}},
            ["line 7, $.rols: 'rols' is not a field here\n    did you mean 'roles'?"],
        ),
        (
            {"owner": {}, "groups": {"board": [], "!": ["a"]}, "roles": {"Legal": {"groups": ["bord"]}}},
            [
                "line 4, $.groups.board: the group 'board' has no members",
                "line 2, $.owner: name at least one user or group here",
                "line 12, $.roles.Legal.groups[0]: there is no group 'bord' in this file\n    did you mean 'board'?",
                "line 5, $.groups['!']: the group '!' has no letter or digit",
            ],
        ),
        (
            {"owner": {"users": ["d"]}, "roles": {"Site lead": {"users": ["a"]}, "site-LEAD": {"users": ["b"]}}},
            [
                (
                    "line 13, $.roles['site-LEAD']: the roles 'Site lead' and 'site-LEAD' are the same: "
                    "case and punctuation do not count"
                )
            ],
        ),
        ("[", ["line 1: not JSON: expecting value (column 2)\n    the file seems to be cut off"]),
    ],
)
def test_a_file_with_faults_is_refused_with_all_of_them(tmp_path: Path, document: object, expected: list[str]) -> None:
    with pytest.raises(PeopleError) as raised:
        load(tmp_path, document)

    assert [str(problem) for problem in raised.value.problems] == expected


def test_a_file_that_is_named_and_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PeopleError, match="the people file cannot be read: No such file"):
        load_people(tmp_path / "people.json")


def test_the_published_schema_takes_what_is_read_and_nothing_else() -> None:
    schema = people_schema()

    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(DOCUMENT)) == []
    assert list(validator.iter_errors({**DOCUMENT, "rols": {}}))
    assert list(validator.iter_errors({"roles": {}}))


def test_each_role_that_nobody_stands_for_is_told_once_with_its_steps(tmp_path: Path) -> None:
    gate = Gate("budget", "it buys", "Steering Committee", approvers=("Steering Committee", "Treasurer"))
    routes = {
        "a": Route("a", "human", "", 1, "Legal counsel"),
        "b": Route("b", "human", "", 1, "Plumber", gate=gate),
        "c": Route("c", "human", "", 1, "Plumber"),
    }

    problems = unmapped_roles(routes, load(tmp_path, DOCUMENT))

    assert [(one.severity, one.code, one.message) for one in problems] == [
        (
            "warning",
            "unmapped-role",
            "nobody stands for 'Plumber' (step 'b' and 1 more): the owner of the people file answers",
        ),
        (
            "warning",
            "unmapped-role",
            "nobody stands for 'Treasurer' (step 'b'): the owner of the people file answers",
        ),
    ]
