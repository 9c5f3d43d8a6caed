"""Who may do what: asked of Airflow at every request, never remembered.

A sub-application is anonymous unless it asks, so `signed_in` and `from_our_pages` guard the whole
application, and each route adds the permission it needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
from airflow.configuration import conf
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Request, status
from fastapi.params import Depends as Dependency

from planexe_dag_factory.airflow.settings import people
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui.desk import actions
from planexe_dag_factory.ui.queries import planexe_dags

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def may(method: ResourceMethod, *entities: DagAccessEntity) -> list[Dependency]:
    """Demand a permission on the DAG that the request names, or on DAGs at all where it names none."""
    return [Depends(requires_access_dag(method=method, access_entity=entity)) for entity in entities]


MAY_SEE_RUNS = may("GET", DagAccessEntity.RUN, DagAccessEntity.TASK_INSTANCE)
MAY_SEE_TICKETS = may("GET", DagAccessEntity.HITL_DETAIL)
MAY_SEE_CLUSTER = [Depends(requires_access_view(AccessView.CLUSTER_ACTIVITY))]
MAY_ANSWER = may("PUT", DagAccessEntity.HITL_DETAIL)


def signed_in(user: GetUserDep) -> None:
    """Refuse whoever Airflow does not know (401)."""


def from_our_pages(request: Request) -> None:
    """Refuse (403) a write that a foreign page may have made with the user's cookie.

    Airflow's own API takes such a write (its cookie is SameSite=Lax, which another port or a
    subdomain passes). A client with a bearer token need not say where it comes from.
    """
    if request.method in _SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if origin is None and request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    if origin is None or origin.rstrip("/") not in _our_origins(request):
        raise HTTPException(
            status.HTTP_403_FORBIDDEN,
            f"A write from {origin or 'nowhere'} is refused: use the pages of this Airflow, or a bearer token.",
        )


def readable_dags(user: GetUserDep, session: SessionDep) -> frozenset[str]:
    """Return the ids of the PlanExe DAGs that the user may read."""
    authorized = get_auth_manager().get_authorized_dag_ids(user=user, method="GET", session=session)
    return frozenset(planexe_dags(session)) & authorized


ReadableDags = Annotated[frozenset[str], Depends(readable_dags)]


def person_of(user: GetUserDep) -> Actor:
    """Return the user as the record names a person."""
    return Actor("person", str(user.get_id()), user.get_name(), auth=type(get_auth_manager()).__name__)


Person = Annotated[Actor, Depends(person_of)]
PeopleFile = Annotated[People, Depends(people)]


def hand_of(session: SessionDep, person: Person, names: PeopleFile) -> actions.Hand:
    """Return the user as one who does something about tickets."""
    return actions.Hand(session, replace(person, via="planexe"), names)


Hand = Annotated[actions.Hand, Depends(hand_of)]


def may_answer(user: GetUserDep, dag_id: str, assigned: Iterable[str]) -> bool:
    """Say whether Airflow would take this user's answer to a ticket assigned to these user ids."""
    assigned_users = set(assigned)
    return _is_authorized(user, dag_id, "PUT", DagAccessEntity.HITL_DETAIL) and (
        not assigned_users or get_auth_manager().is_authorized_hitl_task(assigned_users=assigned_users, user=user)
    )


def may_start(user: GetUserDep, dag_id: str) -> bool:
    """Say whether Airflow would let this user start a run of a plan."""
    return _is_authorized(user, dag_id, "POST", DagAccessEntity.RUN)


def may_operate(user: GetUserDep) -> bool:
    """Say whether the user operates this Airflow: its Op and Admin, and whoever else may change its connections."""
    return get_auth_manager().is_authorized_connection(method="PUT", user=user)


def _is_authorized(user: GetUserDep, dag_id: str, method: ResourceMethod, entity: DagAccessEntity) -> bool:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    authorized: bool = get_auth_manager().is_authorized_dag(
        method=method, access_entity=entity, details=details, user=user
    )
    return authorized


def _our_origins(request: Request) -> set[str]:
    own = {f"{request.url.scheme}://{request.url.netloc}"}
    base = urlsplit(conf.get("api", "base_url", fallback=""))
    return own | {f"{base.scheme}://{base.netloc}"} if base.netloc else own
