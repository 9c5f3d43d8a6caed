from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agents.serving import Served


@pytest.fixture(scope="module")
def clerk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A clerk that answers 202 after 0.3 s."""
    with Served(tmp_path_factory.mktemp("clerk"), "--wait", "0.3") as served:
        yield served
