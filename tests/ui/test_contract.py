"""Whatever is sent to the API, it answers as it describes itself, and never with a server error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = pytest.mark.airflow

REAL = {
    "dag_id": "crowd",
    "run_id": "manual__2026-03-02T09:00:00+00:00",
    "task_id": "ask-055.human",
    "milestone": "final",
    "number": 1,
}


@pytest.fixture
def api(site: Site) -> Any:
    """The API as its own description has it."""
    headers = {"Authorization": f"Bearer {site.token('ann')}"}
    schema = schemathesis.openapi.from_url(f"{site.url}/planexe/api/v1/openapi.json", headers=headers)
    schema.config.update(base_url=f"{site.url}/planexe", headers=headers)
    return schema


def test_every_answer_is_as_described_and_none_is_a_server_error(api: Any) -> None:
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) > 10
    for operation in operations:
        FEW(given(case=operation.as_strategy())(_is_as_described))()


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEW = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _is_as_described(case: Any) -> None:
    if case.path_parameters and len(str(case.path_parameters)) % 2:  # half of them about something that is there
        case.path_parameters.update({name: REAL[name] for name in case.path_parameters if name in REAL})
    case.validate_response(case.call(), checks=CHECKS)
