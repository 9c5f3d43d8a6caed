"""What the pages of a plan and of a run show beside its progress: the timeline, its picture, the record, other runs."""

from __future__ import annotations

from typing import Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, HTTPException, Query, Response, status
from sqlalchemy.orm import Session

from planexe_dag_factory.airflow.settings import public_keys
from planexe_dag_factory.delegation.rollback import Source
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.snapshots import Snapshot, snapshots_of
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.ui import queries
from planexe_dag_factory.ui.access import MAY_SEE_RUNS, may_start
from planexe_dag_factory.ui.desk.lookup import find_record_of, find_run
from planexe_dag_factory.ui.events import EventPage, read_page
from planexe_dag_factory.ui.queries import RunRow
from planexe_dag_factory.ui.timeline import RiskPicture, Timeline, draw, draw_risk, read_timeline
from planexe_dag_factory.ui.wire import RunLine, SnapshotLine, Snapshots

router = APIRouter(prefix="/api/v1", dependencies=MAY_SEE_RUNS)

UNDER_WAY = "This run is still under way. Stop it in Airflow first, or two runs would do the same work."
PICTURE_POLICY = "sandbox; default-src 'none'"


@router.get("/plans/{dag_id}/runs")
def runs(dag_id: str, session: SessionDep, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[RunLine]:
    """List the runs of a plan, the newest first."""
    if not queries.is_planexe_dag(session, dag_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"{dag_id!r} was not made from a plan.")
    return [
        RunLine(run_id=run.run_id, state=run.state, started_at=run.started_at, ended_at=run.ended_at)
        for run in queries.recent_runs(session, dag_id, limit)
    ]


@router.get("/runs/{dag_id}/{run_id}/timeline")
def timeline(dag_id: str, run_id: str, session: SessionDep) -> Timeline:
    """Say what is late against the plan's estimates, and what may start next."""
    run, folder = _recorded(session, dag_id, run_id)
    return read_timeline(folder, run.ended_at)


@router.get("/runs/{dag_id}/{run_id}/gantt.svg", response_class=Response)
def gantt(dag_id: str, run_id: str, session: SessionDep, phase: str | None = None) -> Response:
    """Draw the plan beside what really happened: all phases, or one and its steps."""
    run, folder = _recorded(session, dag_id, run_id)
    return _picture(draw(folder, run.ended_at, phase), f"The plan has no phase {phase!r}.")


@router.get("/runs/{dag_id}/{run_id}/risk/{milestone}/{picture}.svg", response_class=Response)
def risk(dag_id: str, run_id: str, milestone: str, picture: RiskPicture, session: SessionDep) -> Response:
    """Draw what the risk assessment at a milestone found."""
    record = find_record_of(session, dag_id, run_id)
    known = any(one.id == milestone for one in record.spec.milestones)
    drawn = draw_risk(record.folder, milestone, picture) if known else None
    return _picture(drawn, f"The assessment at {milestone!r} has no such picture (yet).")


@router.get("/runs/{dag_id}/{run_id}/events")
def events(
    dag_id: str,
    run_id: str,
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> EventPage:
    """List what the record says was done, and by whom: the newest first."""
    _, folder = _recorded(session, dag_id, run_id)
    return read_page(folder, limit, offset)


@router.get("/runs/{dag_id}/{run_id}/snapshots")
def snapshots(dag_id: str, run_id: str, session: SessionDep, user: GetUserDep) -> Snapshots:
    """List what a new run can go on from: trigger one in Airflow's own API, with the `conf` of a snapshot."""
    run, folder = _recorded(session, dag_id, run_id)
    under_way = UNDER_WAY if run.ended_at is None else None
    why_not = under_way if may_start(user, dag_id) else "You may not start runs of this plan."
    found = tuple(_snapshot(one) for one in snapshots_of(folder))
    return Snapshots(snapshots=found, may_go_back=why_not is None, why_not=why_not)


@router.get("/runs/{dag_id}/{run_id}/record")
def record(dag_id: str, run_id: str, session: SessionDep) -> dict[str, Any]:
    """Verify the record of a run with the orchestrator's own keys: is it whole, and what is wrong first."""
    _, folder = _recorded(session, dag_id, run_id)
    return verify_run(folder, public_keys()).as_json()


def _snapshot(snapshot: Snapshot) -> SnapshotLine:
    source = Source(snapshot.run.name, snapshot.name, snapshot.digest)
    return SnapshotLine(
        name=snapshot.name,
        at=snapshot.manifest["at"],
        files=len(snapshot.files),
        events=snapshot.manifest["events"]["count"],
        digest=snapshot.digest,
        conf={"rollback": source.as_json()},
    )


def _picture(svg: str | None, missing: str) -> Response:
    if svg is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, missing)
    return Response(svg, media_type="image/svg+xml", headers={"Content-Security-Policy": PICTURE_POLICY})


def _recorded(session: Session, dag_id: str, run_id: str) -> tuple[RunRow, RunFolder]:
    run = find_run(session, dag_id, run_id)
    return run, find_record_of(session, dag_id, run_id).folder
