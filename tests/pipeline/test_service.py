"""PlanExe behind its worker service: what it is asked, and what becomes of one that fails, hangs or forgets."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from planexe_dag_factory.airflow.planexe import PlanExe
from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.pipeline import folder as files
from planexe_dag_factory.pipeline.job import Workplace
from planexe_dag_factory.pipeline.refresh import carry_on, prepare, take_in
from planexe_dag_factory.pipeline.service import ServicePipeline
from tests.pipeline.conftest import Reached, behave
from tests.pipeline.test_refresh import gantt_of, minute, named, soon


@dataclass
class Service:
    """A stand-in for the worker service: the same routes, over the stand-in pipeline."""

    home: Path
    run_dir: Path
    asked: list[tuple[str, Any]] = field(default_factory=list)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    forgetful: bool = False
    url: str = ""

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        self.asked.append((path, body))
        if path.endswith("/stop"):
            self.running[path.split("/")[2]].kill()
            return 200, {"stopped": True}
        folder = self.run_dir / body["run_id"]
        if not folder.is_dir():
            return 404, {"detail": "no such run"}
        env = {**os.environ, "RUN_ID_DIR": str(folder), "PLANEXE_CONFIG_PATH": str(self.home)}
        module = "worker_plan_internal.plan.run_plan_pipeline"
        self.running[body["run_id"]] = subprocess.Popen(
            [sys.executable, "-m", module], cwd=self.home / "worker_plan", env=env
        )
        return 200, {"run_id": body["run_id"], "status": "running"}

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        process = None if self.forgetful else self.running.get(path.split("/")[2])
        code = process.poll() if process else None
        return 200, {"running": process is not None and code is None, "returncode": code}


@pytest.fixture
def service(home: Path, tmp_path: Path) -> Iterator[Service]:
    told = Service(home, tmp_path / "shared")
    told.run_dir.mkdir()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*told.get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            told.asked.append(("token", self.headers.get("authorization")))
            self._answer(*told.post(self.path, json.loads(body or b"null")))

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield told
    for process in told.running.values():
        process.kill()
        process.wait()
    server.shutdown()
    server.server_close()


def refresh(reached: Reached, tmp_path: Path, service: Service, limit_s: float = 60) -> dict[str, bytes]:
    place = Workplace.of("run-milestone", tmp_path / "work", service.run_dir)
    prepare(reached.run, reached.milestone, place)
    pipeline = ServicePipeline(service.url, limit_s, token="s3cret")
    asyncio.run(carry_on(reached.run, reached.milestone, place, pipeline, soon))
    return take_in(reached.milestone, place)


def test_the_service_goes_on_with_the_copy_in_its_own_folder(
    reached: Reached, tmp_path: Path, service: Service
) -> None:
    taken = refresh(reached, tmp_path, service)
    rows = gantt_of(named(taken, files.REPORT))
    ids = reached.source_ids()
    (step, (start, end)), *_ = reached.done.items()
    assert (rows[ids[step]]["start_date"], rows[ids[step]]["end_date"]) == (minute(start), minute(end))
    asked = [body for path, body in service.asked if path == "/runs"]
    assert [(one["submit_or_retry"], one["run_id"]) for one in asked] == [("retry", "run-milestone")] * 2
    assert {token for path, token in service.asked if path == "token"} == {"Bearer s3cret"}


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [("fail", "PlanExe ended with 1"), ("newer", "another version of PlanExe"), ("hang", "longer than")],
)
def test_what_the_service_cannot_do_is_said_and_stopped(
    reached: Reached, tmp_path: Path, service: Service, home: Path, behaviour: str, said: str
) -> None:
    behave(home, behaviour)
    with pytest.raises(PipelineError, match=said):
        refresh(reached, tmp_path, service, limit_s=0 if behaviour == "hang" else 60)
    assert service.running["run-milestone"].wait(10) is not None


def test_a_service_that_has_forgotten_the_run_is_not_waited_for(
    reached: Reached, tmp_path: Path, service: Service
) -> None:
    service.forgetful = True
    with pytest.raises(PipelineError, match="was it restarted"):
        refresh(reached, tmp_path, service)


def test_a_service_that_is_not_there_is_said_not_to_be(reached: Reached, tmp_path: Path, service: Service) -> None:
    service.url = "http://127.0.0.1:9"
    with pytest.raises(PipelineError, match="worker service cannot be asked"):
        refresh(reached, tmp_path, service)


def test_a_connection_says_where_the_service_and_its_folder_are(tmp_path: Path) -> None:
    from airflow.sdk import Connection  # noqa: PLC0415 - Airflow reads its home on import

    settings = PlanExe(home="", conn_id="planexe_worker", python="", work=tmp_path, limit_s=60, model=None)
    connection = Connection(conn_id="planexe_worker", conn_type="http", host="planexe", port=8000, password="s3cret")
    assert settings.pipeline(connection) == ServicePipeline("http://planexe:8000", 60, "s3cret", None)
    with pytest.raises(PipelineError, match="has no 'run_dir'"):
        settings.place("x", connection)
    connection.extra = json.dumps({"run_dir": "/srv/planexe/run"})
    assert settings.place("x", connection).plan.path == Path("/srv/planexe/run/x")
