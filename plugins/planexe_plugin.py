"""Registers the PlanExe plugin where the package is on the path but not installed.

An installed package registers it by its entry point, and a plugin of the same name twice is an
import error in Airflow.
"""

from __future__ import annotations

from importlib.metadata import entry_points

if "planexe" not in {point.name for point in entry_points(group="airflow.plugins")}:
    from planexe_dag_factory.ui.plugin import PlanExePlugin  # noqa: F401 - Airflow looks for it in this module
