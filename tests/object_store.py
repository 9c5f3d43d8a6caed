"""An S3 of the tests' own: moto's server as a process, with one bucket."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from planexe_dag_factory.stack.embedded import free_port

BUCKET = "planexe-runs"
LOGIN = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "tester-secret", "AWS_REGION": "us-east-1"}


def command(host: str, port: int) -> list[str]:
    """Say how the server is started."""
    return [sys.executable, "-m", "moto.server", "--host", host, "--port", str(port)]


def make_bucket(endpoint: str) -> None:
    """Make the bucket as soon as the server answers."""
    end = time.monotonic() + 60
    while True:
        try:
            httpx.put(f"{endpoint}/{BUCKET}", timeout=30).raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


@contextmanager
def object_store(log: Path, host: str = "127.0.0.1") -> Iterator[Mapping[str, str]]:
    """Run the server at an address; yield the environment that reaches it."""
    pytest.importorskip("moto.server")
    port = free_port()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    with (
        log.open("wb") as out,
        subprocess.Popen(command(host, port), stdout=out, stderr=out, env=kept) as server,
    ):
        try:
            endpoint = f"http://{host}:{port}"
            make_bucket(endpoint)
            yield {**LOGIN, "AWS_ENDPOINT_URL": endpoint}
        finally:
            server.kill()
