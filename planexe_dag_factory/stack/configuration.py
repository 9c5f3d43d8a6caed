"""The configuration of the embedded Airflow, as one file that `AIRFLOW_HOME=.planexe airflow ...` finds too."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from planexe_dag_factory.stack.files import write_private
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.model import SECRETS
from planexe_dag_factory.stack.telemetry import is_observed, telemetry_environment

ADMIN = "admin"
REVIEWER = "demo-reviewer"
COLLEAGUE = "demo-colleague"
"""Whoever approves a step alone does not also do it: the demonstration needs one more."""
_BUNDLE = "planexe_dag_factory.airflow.bundle.PlanBundle"
_DB_MANAGER = "planexe_dag_factory.ui.desk.manager.DeskDBManager"


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be chosen about a stack.

    `plans` are the folders whose plans become DAGs; `users` maps names to roles of Airflow's
    SimpleAuthManager (viewer, user, op, admin); `port` 0 takes a free one; `parallelism` is how
    many tasks run at once. `options` of Airflow, by section, win over ours.
    """

    plans: tuple[Path, ...]
    run_root: Path
    port: int = 0
    parallelism: int = 8
    users: Mapping[str, str] = field(default_factory=lambda: {ADMIN: "admin", REVIEWER: "user", COLLEAGUE: "user"})
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def for_folder(cls, folder: Path, home: Home, *, port: int = 0) -> Settings:
        """Take plans from `dags/` and from those that `run` was given; write runs into `run/`."""
        return cls(plans=(folder / "dags", home.plans), run_root=folder / "run", port=port)


def dump_launch(home: Home, settings: Settings) -> str:
    """Put a home and its settings into one word of a command line."""
    return json.dumps({"home": home, "settings": settings}, default=_plain)


def load_launch(word: str) -> tuple[Home, Settings]:
    """Read what `dump_launch` wrote."""
    document = json.loads(word)
    settings = document["settings"]
    plans = tuple(Path(folder) for folder in settings.pop("plans"))
    return Home(Path(document["home"]["root"])), Settings(
        plans=plans, run_root=Path(settings.pop("run_root")), **settings
    )


def write_configuration(home: Home, settings: Settings, port: int) -> None:
    """Write `airflow.cfg`, and the users' passwords; secrets and passwords are made once and kept."""
    parser = ConfigParser(interpolation=None)
    parser.read_dict(_sections(home, settings, port))
    parser.read_dict(settings.options)
    text = StringIO()
    parser.write(text)
    write_private(home.configuration, text.getvalue().replace("%", "%%"))
    write_private(home.passwords, json.dumps(_passwords(home, settings)))


def read_passwords(home: Home) -> dict[str, str]:
    """Return the passwords of the stack's users, by name."""
    return _read_json(home.passwords)


def airflow_environment(home: Home) -> dict[str, str]:
    """Return the environment for Airflow's processes: ours, without a word of another Airflow or the model's key."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("AIRFLOW")}
    kept = {name: value for name, value in kept.items() if name not in SECRETS}
    scripts = str(Path(sys.executable).parent)
    return (
        kept
        | telemetry_environment(kept)
        | {
            "AIRFLOW_HOME": str(home.root),
            "AIRFLOW_CONFIG": str(home.configuration),
            "PATH": os.pathsep.join((scripts, kept.get("PATH", os.defpath))),
            "PYTHONUNBUFFERED": "1",
        }
    )


def _sections(home: Home, settings: Settings, port: int) -> dict[str, dict[str, str]]:
    secret = _secrets(home)
    url = f"http://127.0.0.1:{port}"
    return {
        "core": {
            "dags_folder": str(settings.plans[0]),
            "plugins_folder": str(home.root / "plugins"),  # empty: the package's entry point registers the plugin
            "executor": "LocalExecutor",
            "parallelism": str(settings.parallelism),
            "max_active_tasks_per_dag": str(max(16, settings.parallelism)),
            "load_examples": "False",
            "min_serialized_dag_update_interval": "0",  # a run begins with the plan as it is now
            "dags_are_paused_at_creation": "False",
            "fernet_key": secret["fernet_key"],
            "simple_auth_manager_users": ",".join(f"{name}:{role}" for name, role in settings.users.items()),
            "simple_auth_manager_passwords_file": str(home.passwords),
            "execution_api_server_url": f"{url}/execution/",
        },
        "database": {
            "sql_alchemy_conn": f"sqlite:///{home.root / 'airflow.db'}",
            "external_db_managers": _DB_MANAGER,
        },
        "api": {
            "base_url": url,
            "host": "127.0.0.1",
            "port": str(port),
            "workers": "1",
            "secret_key": secret["secret_key"],
            "instance_name": "PlanExe",
        },
        "api_auth": {"jwt_secret": secret["jwt_secret"], "jwt_issuer": "planexe-dag"},
        "workers": {"min_heartbeat_interval": "1"},  # a task holds its slot for as long after it has ended
        "scheduler": {
            "scheduler_idle_sleep_time": "0.5",
            "enable_health_check": "False",
            "trigger_timeout_check_interval": "5",  # how late a reminder may be
        },
        "dag_processor": {
            "dag_bundle_config_list": json.dumps([{"name": "planexe", "classpath": _BUNDLE, "kwargs": {}}]),
            "dag_bundle_storage_path": str(home.root / "bundles"),
            "refresh_interval": "5",
            "bundle_refresh_check_interval": "1",
            "min_file_process_interval": "300",  # a plan that changes is parsed at once all the same
            "parsing_processes": "2",
        },
        "logging": {
            "base_log_folder": str(home.logs / "airflow"),
            "dag_processor_child_process_log_directory": str(home.logs / "airflow" / "dag_processor"),
            "colored_console_log": "False",
        },
        "traces": {"otel_on": str(is_observed(os.environ))},
        "metrics": {"otel_on": str(is_observed(os.environ))},
        "planexe": {
            "plans": os.pathsep.join(str(folder) for folder in settings.plans),
            "run_root": str(settings.run_root),
            "registry": str(home.registry),
            "keys": str(home.keys),
        },
    }


def _secrets(home: Home) -> dict[str, str]:
    if not home.secrets.exists():
        made = {name: secrets.token_urlsafe(48) for name in ("secret_key", "jwt_secret")}
        write_private(home.secrets, json.dumps(made | {"fernet_key": Fernet.generate_key().decode()}))
    return _read_json(home.secrets)


def _passwords(home: Home, settings: Settings) -> dict[str, str]:
    known = read_passwords(home) if home.passwords.exists() else {}
    return {name: known.get(name) or secrets.token_urlsafe(12) for name in settings.users}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else asdict(value)


def _read_json(path: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return content
