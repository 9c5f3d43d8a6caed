"""What `make check` finds: secrets in tracked files, and known vulnerabilities of what is pinned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADVICE = {
    "id": "PYSEC-2026-1",
    "modified": "2026-01-01T00:00:00Z",
    "aliases": ["CVE-2026-1"],
    "summary": "Anybody may sail it",
    "affected": [
        {
            "package": {"name": "leaky-boat", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
    ],
}
PLANTED = {
    "deploy.py": 'AWS = "AKIA' + 'R7K3XQ2LM5WZ9TPB"\n',
    "notes.md": "-----BEGIN RSA " + "PRIVATE KEY-----\n",
    "tests/conftest.py": 'TOKEN = "ghp_' + 'wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"\n',
}


def make(folder: Path, target: str, **variables: str | Path) -> subprocess.CompletedProcess[str]:
    words = [f"{name}={value}" for name, value in {"BIN": Path(sys.executable).parent, **variables}.items()]
    command = ["make", "-f", str(ROOT / "Makefile"), target, f"VENV={folder}", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # it is not a part
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True)  # noqa: S607 - which git it is, the machine says


def test_a_planted_secret_is_found_in_whatever_file_and_a_line_that_says_it_is_none_is_not(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "Makefile").touch()
    (tmp_path / "harmless.py").write_text('PASSWORD = "not-one-at-all"  # pragma: allowlist secret\n')
    git(tmp_path, "add", ".")
    assert make(tmp_path, "secrets").returncode == 0
    assert make(tmp_path, "secrets").stdout.count("Looking") == 0, "what has not changed is not looked at again"
    for name, content in PLANTED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
        git(tmp_path, "add", ".")
        found = make(tmp_path, "secrets")
        assert (found.returncode, f"{name}:1" in found.stdout) == (2, True), found
        (tmp_path / name).write_text("")


@pytest.fixture
def database() -> Iterator[str]:
    """A database of vulnerabilities, as OSV answers, which knows one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            leaky = (asked["package"]["name"], asked["version"]) == ("leaky-boat", "1.0")
            body = json.dumps({"vulns": [ADVICE]} if leaky else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()


def test_a_known_vulnerability_fails_the_audit_and_a_clean_one_holds_for_a_day(tmp_path: Path, database: str) -> None:
    (tmp_path / ".ci").symlink_to(ROOT / ".ci")
    pins = tmp_path / "constraints.txt"
    pins.write_text("leaky-boat==1.0\nsound-boat==2.0\n")
    found = make(tmp_path, "audit", OSV=database)
    assert found.returncode == 2
    assert "leaky-boat 1.0" in " ".join(found.stdout.split())
    assert "PYSEC-2026-1" in found.stdout
    assert "raise the versions in constraints.txt" in found.stdout

    pins.write_text("leaky-boat==1.1\nsound-boat==2.0\n")
    clean = make(tmp_path, "audit", OSV=database)
    assert (clean.returncode, clean.stdout) == (0, "No known vulnerability in the 2 versions of constraints.txt.\n")
    assert make(tmp_path, "audit", OSV=database).stdout == "", "nobody is asked twice a day"


def test_an_audit_that_could_not_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / ".ci").symlink_to(ROOT / ".ci")
    (tmp_path / "constraints.txt").write_text("sound-boat==2.0\n")
    silent = "http://127.0.0.1:9/v1/query"
    told = make(tmp_path, "audit", OSV=silent)
    assert (told.returncode, told.stdout.startswith("NOT AUDITED for known vulnerabilities")) == (0, True), told
    assert make(tmp_path, "audit", OSV=silent, REQUIRED="1").returncode == 2
