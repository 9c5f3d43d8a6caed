"""The registry of agents, read and never fetched: the one in the package, or the operator's signed file."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from planexe_agents.signing import digest, fingerprint
from pydantic import BaseModel

from planexe_dag_factory.errors import Problem, RegistryError, Where
from planexe_dag_factory.plan.findings import Findings
from planexe_dag_factory.plan.jsontext import JsonText, parse_json
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry_checks import check_agents, check_schemas
from planexe_dag_factory.routing.registry_format import (
    EntryFormat,
    RegistryFormat,
    SignedRegistryFormat,
    to_registry,
)

SHIPPED = "the registry of the package"
SIGNED = 2

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_registry(path: Path | None, *, operator: str | None = None, thorough: bool = True) -> Registry:
    """Read a registry file; None stands for the one in the package.

    With the public key of an `operator` only a file that is signed with it is taken; without, a
    signed file must hold by the key that it names. What takes time (the checks of the actions'
    schemas and of the history) may be left out by who knows that it was done before.

    Raises RegistryError, with every problem, where the file is missing or cannot be used.
    """
    if path is None:
        data, name = files(__package__).joinpath("registry.json").read_bytes(), SHIPPED
        return parse_registry(data, name, thorough=thorough)
    return parse_registry(read_registry(path), str(path), operator=operator, thorough=thorough)


def read_registry(path: Path) -> bytes:
    """Return what a registry file holds, good or bad. Raises RegistryError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"the registry cannot be read: {error.strerror or error}"
        raise RegistryError(str(path), [Problem("error", "unreadable", message, Where(str(path)))]) from error


def parse_registry(data: bytes, name: str, *, operator: str | None = None, thorough: bool = True) -> Registry:
    """Read a registry from the bytes of its file; see `load_registry`."""
    if not thorough and (signed := _signed_quickly(data, operator)):
        return to_registry(signed)
    source, problems = parse_json(data, name)
    if source is None:
        raise RegistryError(name, problems)
    if _version(source.value) == SIGNED:
        document: RegistryFormat | SignedRegistryFormat = parse_signed(source, operator)
    elif operator is not None:
        raise _refused(name, "unsigned", "the registry is not signed by its operator")
    else:
        document = _validated(source, RegistryFormat)
    registry = to_registry(document)
    schemas = check_schemas(registry, name) if thorough else ()
    if found := (*check_agents(registry, name), *schemas):
        raise RegistryError(name, found)
    return registry


def parse_signed(source: JsonText, operator: str | None = None) -> SignedRegistryFormat:
    """Read the operator's file. Raises RegistryError where the signature or the history does not hold."""
    document = _validated(source, SignedRegistryFormat)
    newest = document.history[-1]
    if not _speaks_for(operator, document):
        known = f"{fingerprint(operator or '')}, the key in operator.pub"
        raise _refused(source.name, "foreign-key", f"the registry is not signed with {known}")
    if not _holds(source.value, newest):
        raise _refused(source.name, "bad-signature", "the registry was changed after it was signed")
    for number, (before, after) in enumerate(pairwise(source.value["history"]), start=2):
        if after["follows"] != digest(before):
            message = f"entry {number} of the history does not follow entry {number - 1}"
            raise _refused(source.name, "broken-history", message)
    if document.history[0].follows is not None:
        raise _refused(source.name, "broken-history", "the history does not begin at its first entry")
    return document


def _signed_quickly(data: bytes, operator: str | None) -> SignedRegistryFormat | None:
    """Read a file that is in order as fast as can be; None where it is not, for then words must be found."""
    try:
        value = json.loads(data)
        document = SignedRegistryFormat.model_validate(value)
    except (ValueError, RecursionError):
        return None
    return document if _speaks_for(operator, document) and _holds(value, document.history[-1]) else None


def _speaks_for(operator: str | None, document: SignedRegistryFormat) -> bool:
    """Say whether the newest entry is by the operator's key, or by one that it handed over to."""
    trusted = {operator}
    for entry in document.history:
        if entry.hands_over_to and entry.key in trusted and entry.holds():
            trusted.add(entry.hands_over_to)
    return operator is None or document.history[-1].key in trusted


def _holds(value: Any, newest: EntryFormat) -> bool:
    """Say whether the newest entry of a file vouches for all agents in it."""
    try:
        same = newest.agents == digest(value["agents"])
    except ValueError:
        return False
    return same and newest.holds()


def _version(value: Any) -> Any:
    return value.get("version") if isinstance(value, dict) else None


def _validated(source: JsonText, model: type[ModelT]) -> ModelT:
    findings = Findings(source)
    document = findings.validate(model, source.value, (), "error")
    if document is None:
        raise RegistryError(source.name, findings.problems)
    return document


def _refused(name: str, code: str, message: str) -> RegistryError:
    return RegistryError(name, [Problem("error", code, message, Where(name), _REMEDIES[code])])


_AGAIN = "move it away and register every agent again with `planexe-dag agents add`"
_REMEDIES = {
    "unsigned": _AGAIN,
    "foreign-key": f"restore the file that fits the key, or copy the operator.pub of who signed it; else {_AGAIN}",
    "bad-signature": "only `planexe-dag agents` may change it: find out who else did, and restore it from its "
    f"backup; else {_AGAIN}",
    "broken-history": f"an entry was changed or removed: restore the file from its backup; else {_AGAIN}",
}
