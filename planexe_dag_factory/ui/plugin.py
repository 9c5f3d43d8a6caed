"""The plugin: registered by the package's entry point, or by `plugins/planexe_plugin.py` where there is none."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from planexe_dag_factory.airflow import preload
from planexe_dag_factory.ui import listener

PREFIX = "/planexe"


def _view(name: str, destination: str, route: str, page: str, icon: str = "planexe") -> dict[str, Any]:
    """Describe a page in Airflow's UI. The address is relative, so that it holds below a path prefix too."""
    base = PREFIX.removeprefix("/")
    return {
        "name": name,
        "destination": destination,
        "url_route": route,
        "href": f"{base}/{page}",
        "icon": f"{base}/static/{icon}.svg",
        "icon_dark_mode": f"{base}/static/{icon}-dark.svg",
        **({"nav_top_level": True} if destination == "nav" else {}),
    }


class PlanExePlugin(AirflowPlugin):
    """Pages in Airflow's UI: plans with live progress, the inbox that people work from, tabs on DAG, run and task."""

    name = "planexe"
    listeners = [listener, preload]  # noqa: RUF012 - Airflow's base class declares it so
    external_views = [  # noqa: RUF012 - Airflow's base class declares it so
        _view("PlanExe", "nav", "planexe", "plans"),
        _view("Inbox", "nav", "planexe-inbox", "inbox", icon="inbox"),
        _view("PlanExe", "dag", "planexe-plan", "plans/{DAG_ID}"),
        _view("PlanExe", "dag_run", "planexe-run", "runs/{DAG_ID}/{RUN_ID}"),
        _view("PlanExe", "task_instance", "planexe-ticket", "tickets/{DAG_ID}/{RUN_ID}/{TASK_ID}"),
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # Airflow only reads it
        """Only the API server asks for this; every worker loads the plugin, and is spared the import."""
        from planexe_dag_factory.ui.app import create_app  # noqa: PLC0415 - see above

        return [{"app": create_app(), "url_prefix": PREFIX, "name": "PlanExe"}]
