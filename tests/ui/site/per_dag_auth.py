"""An auth manager with permissions per DAG, as production ones have: `secret` is the boss's alone."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class PerDagAuthManager(SimpleAuthManager):
    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        if details is not None and details.id == "secret" and user.username != "boss":
            return False
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
