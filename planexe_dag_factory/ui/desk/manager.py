"""What `airflow db migrate` runs for our tables (`[database] external_db_managers`)."""

from __future__ import annotations

from pathlib import Path

from airflow.utils.db_manager import BaseDBManager, command
from fastapi import HTTPException, status
from sqlalchemy.orm import Session

from planexe_dag_factory.ui.desk.tables import metadata

_HERE = Path(__file__).parent
MANAGER = "planexe_dag_factory.ui.desk.manager.DeskDBManager"
MISSING = "The tables of the inbox are missing, or of another version."
MIGRATE = (
    f"Set `external_db_managers = {MANAGER}` in section [database] of Airflow's configuration, "
    "and run `airflow db migrate`."
)


class DeskDBManager(BaseDBManager):
    """Keeps the tables of the inbox, with a version table of their own."""

    metadata = metadata
    version_table_name = "planexe_alembic_version"
    migration_dir = str(_HERE / "migrations")
    alembic_file = str(_HERE / "alembic.ini")
    supports_table_dropping = True

    def downgrade(self, to_revision: str, from_revision: str | None = None, show_sql_only: bool = False) -> None:  # noqa: FBT001, FBT002 - as Airflow calls it
        """Go back to an older version of the tables."""
        config = self.get_alembic_config()
        span = f"{from_revision}:{to_revision}" if from_revision and show_sql_only else to_revision
        command.downgrade(config, revision=span, sql=show_sql_only)


def require_tables(session: Session) -> None:
    """Refuse (503) to go on without our tables, and say what to run."""
    if not are_ready(session):
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, f"{MISSING} {MIGRATE}")


def are_ready(session: Session) -> bool:
    """Say whether our tables can be used; once they were found they are not looked for again."""
    engine = id(session.get_bind())
    if engine not in _ready and has_tables(session):
        _ready.add(engine)
    return engine in _ready


def has_tables(session: Session) -> bool:
    """Say whether our tables are there, in the version that this code wants."""
    return bool(DeskDBManager(session).check_migration())


_ready: set[int] = set()
"""The engines whose tables were found; they are not looked for again."""
