"""The pages: one shell, rendered on the server, in which a script without a framework shows the API's answers.

Paths are real ones, so that Airflow's own address bar follows the frame, and a link opens what it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

router = APIRouter(include_in_schema=False)

_TEMPLATES = Environment(
    loader=PackageLoader("planexe_dag_factory.ui"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def _read_static(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, tuple[bytes, str]]]:
    for file in folder.iterdir():
        media_type = _MEDIA_TYPES.get(file.name.rpartition(".")[2])
        if file.is_dir():
            yield from _read_static(file, f"{file.name}/")
        elif media_type:
            yield f"{prefix}{file.name}", (file.read_bytes(), media_type)


_STATIC = dict(_read_static(files("planexe_dag_factory.ui").joinpath("static")))


@router.get("/")
@router.get("/plans")
def plans(request: Request) -> HTMLResponse:
    """Show every plan and how far it is."""
    return _page(request, "plans")


@router.get("/plans/{dag_id}")
def plan(request: Request, dag_id: str) -> HTMLResponse:
    """Show the latest run of one plan."""
    return _page(request, "plan", dag_id=dag_id)


@router.get("/runs/{dag_id}/{run_id}")
def run(request: Request, dag_id: str, run_id: str) -> HTMLResponse:
    """Show one run, live."""
    return _page(request, "run", dag_id=dag_id, run_id=run_id)


@router.get("/runs/{dag_id}/{run_id}/report/{milestone}")
def report(request: Request, dag_id: str, run_id: str, milestone: str) -> HTMLResponse:
    """Show a report in a frame that can do nothing."""
    return _page(request, "report", dag_id=dag_id, run_id=run_id, milestone=milestone)


@router.get("/runs/{dag_id}/{run_id}/planexe/{milestone}")
def own_report(request: Request, dag_id: str, run_id: str, milestone: str) -> HTMLResponse:
    """Show PlanExe's own report in a frame that can do nothing."""
    return _page(request, "ownReport", dag_id=dag_id, run_id=run_id, milestone=milestone)


@router.get("/inbox")
def inbox(request: Request) -> HTMLResponse:
    """Show the open tickets."""
    return _page(request, "inbox")


@router.get("/tickets/{dag_id}/{run_id}/{task_id}")
def ticket(request: Request, dag_id: str, run_id: str, task_id: str) -> HTMLResponse:
    """Show one ticket and its answer form."""
    return _page(request, "ticket", dag_id=dag_id, run_id=run_id, task_id=task_id)


@router.get("/static/{name:path}")
def static(name: str) -> Response:
    """Serve what the pages are made of; names that are not in the package are not looked for on the disk."""
    if name not in _STATIC:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    content, media_type = _STATIC[name]
    return Response(content, media_type=media_type, headers={"Cache-Control": "private, max-age=300"})


def _page(request: Request, view: str, **place: str) -> HTMLResponse:
    base: str = request.scope["root_path"]
    context: dict[str, Any] = {"base": base, "view": view, "place": place}
    return HTMLResponse(_TEMPLATES.get_template("page.html").render(context))
