"""The plugin: registered by the package's entry point, or by `plugins/planexe_plugin.py` where there is none."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from planexe_dag_factory.airflow import preload

PREFIX = "/planexe"


def _view(destination: str, route: str, page: str) -> dict[str, str]:
    """Describe a page in Airflow's UI. The address is relative, so that it holds below a path prefix too."""
    base = PREFIX.removeprefix("/")
    return {
        "name": "PlanExe",
        "destination": destination,
        "url_route": route,
        "href": f"{base}/{page}",
        "icon": f"{base}/static/planexe.svg",
        "icon_dark_mode": f"{base}/static/planexe-dark.svg",
    }


class PlanExePlugin(AirflowPlugin):
    """One page in Airflow's UI: plans with live progress, and the tickets that people work from."""

    name = "planexe"
    listeners = [preload]  # noqa: RUF012 - Airflow's base class declares it so
    external_views = [  # noqa: RUF012 - Airflow's base class declares it so
        _view("nav", "planexe", "plans"),
        _view("dag", "planexe-plan", "plans/{DAG_ID}"),
        _view("dag_run", "planexe-run", "runs/{DAG_ID}/{RUN_ID}"),
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # Airflow only reads it
        """Only the API server asks for this; every worker loads the plugin, and is spared the import."""
        from planexe_dag_factory.ui.app import create_app  # noqa: PLC0415 - see above

        return [{"app": create_app(), "url_prefix": PREFIX, "name": "PlanExe"}]
