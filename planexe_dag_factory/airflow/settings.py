"""Where things are, from Airflow's configuration (section `[planexe]`); see docs/architecture.md."""

from __future__ import annotations

import os
from datetime import datetime
from math import inf
from pathlib import Path

from airflow.configuration import conf
from airflow.sdk import Connection, Context
from planexe_agents.networks import Networks

from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.history import FOLDER, History
from planexe_dag_factory.delegation.standing import AGENT_S
from planexe_dag_factory.delegation.telemetry import SILENT, Telemetry
from planexe_dag_factory.errors import DelegationError
from planexe_dag_factory.record.folder import RunFolder, run_name, run_tail
from planexe_dag_factory.record.keys import KeyRing, load_ring, make_ring, parse_key, take_over
from planexe_dag_factory.record.storage import open_storage
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.people import People, load_people
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.registry_key import trusted_operator

SECTION = "planexe"
POOL_OF_ALL = "planexe-agents"
VERSIONS_DAYS = 400.0
METRICS = ("statsd_on", "otel_on", "statsd_datadog_enabled")
"""What turns Airflow's metrics on."""
TAG = "planexe"
"""The tag that marks a DAG as ours."""


def airflow_home() -> Path:
    return Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()


def plan_folders() -> tuple[Path, ...]:
    """Return the folders that plans are dropped into."""
    default = conf.get("core", "dags_folder")
    return tuple(Path(part) for part in conf.get(SECTION, "plans", fallback=default).split(os.pathsep) if part)


def registry_path() -> Path | None:
    """Return the registry file of agents; None: the one that ships with the package."""
    path = Path(conf.get(SECTION, "registry", fallback=str(airflow_home() / "registry.json")))
    return path if path.exists() else None


def people_path() -> Path | None:
    """Return the people file; None where there is none. One that is named must be there."""
    return _file("people")


def notify_path() -> Path | None:
    """Return the file of the channels that tell people about tickets; None where there is none."""
    return _file("notify")


def _file(name: str) -> Path | None:
    named = conf.get(SECTION, name, fallback="")
    path = Path(named) if named else airflow_home() / f"{name}.json"
    return path if named or path.exists() else None


def pool_of(agent: str) -> str | None:
    """Return the Airflow pool that bounds how many steps lie at an agent, or at all that have none of their own.

    None where there is neither.
    """
    named = _agents_with_pools()
    if agent in named:
        return f"planexe-{agent}"
    return POOL_OF_ALL if "*" in named else None


def pools() -> tuple[str, ...]:
    """Name the Airflow pools that the settings put steps into."""
    return tuple(POOL_OF_ALL if agent == "*" else f"planexe-{agent}" for agent in _agents_with_pools())


def _agents_with_pools() -> list[str]:
    named: str = conf.get(SECTION, "pools", fallback="")
    return named.replace(",", " ").split()


def keys_folder() -> Path:
    return Path(conf.get(SECTION, "keys", fallback=str(airflow_home() / "keys")))


def agent_networks() -> Networks:
    """Return the networks where agents may be. Raises DelegationError where the setting cannot be read."""
    try:
        return Networks.parse(conf.get(SECTION, "agent_networks", fallback=""))
    except ValueError as error:
        raise DelegationError(f"agent_networks of [{SECTION}] cannot be read: {error}") from error


def days_kept() -> float:
    """Return for how many days a version of the bundle is kept that is not in use; 0: for ever."""
    return max(0.0, conf.getfloat(SECTION, "versions_days", fallback=VERSIONS_DAYS))


def agent_s() -> float:
    """Return for how many seconds an agent may take over a step. Raises DelegationError where it is no time."""
    hours = conf.getfloat(SECTION, "agent_hours", fallback=AGENT_S / 3600)
    if not 0 < hours < inf:
        raise DelegationError(f"agent_hours of [{SECTION}] is {hours:g}: an agent needs some time, and not all")
    return hours * 3600


def upkeep_schedule() -> str | None:
    """Return when the agents are checked, as Airflow writes schedules; None: never."""
    schedule: str = conf.get(SECTION, "agents_check", fallback="@hourly")
    return None if schedule.strip().lower() in ("", "off") else schedule


def run_root() -> RunFolder:
    """Return the folder that holds the run folders."""
    return open_folder(_run_root())


def run_folder(dag_id: str, run_id: str, run_after: datetime) -> RunFolder:
    """Return the folder of a DAG run, which need not exist yet. Its name follows from the arguments."""
    return open_folder(f"{_run_root()}/{run_name(dag_id, run_id, run_after)}")


def find_run_folder(dag_id: str, run_id: str) -> RunFolder | None:
    """Find the folder of a run of which Airflow knows nothing any more, by its name among all of them."""
    tail = run_tail(dag_id, run_id)
    named = [name for name in run_root().names() if name.endswith(tail)]
    folders = (open_folder(f"{_run_root()}/{name}") for name in named)
    return next((one for one in folders if _is_of(one, dag_id, run_id)), None)


def _is_of(folder: RunFolder, dag_id: str, run_id: str) -> bool:
    about = folder.find_json("run.json") or {}
    return (about.get("dag_id"), about.get("run_id")) == (dag_id, run_id)


def run_conn_id() -> str | None:
    """Return the connection of the object store that runs are recorded in; None: the environment says who we are."""
    return conf.get(SECTION, "run_conn_id", fallback="") or None


def open_folder(address: str, connection: Connection | None = None) -> RunFolder:
    """Open a run folder, or another below the run root, by its path or URL.

    `connection` is the one of `run_conn_id`, for a caller that can only await it.
    """
    conn_id = run_conn_id()
    if conn_id is None or "://" not in address:
        return RunFolder(address)
    return RunFolder(open_storage(address, _store_options(connection or _connection(conn_id))))


def _run_root() -> str:
    return str(conf.get(SECTION, "run_root", fallback=str(airflow_home() / "run"))).rstrip("/")


def _store_options(connection: Connection) -> dict[str, str]:
    """Read what connections of type `aws` hold, as the store's library names it."""
    more = connection.extra_dejson
    told = {
        "access_key_id": connection.login,
        "secret_access_key": connection.password,
        "endpoint": more.get("endpoint_url"),
        "region": more.get("region_name"),
    }
    return {name: value for name, value in told.items() if value}


def _connection(conn_id: str) -> Connection:
    from airflow.sdk.bases.hook import BaseHook  # noqa: PLC0415 - most need no connection

    return BaseHook.get_connection(conn_id)


def open_history() -> History:
    """Open what is known of how agents did lately, over all runs."""
    return History(run_root().at(FOLDER))


def people() -> People:
    """Read who stands behind the roles. Raises PeopleError where the file cannot be used."""
    return load_people(people_path())


def registry() -> Registry:
    """Read today's registry. Raises RegistryError where it is not as its operator signed it."""
    return read_registry(registry_path())


def read_registry(path: Path | None) -> Registry:
    """Read a registry file that its operator has signed; None: the one that ships with the package.

    The signature vouches for the rest: what is signed was checked before.
    """
    return load_registry(path, operator=trusted_operator(keys_folder()) if path else None, thorough=False)


def key_conn_id() -> str | None:
    """Return the connection that holds the orchestrator's key, where it is no file: its password is the key."""
    return conf.get(SECTION, "key_conn_id", fallback="") or None


def keys(connection: Connection | None = None, *, make: bool = False) -> KeyRing:
    """Read the orchestrator's keys; with `make`, make the first one. Raises RecordError where they are lost.

    `connection` is the one of `key_conn_id`, for a caller that can only await it.
    """
    conn_id = key_conn_id()
    if conn_id is None:
        return make_ring(keys_folder()) if make else load_ring(keys_folder())
    found = connection or _connection(conn_id)
    retired = found.extra_dejson.get("retired", ())
    return KeyRing(parse_key(found.password or ""), tuple(map(parse_key, retired)))


def auth_manager() -> str:
    """Name who vouches for a person's identity: Airflow's auth manager."""
    return str(conf.get("core", "auth_manager")).rpartition(".")[2]


def public_keys() -> frozenset[str]:
    """Return the keys that what the orchestrator signed is verified with. Raises RecordError where they are lost."""
    return keys().public


def telemetry(*, server: bool = False) -> Telemetry:
    """Return what watches runs: nothing, unless Airflow's metrics or traces are on.

    Airflow has one Stats for tasks, and another for its servers.
    """
    measured = any(conf.getboolean("metrics", name, fallback=False) for name in METRICS)
    if not measured and not conf.getboolean("traces", "otel_on", fallback=False):
        return SILENT
    from planexe_dag_factory.airflow.telemetry import AirflowTelemetry  # noqa: PLC0415 - for who turned it on

    if server:
        from airflow.observability import stats as of_server  # noqa: PLC0415

        return AirflowTelemetry(of_server)
    from airflow.sdk.observability import stats as of_task  # noqa: PLC0415

    return AirflowTelemetry(of_task)


def open_execution(
    run: RunFolder, connection: Connection | None = None, *, watch: Telemetry | None = None
) -> Execution:
    """Open a run that has begun. Raises RecordError where the orchestrator's key is lost, or another's."""
    ring = keys(connection)
    return Execution(run, registry, take_over(run, ring), ring.public, watch or telemetry())


def execution_of(context: Context) -> Execution:
    """Open the run that a task belongs to."""
    dag_run = context["dag_run"]
    return open_execution(run_folder(dag_run.dag_id, dag_run.run_id, dag_run.run_after))
