"""How people keep their inbox in order, through the API: put off, priorities, and filters that they keep."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, HTTPException, status
from pydantic import ValidationError
from sqlalchemy import delete, func, select

from planexe_dag_factory.ui.access import MAY_ANSWER, MAY_SEE_TICKETS, Hand, Person
from planexe_dag_factory.ui.api import ACTED
from planexe_dag_factory.ui.desk import actions
from planexe_dag_factory.ui.desk.inbox import Wanted
from planexe_dag_factory.ui.desk.index import Place, dialect
from planexe_dag_factory.ui.desk.manager import require_tables
from planexe_dag_factory.ui.desk.tables import FILTER
from planexe_dag_factory.ui.wire import FilterQuery, KeptFilter, PutOff, Ranking

MOST = 30
NAME_CHARACTERS = 60
router = APIRouter(prefix="/api/v1")


@router.put("/tickets/{dag_id}/{run_id}/{task_id}/put-off", dependencies=MAY_ANSWER, status_code=204, responses=ACTED)
def put_off(dag_id: str, run_id: str, task_id: str, body: PutOff, hand: Hand) -> None:
    """Keep a ticket from one's own lists until a time, at most until it is due; others see it as before."""
    actions.put_off(hand, Place(dag_id, run_id, task_id), body.until)


@router.put("/tickets/{dag_id}/{run_id}/{task_id}/priority", dependencies=MAY_ANSWER, status_code=204, responses=ACTED)
def rank(dag_id: str, run_id: str, task_id: str, body: Ranking, hand: Hand) -> None:
    """Say how urgent a ticket is."""
    actions.rank(hand, Place(dag_id, run_id, task_id), body)


@router.get("/me/filters", dependencies=MAY_SEE_TICKETS)
def kept(session: SessionDep, person: Person) -> list[KeptFilter]:
    """List the filters that the reader keeps, by name. Nobody else sees them."""
    require_tables(session)
    rows = session.execute(select(FILTER.c.name, FILTER.c.query).where(FILTER.c.user == person.id))
    found = [KeptFilter(name=name, query=query) for name, query in rows]
    return sorted(found, key=lambda one: (one.name.casefold(), one.name))


@router.put("/me/filters/{name:path}", dependencies=MAY_SEE_TICKETS, status_code=204, responses={422: ACTED[422]})
def keep(name: str, body: FilterQuery, session: SessionDep, person: Person) -> None:
    """Keep a filter under a name; one that is there already is replaced."""
    require_tables(session)
    others = select(func.count()).where(FILTER.c.user == person.id, FILTER.c.name != name)
    problems = [*_wrong_name(name), *_wrong_query(body.query)]
    if not problems and (session.scalar(others) or 0) >= MOST:
        problems.append(f"name: {MOST} filters are kept: drop one first")
    if problems:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, problems)
    query = urlencode(_fields(body.query))  # what is no filter, such as which page it was, is left out
    row = dialect(session).insert(FILTER).values(user=person.id, name=name, query=query)
    session.execute(row.on_conflict_do_update(index_elements=["user", "name"], set_={"query": query}))
    session.commit()


@router.delete("/me/filters/{name:path}", dependencies=MAY_SEE_TICKETS, status_code=204)
def drop(name: str, session: SessionDep, person: Person) -> None:
    """Keep a filter no longer; one that is not there is no fault."""
    require_tables(session)
    if not _wrong_name(name):
        session.execute(delete(FILTER).where(FILTER.c.user == person.id, FILTER.c.name == name))
        session.commit()


def _wrong_name(name: str) -> list[str]:
    if name.strip() == name and name.isprintable() and 0 < len(name) <= NAME_CHARACTERS:
        return []
    return [f"name: give it 1 to {NAME_CHARACTERS} letters that can be seen"]


def _wrong_query(query: str) -> list[str]:
    try:
        Wanted.model_validate(_fields(query))
    except ValidationError as error:
        return [f"query: {one['loc'][0]}: {one['msg']}" for one in error.errors()]
    except ValueError as error:
        return [f"query: {error}"]
    return []


def _fields(query: str) -> dict[str, str]:
    known = {field.alias or name for name, field in Wanted.model_fields.items()} - {"limit", "offset"}
    return {name: value for name, value in parse_qsl(query, max_num_fields=50) if name in known}
