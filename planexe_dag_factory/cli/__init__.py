from planexe_dag_factory.cli.commands import app

__all__ = ["app"]
