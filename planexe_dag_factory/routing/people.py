"""Who stands behind the roles that plans name: one file of Airflow's users and groups of them.

{"owner": {"users": ["dana"]},
 "emails": {"anna": "anna@example.org"},
 "groups": {"board": ["dana", "eve", "finn"]},
 "roles": {"Legal counsel": {"users": ["anna"]}, "Steering committee": {"groups": ["board"]}}}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from planexe_dag_factory.errors import PeopleError, Problem, Where
from planexe_dag_factory.plan.findings import Findings, did_you_mean
from planexe_dag_factory.plan.jsontext import Path as JsonPath
from planexe_dag_factory.plan.jsontext import parse_json
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.assignees import NOBODY_NAMED
from planexe_dag_factory.routing.model import Routes

MAX_ENTRIES = 2_000
MAX_ROLE = 400
"""Characters of a role that a plan names which count; the rest says nothing about who it is."""

_WORD = re.compile(r"\w+")

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")]


@dataclass(frozen=True, slots=True)
class Assigned:
    """Airflow users, and groups of the people file; both empty: whoever Airflow lets answer."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """Who answers for a role. Not `mapped`: the file does not know the role, and the owner answers."""

    assigned: Assigned
    mapped: bool
    role: str


@dataclass(frozen=True)
class People:
    """The people file; without one, empty: then every role resolves to nobody in particular."""

    roles: Mapping[str, Assigned] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    owner: Assigned | None = None
    senior: Assigned | None = None
    emails: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, role: str) -> Resolved:
        """Find who answers for a role that a plan or a policy names.

        Case and punctuation do not count. The most specific wins: the very role, then a group or a
        user of that name, then the role of the file with the most words that are all in the name:
        `Legal counsel` answers for a "Senior Legal Counsel (Denmark)".
        """
        asked = _words(role[:MAX_ROLE])
        ways: tuple[Callable[[tuple[str, ...]], Assigned | None], ...] = (
            self._exact,
            self._group,
            self._user,
            self._within,
        )
        found = next((one for way in ways if (one := way(asked))), None)
        return Resolved(found or self.owner or Assigned(), found is not None, role)

    def members(self, assigned: Assigned) -> frozenset[str]:
        """Return all users that are meant, those of the groups too."""
        return frozenset(assigned.users).union(*(self.groups.get(group, ()) for group in assigned.groups))

    def addresses(self, users: Iterable[str]) -> tuple[str, ...]:
        """Return the e-mail addresses of these users, as far as the file has them."""
        return tuple(self.emails[user] for user in sorted(users) if user in self.emails)

    @property
    def users(self) -> tuple[str, ...]:
        """Every user that the file names, in order."""
        everybody = (*self.roles.values(), *filter(None, (self.owner, self.senior)))
        named = {user for one in everybody for user in one.users}
        return tuple(sorted(named.union(*self.groups.values())))

    def _exact(self, asked: tuple[str, ...]) -> Assigned | None:
        if asked == _words(NOBODY_NAMED):
            return self.owner
        return next((one for role, one in self.roles.items() if _words(role) == asked), None)

    def _group(self, asked: tuple[str, ...]) -> Assigned | None:
        return next((Assigned(groups=(group,)) for group in self.groups if _words(group) == asked), None)

    def _user(self, asked: tuple[str, ...]) -> Assigned | None:
        return next((Assigned(users=(user,)) for user in self.users if _words(user) == asked), None)

    def _within(self, asked: tuple[str, ...]) -> Assigned | None:
        fitting = ((len(said), one) for role, one in self.roles.items() if set(said := _words(role)) <= set(asked))
        return max(fitting, key=lambda pair: pair[0], default=(0, None))[1]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AssignedFormat(_Strict):
    """Who answers: at least one user or group."""

    users: tuple[Name, ...] = Field(default=(), description="Airflow users, by the name they log in with.")
    groups: tuple[Name, ...] = Field(default=(), description="Groups of this file.")


class PeopleFormat(_Strict):
    """Who answers for the roles that plans name."""

    owner: AssignedFormat = Field(description="Who answers for every role that is not in this file.")
    senior: AssignedFormat | None = Field(
        default=None, description="Who decides at critical milestones; without it, whoever the plan names."
    )
    groups: Annotated[dict[Name, tuple[Name, ...]], Field(max_length=MAX_ENTRIES)] = Field(
        default={}, description="Airflow users by group.", examples=[{"board": ["dana", "eve"]}]
    )
    roles: Annotated[dict[Name, AssignedFormat], Field(max_length=MAX_ENTRIES)] = Field(
        default={},
        description="Roles as plans name them; case and punctuation do not count.",
        examples=[{"Legal counsel": {"users": ["anna"]}}],
    )
    emails: Annotated[dict[Name, Email], Field(max_length=MAX_ENTRIES)] = Field(
        default={},
        description="Where each user is told about tickets, by the name they log in with.",
        examples=[{"anna": "anna@example.org"}],
    )


def people_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the file."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:planexe-dag-people:1"}
    return head | PeopleFormat.model_json_schema()


def load_people(path: Path | None) -> People:
    """Read the people file; None stands for having none. Raises PeopleError, with every problem."""
    if path is None:
        return People()
    try:
        source, problems = parse_json(path.read_bytes(), path.name)
    except OSError as error:
        message = f"the people file cannot be read: {error.strerror or error}"
        raise PeopleError(str(path), [Problem("error", "unreadable", message, Where(path.name))]) from error
    if source is None:
        raise PeopleError(str(path), problems)
    findings = Findings(source)
    document = findings.validate(PeopleFormat, source.value, (), "error")
    if document:
        _check(document, findings)
    if document is None or findings.problems:
        raise PeopleError(str(path), findings.problems)
    return _people(document)


def unmapped_roles(routes: Routes, people: People) -> tuple[Problem, ...]:
    """Warn of every role that a plan's steps and gates name and the file does not know."""
    steps: dict[str, list[str]] = {}
    for route in routes.values():
        for role in dict.fromkeys((route.assignee, *(route.gate.deciders if route.gate else ()))):
            if not people.resolve(role).mapped:
                steps.setdefault(role, []).append(route.step)
    return tuple(_unmapped(role, named) for role, named in steps.items())


def _unmapped(role: str, steps: list[str]) -> Problem:
    more = f" and {len(steps) - 1} more" if len(steps) > 1 else ""
    message = f"nobody stands for {quote(role)} (step {quote(steps[0])}{more}): the owner of the people file answers"
    return Problem("warning", "unmapped-role", message, hint="add the role to the people file, or name another one")


def _people(document: PeopleFormat) -> People:
    return People(
        roles={role: _assigned(one) for role, one in document.roles.items()},
        groups=document.groups,
        owner=_assigned(document.owner),
        senior=_assigned(document.senior) if document.senior else None,
        emails=document.emails,
    )


def _assigned(document: AssignedFormat) -> Assigned:
    return Assigned(document.users, document.groups)


def _check(document: PeopleFormat, findings: Findings) -> None:
    for group, members in document.groups.items():
        if not members:
            findings.add("error", "empty-group", f"the group {quote(group)} has no members", ("groups", group))
    for path, assigned in _mentions(document):
        if not assigned.users and not assigned.groups:
            findings.add("error", "nobody", "name at least one user or group here", path)
        for number, group in enumerate(assigned.groups):
            if group not in document.groups:
                hint = did_you_mean(findings.guess(group, document.groups))
                message = f"there is no group {quote(group)} in this file"
                findings.add("error", "unknown-group", message, (*path, "groups", number), hint=hint)
    _check_names(document.roles, "role", findings)
    _check_names(document.groups, "group", findings)


def _mentions(document: PeopleFormat) -> Iterator[tuple[JsonPath, AssignedFormat]]:
    yield ("owner",), document.owner
    if document.senior:
        yield ("senior",), document.senior
    yield from ((("roles", role), assigned) for role, assigned in document.roles.items())


def _check_names(names: Iterable[str], kind: str, findings: Findings) -> None:
    """Refuse names that are the same to whoever looks one up, and names without a word."""
    seen: dict[tuple[str, ...], str] = {}
    for name in names:
        said = _words(name)
        if not said:
            findings.add("error", "no-word", f"the {kind} {quote(name)} has no letter or digit", (f"{kind}s", name))
        elif said in seen:
            message = (
                f"the {kind}s {quote(seen[said])} and {quote(name)} are the same: case and punctuation do not count"
            )
            findings.add("error", "same-name", message, (f"{kind}s", name))
        seen.setdefault(said, name)


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))
