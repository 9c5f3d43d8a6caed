"""The application that Airflow mounts: guarded as a whole, so that a new route is never open by oversight."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urljoin

from airflow.api_fastapi.app import get_auth_manager
from airflow.configuration import conf
from fastapi import Depends, FastAPI, Request, Response, status
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from planexe_dag_factory import __version__
from planexe_dag_factory.errors import PlanExeDagError
from planexe_dag_factory.ui import api, away, by_hand, order, pages, runs, talking
from planexe_dag_factory.ui.access import from_our_pages, signed_in
from planexe_dag_factory.ui.desk.actions import LARGEST_FILE
from planexe_dag_factory.ui.wire import Problem

log = logging.getLogger(__name__)
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
NO_DATABASE = "Airflow's database does not answer now. Nothing is lost: try again in half a minute."
LARGEST_REQUEST = LARGEST_FILE + 64 * 1024
_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "Nobody is logged in"},
    403: {"model": Problem, "description": "Airflow, or the ticket, does not allow it to this person"},
    404: {"model": Problem, "description": "There is no such thing, or not yet"},
    409: {"model": Problem, "description": "It stands otherwise meanwhile"},
    422: {"model": Problem, "description": "Every problem of the request"},
    503: {"model": Problem, "description": "Something cannot be read now: the database, the record, our tables"},
}
"""What any request may be answered with. A route says more where it means something of its own."""


def create_app() -> FastAPI:
    """Build the application; its own description is one of the guarded routes. Where it is, by-hand acts are seen."""
    by_hand.watch()
    app = FastAPI(
        title="PlanExe",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(signed_in), Depends(from_our_pages)],
    )
    for part in (api, runs, away, talking, order):
        app.include_router(part.router, responses=REFUSALS)
    app.include_router(pages.router)
    app.middleware("http")(_harden)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(PlanExeDagError, _unreadable)
    app.add_exception_handler(OperationalError, _no_database)
    app.add_exception_handler(InterfaceError, _no_database)
    return app


async def _harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = _too_large(request) or await call_next(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _too_large(request: Request) -> Response | None:
    """Refuse a body that is larger than any of ours, or does not say how large it is, before it is read."""
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" in request.headers:
        return JSONResponse({"detail": "Say how long the request is."}, status.HTTP_411_LENGTH_REQUIRED)
    if length is not None and (not length.isdecimal() or int(length) > LARGEST_REQUEST):
        return JSONResponse({"detail": "A file may have 10 MB at most."}, status.HTTP_413_CONTENT_TOO_LARGE)
    return None


async def _refuse(request: Request, error: Exception) -> Response:
    """Send people who open a page without a login to Airflow's; tell programs in JSON."""
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette hands each handler its own class
    page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if error.status_code == status.HTTP_401_UNAUTHORIZED and page:
        return RedirectResponse(get_auth_manager().get_url_login(next_url=_address(request)))
    return await http_exception_handler(request, error)


def _address(request: Request) -> str:
    """Return the address of a page as its reader knows it: behind a reverse proxy this server has another."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return urljoin(conf.get("api", "base_url", fallback="") or str(request.url), path)


async def _unreadable(request: Request, error: Exception) -> Response:
    return await http_exception_handler(request, HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, str(error)))


async def _no_database(request: Request, error: Exception) -> Response:
    """Say it in a sentence; the error itself names hosts and statements, and is for the log."""
    log.warning("Airflow's database cannot be used: %s", error)
    unavailable = HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, NO_DATABASE, {"Retry-After": "30"})
    return await http_exception_handler(request, unavailable)
