"""How the parts of a running stack are."""

from __future__ import annotations

import httpx

from planexe_dag_factory.stack.state import State

_AIRFLOW_PARTS = {"scheduler": "scheduler", "triggerer": "triggerer", "dag-processor": "dag_processor"}


def component_health(state: State) -> dict[str, str]:
    """Return `healthy`, `unhealthy` or `down` for each component, by name."""
    airflow = airflow_health(state.url) if state.url else {}
    health = {name: _of_part(airflow, part) for name, part in _AIRFLOW_PARTS.items()}
    health["api-server"] = "healthy" if airflow else "down"
    health["agents"] = "healthy" if all(_answers(url) for url in state.agents.values()) else "unhealthy"
    ended = {name: "down" for name, component in state.components.items() if component.process.find() is None}
    return health | ended


def airflow_health(url: str) -> dict[str, str]:
    """Return the status of each part as Airflow itself tells it; empty where it does not answer."""
    try:
        parts = httpx.get(f"{url}/api/v2/monitor/health", timeout=5).raise_for_status().json()
        return {name: part["status"] for name, part in parts.items() if part["status"]}
    except (httpx.HTTPError, ValueError):
        return {}


def _of_part(airflow: dict[str, str], part: str) -> str:
    return airflow.get(part, "unhealthy") if airflow else "down"


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).is_success
    except httpx.HTTPError:
        return False
