"""The agent that was written from docs/agents.md without our SDK, asked by the orchestrator's client."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from planexe_agents.protocol import AgentCard, Outcome
from planexe_agents.signing import canonical

from tests.agents import bare_agent
from tests.agents.serving import Served, assignment

BARE = str(Path(bare_agent.__file__))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner),
    max_leaves=12,
)  # fmt: skip


def test_it_imports_none_of_our_code() -> None:
    imports = re.findall(r"^(?:from|import) (\w+)", Path(BARE).read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for name in imports if name.startswith(("planexe", "tests", "pydantic", "rfc8785"))} == set()


@given(JSON)
def test_the_canonical_form_of_the_guide_can_be_written_in_a_few_lines(document: Any) -> None:
    assert bare_agent.canonical(document).encode() == canonical(document)


def test_it_works_for_the_orchestrators_client(tmp_path: Path) -> None:
    behaviour = {"slow": "slow", "no": "reject"}
    (tmp_path / "behaviour.json").write_text(json.dumps(behaviour))

    async def talk(served: Served) -> tuple[AgentCard, list[Outcome]]:
        async with served.client() as client:
            asked = [assignment(step, "tune_foghorn", "buoy", size=0.1).model_copy(update={"step": step})
                     for step in ("well", "slow", "no", "well")]  # fmt: skip
            return await client.card(), [await client.run(one, 10) for one in asked]

    with Served(tmp_path, "--id", "buoy", "--action", "tune_foghorn=Tune the foghorn", command=(BARE,)) as served:
        card, (well, slow, no, again) = asyncio.run(talk(served))
    assert [action.name for action in card.actions] == ["tune_foghorn"]
    assert [one.status for one in (well, slow, no)] == ["completed", "completed", "rejected"]
    assert (well.result, again) == ({"hertz": 440}, well)
