"""Runs the migrations of our tables, with a version table of their own."""

from __future__ import annotations

from airflow import settings
from alembic import context

from planexe_dag_factory.ui.desk.manager import DeskDBManager

VERSION_TABLE = DeskDBManager.version_table_name


def run_offline() -> None:
    """Write the statements instead of running them."""
    context.configure(
        url=settings.SQL_ALCHEMY_CONN,
        target_metadata=DeskDBManager.metadata,
        literal_binds=True,
        version_table=VERSION_TABLE,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run them on Airflow's own engine."""
    with settings.get_engine().connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=DeskDBManager.metadata,
            compare_type=True,
            render_as_batch=True,
            include_object=_is_ours,
            version_table=VERSION_TABLE,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


def _is_ours(_: object, name: str | None, kind: str, __: bool, ___: object) -> bool:  # noqa: FBT001 - as alembic calls it
    return kind != "table" or name in DeskDBManager.metadata.tables


if context.is_offline_mode():
    run_offline()
else:
    run_online()
