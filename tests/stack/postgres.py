"""A PostgreSQL server of a test's own, on the loopback interface, or at an address for a network of the test's own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from planexe_dag_factory.stack.supervisor import Program, Supervisor


def start_postgres(
    supervisor: Supervisor, folder: Path, port: int, password: str, host: str = "127.0.0.1", network: str = ""
) -> str:
    """Run PostgreSQL at `host` and make the database `airflow`; return its address.

    It serves this machine, and whoever is in the `network`.

    The server refuses to be root: then it runs as its own user, who must reach the folder.
    """
    data, secret = folder / "postgres", folder / "postgres-password"
    secret.write_text(password)
    data.mkdir()
    as_user: list[str] = []
    if os.getuid() == 0:
        as_user = ["runuser", "-u", "postgres", "--"]
        for path in (data, secret):
            shutil.chown(path, "postgres")
        for parent in (folder, *folder.parents[:2]):
            if not parent.stat().st_mode & 0o005:
                parent.chmod(0o755)
    programs = Path(shutil.which("initdb") or next(Path("/usr/lib/postgresql").glob("*/bin/initdb"))).parent
    make = [f"{programs}/initdb", "-D", str(data), "-U", "airflow", "--pwfile", str(secret), "-A", "md5"]
    serve = [f"{programs}/postgres", "-D", str(data), "-p", str(port), "-h", host, "-k", ""]
    supervisor.run(_program(folder, "initdb", [*as_user, *make]))
    if network:
        with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.write(f"host all all {network} md5\n")
    supervisor.start(_program(folder, "postgres", [*as_user, *serve]))
    address = f"postgresql://airflow:{password}@{host}:{port}"
    code = f"import psycopg2; c = psycopg2.connect('{address}/postgres'); c.autocommit = True;"
    create = f"{code} c.cursor().execute('create database airflow')"
    shell = f'for i in $(seq 50); do {sys.executable} -c "$0" && exit 0; sleep 0.2; done; exit 1'
    supervisor.run(_program(folder, "create-database", ["sh", "-c", shell, create]))
    return f"{address}/airflow"


def _program(folder: Path, name: str, command: list[str]) -> Program:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    return Program(name, tuple(command), kept, folder, folder / f"{name}.log")
