"""Being away, through the API: who says so, for how long, and who answers meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, HTTPException, status

from planexe_dag_factory.airflow.settings import keys, public_keys, run_root
from planexe_dag_factory.delegation.absences import Absence, Absences
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import Actor, names_of
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.record.keys import PINS, pin_ring
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui.access import (
    MAY_SEE_TICKETS,
    Hand,
    PeopleFile,
    Person,
    ReadableDags,
    may_answer,
    may_operate,
)
from planexe_dag_factory.ui.desk.inbox import away
from planexe_dag_factory.ui.wire import Away, Leave, Mine

router = APIRouter(prefix="/api/v1")
LONGEST = timedelta(days=366)
NOT_FOR_OTHERS = "Only an operator of Airflow says of somebody else that they are away."
CANNOT_ANSWER = "Airflow lets you answer no ticket, so nobody can answer for you."


@router.get("/absences", dependencies=MAY_SEE_TICKETS)
def absences() -> list[Away]:
    """List who is away now or will be, and who answers for them."""
    return [away(one) for one in _kept().coming(datetime.now(UTC))]


@router.get("/me/absence", dependencies=MAY_SEE_TICKETS)
def my_absence(person: Person, people: PeopleFile) -> Mine:
    """Say whether the reader is away, and for whom they answer."""
    own = _own_name(person, people)
    coming = _kept().coming(datetime.now(UTC))
    return Mine(
        user=own,
        absence=next((away(one) for one in coming if one.user == own), None),
        answers_for=tuple(away(one) for one in standing_in(person, people)),
    )


_REFUSALS: dict[int | str, dict[str, Any]] = {
    403: {"description": "Not for this person to say"},
    422: {"description": "Every problem of the request"},
}


@router.put("/me/absence", dependencies=MAY_SEE_TICKETS, status_code=204, responses=_REFUSALS)
def leave(body: Leave, hand: Hand, user: GetUserDep, readable: ReadableDags) -> None:
    """Be away: somebody answers for the reader meanwhile."""
    if not any(may_answer(user, dag_id, ()) for dag_id in readable):
        raise HTTPException(status.HTTP_403_FORBIDDEN, CANNOT_ANSWER)
    _leave(_known(_own_name(hand.person, hand.people)), body, hand.person, hand.people)


@router.delete("/me/absence", dependencies=MAY_SEE_TICKETS, status_code=204, responses=_REFUSALS)
def come_back(hand: Hand) -> None:
    """Be back: nobody answers for the reader any more."""
    _come_back(_known(_own_name(hand.person, hand.people)), hand.person)


@router.put("/people/{name}/absence", dependencies=MAY_SEE_TICKETS, status_code=204, responses=_REFUSALS)
def leave_for(name: str, body: Leave, hand: Hand, user: GetUserDep) -> None:
    """Say of somebody else that they are away, as an operator."""
    _operators_only(user)
    _leave(_known(name if name in hand.people.users else None), body, hand.person, hand.people)


@router.delete("/people/{name}/absence", dependencies=MAY_SEE_TICKETS, status_code=204, responses=_REFUSALS)
def come_back_for(name: str, hand: Hand, user: GetUserDep) -> None:
    """Say of somebody else that they are back, as an operator."""
    _operators_only(user)
    _come_back(_known(name if name in hand.people.users else None), hand.person)


def standing_in(person: Actor, people: People) -> tuple[Absence, ...]:
    """Return the absences by which a person answers for others now."""
    names = names_of(person) & frozenset(people.users)
    return tuple(one for one in _kept().all(datetime.now(UTC)) if one.deputy in names) if names else ()


def _kept() -> Absences:
    return Absences.below(run_root(), _ours())


def _ours() -> frozenset[str]:
    """Return our public keys; none before the first run, nor where the key is lost: then nobody counts as away."""
    try:
        return public_keys()
    except RecordError:
        return frozenset()


def _leave(user: str, body: Leave, by: Actor, people: People) -> None:
    if problems := _problems(user, body, people):
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, problems)
    since = body.since or datetime.now(UTC)
    _keep(
        Absence(user, body.deputy, _written(since), _written(body.until), sorted(set(body.kinds)), by.as_json(), now())
    )


def _problems(user: str, body: Leave, people: People) -> list[str]:
    moment, problems = datetime.now(UTC), []
    if body.deputy == user:
        problems.append("deputy: name somebody else than who is away")
    elif body.deputy not in people.users:
        problems.append(f"deputy: the people file knows no {body.deputy!r}; choose one of {', '.join(people.users)}")
    if not max(moment, body.since or moment) < body.until <= moment + LONGEST:
        problems.append(f"until: choose a time after the beginning, within the next {LONGEST.days} days")
    return problems


def _come_back(user: str, by: Actor) -> None:
    at = now()
    _keep(Absence(user, "", at, at, [], by.as_json(), at))


def _keep(absence: Absence) -> None:
    """Sign an absence. Where it is the first that anybody signs here, the key is made; a lost one never is."""
    root = run_root()
    ring = keys(make=not root.names(PINS))
    pin_ring(root, ring)
    _kept().add(absence, ring.current)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _own_name(person: Actor, people: People) -> str | None:
    return next(iter(sorted(names_of(person) & frozenset(people.users))), None)


def _known(user: str | None) -> str:
    if user is None:
        what = "The people file does not know this name, so no ticket asks for it, and nobody can answer in its place."
        raise HTTPException(status.HTTP_403_FORBIDDEN, what)
    return user


def _operators_only(user: GetUserDep) -> None:
    if not may_operate(user):
        raise HTTPException(status.HTTP_403_FORBIDDEN, NOT_FOR_OTHERS)
