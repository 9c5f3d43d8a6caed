"""Who in Airflow stands behind the roles that plans name: the people file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from planexe_dag_factory.errors import PlanExeDagError


class PeopleError(PlanExeDagError):
    """The people file cannot be used."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Users and groups, by the names that Airflow knows users by."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whom a role means; `mapped` is false where the owner stands in for a role that the file does not have."""

    assigned: Assigned
    mapped: bool
    role: str


@dataclass(frozen=True, slots=True)
class People:
    """The people file: roles, the users of each group, and who answers where no role fits."""

    roles: Mapping[str, Assigned] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    owner: Assigned | None = None
    senior: Assigned | None = None

    def resolve(self, role: str) -> Resolved:
        """Look up a role, whatever its case and punctuation."""
        found = next((one for name, one in self.roles.items() if _plain(name) == _plain(role)), None)
        return Resolved(found or self.owner or Assigned(), found is not None, role)

    def members(self, assigned: Assigned) -> frozenset[str]:
        """Return the users, and those of the groups."""
        of_groups = (user for group in assigned.groups for user in self.groups.get(group, ()))
        return frozenset((*assigned.users, *of_groups))


def load_people(path: Path | None) -> People:
    """Read the people file; nobody without one. Raises PeopleError where it cannot be used."""
    if path is None:
        return People()
    try:
        return TypeAdapter(People).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise PeopleError(f"{path}: {error}") from error


def _plain(role: str) -> str:
    return " ".join(re.findall(r"\w+", role.casefold()))
