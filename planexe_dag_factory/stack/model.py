"""The language model that the agents of the embedded stack write with, where the environment names one.

Either by the agents' own settings (`PLANEXE_MODEL_URL`, ..., see docs/agents.md), or as an Airflow connection in
`AIRFLOW_CONN_PLANEXE_MODEL`, in either of Airflow's forms: JSON or URI. The model's name is the extra `model`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from planexe_dag_factory.errors import StackError

CONNECTION = "AIRFLOW_CONN_PLANEXE_MODEL"
PROTOCOLS = ("http", "https")
PORT = re.compile(r":\d*$")
SECRETS = frozenset({"PLANEXE_MODEL_KEY", "PLANEXE_MODEL_KEY_FILE"})
"""What nobody but the agents needs."""


def model_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the agents' environment must hold beside what it holds already.

    Their own settings win over the connection. Raises StackError where the connection cannot be used.
    """
    given = environ.get(CONNECTION, "").strip()
    if not given or environ.get("PLANEXE_MODEL_URL"):
        return {}
    try:
        connection = json.loads(given) if given.startswith("{") else _from_uri(given)
        found = {"PLANEXE_MODEL": environ.get("PLANEXE_MODEL", ""), **_settings(connection)}
    except (ValueError, TypeError, AttributeError):
        raise StackError(
            f"{CONNECTION} is not a connection: neither Airflow's JSON nor its URI form; see docs/agents.md"
        ) from None
    if not found["PLANEXE_MODEL"]:
        raise StackError(f'{CONNECTION} does not name a model: add it to its extra, as {{"model": "..."}}')
    return found


def describe_model(environ: Mapping[str, str]) -> str:
    """Name the model, its endpoint and where they are set, never the key; empty where none can be used."""
    try:
        found = {**environ, **model_environment(environ)}
        parts = urlsplit(found.get("PLANEXE_MODEL_URL", ""))
        address = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except (StackError, ValueError):
        return ""
    if not parts.hostname:
        return ""
    setting = "PLANEXE_MODEL_URL" if environ.get("PLANEXE_MODEL_URL") else CONNECTION
    return f"{found.get('PLANEXE_MODEL', '')} at {address} (set in {setting})"


def _settings(connection: Mapping[str, Any]) -> dict[str, str]:
    extra = connection.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    told = {
        "PLANEXE_MODEL_URL": _url(connection),
        "PLANEXE_MODEL": extra.get("model"),
        "PLANEXE_MODEL_KEY": connection.get("password"),
    }
    return {name: "".join(value) for name, value in told.items() if value}


def _from_uri(uri: str) -> dict[str, Any]:
    """Take a connection's URI apart as Airflow does.

    What is a path to others is the schema to it, and a host with a protocol of its own stands behind the
    connection's type: `http://https://:key@host`.
    """
    kind, _, rest = uri.partition("://")
    protocol = f"{rest.partition('://')[0]}://" if "://" in rest.partition("?")[0] else ""
    parts = urlsplit(rest if protocol else uri)
    extra = dict(parse_qsl(parts.query))
    return {
        "conn_type": kind,
        "host": protocol + unquote(PORT.sub("", parts.netloc.rpartition("@")[2])),
        "port": parts.port,
        "password": unquote(parts.password or ""),
        "schema": unquote(parts.path.removeprefix("/")),
        "extra": json.loads(extra["__extra__"]) if "__extra__" in extra else extra,
    }


def _url(connection: Mapping[str, Any]) -> str:
    """Put the address together as Airflow's HTTP hook does; a schema that is no protocol is a path, as written."""
    host, schema, kind = (connection.get(name) or "" for name in ("host", "schema", "conn_type"))
    if not host:
        raise ValueError
    protocol = next((name for name in (schema, kind) if name in PROTOCOLS), "http")
    address = host if "://" in host else f"{protocol}://{host}"
    port = f":{connection['port']}" if connection.get("port") else ""
    path = "" if schema in PROTOCOLS else f"/{schema}"
    return f"{address}{port}{path}".rstrip("/")
