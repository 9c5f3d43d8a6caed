"""The users and roles of a site with FAB's auth manager, and its people file. Run in the environment of its Airflow."""

from __future__ import annotations

import json

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

from planexe_dag_factory.airflow.settings import people_path

PEOPLE = {
    "owner": {"users": ["ursa"]},
    "groups": {"quay": ["harry", "vera"]},
    "roles": {"Finance": {"users": ["harry"]}, "Site manager": {"groups": ["quay"]}},
}
USERS = {
    "root": "Admin",
    "opal": "Op",
    "ursa": "User",
    "vera": "Viewer",
    "harry": "Harbour master",
    "percy": "Public",
}
HARBOUR_MASTER = [
    ("can_read", "Website"),
    ("can_read", "DAG:harbour"),
    ("can_edit", "DAG:harbour"),
    ("can_read", "DAG Runs"),
    ("can_read", "Task Instances"),
    ("can_read", "HITL Detail"),
    ("can_edit", "HITL Detail"),
]
"""What docs/people.md says a role needs that may answer for one plan."""


def main() -> None:
    with get_application_builder() as builder:
        security = builder.sm
        security.sync_roles()
        role = security.add_role("Harbour master")
        for action, resource in HARBOUR_MASTER:
            security.add_permission_to_role(role, security.create_permission(action, resource))
        for name, role_name in USERS.items():
            email = f"{name}@example.org"
            assert security.add_user(name, name.title(), "Doe", email, security.find_role(role_name), name)
    path = people_path()
    assert path
    path.write_text(json.dumps(PEOPLE))


if __name__ == "__main__":
    main()
