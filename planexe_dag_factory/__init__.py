"""PlanExe plans as Apache Airflow DAGs, carried out by agents and people."""

__version__ = "0.1.0"
