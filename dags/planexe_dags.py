"""Airflow DAGs of the plans in this folder, for installations where our Dag bundle cannot be configured.

Copy this file into the dags folder, beside the plans. With the bundle it is not needed, nor read.
"""

from pathlib import Path

from planexe_dag_factory.airflow.loader import load_folder
from planexe_dag_factory.airflow.planexe import load_refresh
from planexe_dag_factory.airflow.upkeep import load_upkeep

globals().update(load_folder(Path(__file__).parent) | load_upkeep() | load_refresh())
