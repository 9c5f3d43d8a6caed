import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.agents import NAMES, load
from planexe_agents.protocol import Assignment, Outcome
from planexe_agents.signing import digest, verify

from tests.agents.asking import CONTEXT, RISKS, ask
from tests.agents.asking import KEY as AGENT_KEY
from tests.agents.modelled import (
    RESET,
    SILENCE,
    Asked,
    Reply,
    claim,
    completion,
    faithful,
    in_turn,
    serving,
    writing,
)
from tests.agents.serving import Served

STEP = {"title": "Find permits for quay sensors"}
QUESTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("data_gathering", "find_evidence", STEP),
    ("data_gathering", "list_requirements", STEP),
    ("data_gathering", "collect_sources", STEP),
    ("data_gathering", "collect_figures", {"title": "Collect costs of sensors and mounting"}),
    ("analysis", "estimate_schedule", {"title": "Estimate the duration"}),
    ("analysis", "estimate_costs", {"title": "Estimate the costs of sensors and mounting"}),
    (
        "analysis",
        "compare_options",
        {
            "title": "Choose",
            "options": [{"name": "Quay", "scores": {"cost": 2}}, {"name": "Roof", "scores": {"cost": 1}}],
        },
    ),
    ("analysis", "score_risks", {"title": "Score the risks of quay sensors"}),
    ("analysis", "assess", {"title": "Assess quay sensors and their permit"}),
    ("reporting", "draft_document", {"title": "Write the policy for quay sensors"}),
    ("reporting", "draft_plan", {"title": "Plan the permit for quay sensors", "resources": ["Harbour master"]}),
    ("reporting", "summarise_progress", {"title": "Summarise progress"}),
    ("risk_assessment", "assess_milestone", {"milestone": "Built", "risks": RISKS, "estimates": CONTEXT["estimates"]}),
)


def plain(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what a model may add."""
    return {name: value for name, value in result.items() if name not in {"narrative", "markdown"}}


def claims(outcome: Outcome) -> list[dict[str, Any]]:
    return [one for section in outcome.result["narrative"]["sections"] for one in section["claims"]]


@pytest.mark.parametrize(("agent", "action", "inputs"), QUESTIONS)
def test_every_action_writes_with_a_model_and_computes_the_same(
    agent: str, action: str, inputs: dict[str, Any]
) -> None:
    without = ask(agent, action, inputs)
    assert "usage" not in without.model_dump(mode="json")
    assert "narrative" not in without.result
    with writing(faithful) as model:
        outcome = ask(agent, action, inputs)
    assert outcome.status == "completed", outcome.reason
    assert plain(outcome.result) == plain(without.result)
    assert outcome.evidence == without.evidence
    assert outcome.confidence == without.confidence, outcome.confidence_why
    assert "100% of" in outcome.confidence_why
    evidence = model.asked[0].evidence
    assert [one["text"] for one in claims(outcome)] == [" ".join(one["text"].split()) for one in evidence[:6]]
    assert outcome.usage is not None
    assert (outcome.usage.model, outcome.usage.requests) == ("scripted", len(model.asked))
    assert outcome.usage.tokens == 360 * len(model.asked)


def test_every_action_is_asked() -> None:
    assert {(agent, action) for agent, action, _ in QUESTIONS} == {
        (name, action) for name in NAMES for action in load(name).actions
    }


def test_a_draft_shows_the_prose_before_what_was_computed() -> None:
    def script(asked: Asked) -> dict[str, Any]:
        return {"claims": [claim(asked.evidence[0], heading="Requirements")]}

    with writing(script):
        draft = ask("reporting", "draft_document", {"title": "Write the policy for quay sensors"}).result
    first = draft["narrative"]["sections"][0]["claims"][0]
    _, requirements = draft["markdown"].split("## Requirements\n\n")
    assert requirements.startswith(f"{first['text']} \\[{first['cites'][0]['source']}\\]\n\n- ")


def test_what_a_model_wrote_is_no_evidence_for_later_steps() -> None:
    narrative = {"sections": [{"claims": [{"text": "The permit for quay sensors is certain."}]}]}
    earlier = {
        "step": "s1",
        "result": {"narrative": narrative, "markdown": "permit for quay sensors", "answer": "24 V"},
    }
    context = {**CONTEXT, "results": [earlier]}
    earlier_alone = {**CONTEXT, "results": [{"step": "s1", "result": {"answer": "24 V"}}]}
    found = ask("data_gathering", "find_evidence", STEP, context)
    assert found.result == ask("data_gathering", "find_evidence", STEP, earlier_alone).result


TROUBLES: tuple[tuple[Any, str], ...] = (
    (SILENCE, "it did not answer within 1 seconds"),
    (RESET, "could not be reached, or broke off"),
    (Reply(b"oops", 500), "answered HTTP 500"),
    (Reply(b'{"error": {"message": "SECRET"}}', 401), "answered HTTP 401"),
    (Reply(b"", 302, (("location", "http://127.0.0.1:9/"),)), "answered cannot be read"),
    (Reply(b"<html>SECRET</html>"), "answered cannot be read"),
    (Reply(b"{}"), "fitted what was asked for"),
    ("I would rather talk about SECRET", "fitted what was asked for"),
    ({"claims": [{"text": "no citation, no heading"}]}, "fitted what was asked for"),
    ({"claims": []}, "fitted what was asked for"),
    (completion('{"claims": [{"hea', finish_reason="length"), "cut off after 4000 tokens"),
    (completion("", refusal="SECRET"), "it refused to answer"),
)


@pytest.mark.parametrize(("trouble", "said"), TROUBLES)
def test_a_model_in_trouble_leaves_the_computed_result_which_says_so(trouble: Any, said: str) -> None:
    without = ask("data_gathering", "find_evidence", STEP)
    with writing(lambda _: trouble, PLANEXE_MODEL_TIMEOUT_S="1") as model:
        outcome = ask("data_gathering", "find_evidence", STEP)
    assert outcome.status == "completed"
    assert (outcome.result, outcome.confidence) == (without.result, without.confidence)
    assert outcome.confidence_why.startswith(f"{without.confidence_why}; computed without the language model: ")
    assert said in outcome.confidence_why
    assert "SECRET" not in outcome.model_dump_json()
    assert outcome.usage is not None
    assert outcome.usage.requests == len(model.asked) <= 3


@pytest.mark.parametrize("status", [400, 404, 422])
def test_an_endpoint_without_response_format_is_asked_by_the_prompt_alone_from_then_on(status: int) -> None:
    def picky(asked: Asked) -> Any:
        return Reply(b"{}", status) if "response_format" in asked.body else faithful(asked)

    with writing(picky) as model:
        first = ask(*QUESTIONS[0])
        asked = [sorted({"response_format"} & set(one.body)) for one in model.asked]
        second = ask(*QUESTIONS[0])
    assert "computed without" not in f"{first.confidence_why} {second.confidence_why}"
    assert first.result["narrative"]["kept"] > 0
    assert asked[0] == ["response_format"]
    assert all(not one for one in asked[1:])
    assert not [one for one in model.asked[len(asked) :] if "response_format" in one.body]
    assert "JSON object that fits this schema" in model.asked[-1].system
    assert model.asked[-1].body.get("tools") is None
    assert first.usage
    assert first.usage.requests == len(asked)


def test_an_answer_that_does_not_fit_is_asked_for_again_with_the_error() -> None:
    with writing(in_turn(["not JSON", {"claims": "none"}, faithful])) as model:
        outcome = ask("data_gathering", "find_evidence", STEP)
    assert claims(outcome)
    assert len(model.asked[1].body["messages"]) > len(model.asked[0].body["messages"])
    assert "claims" in json.dumps(model.asked[2].body["messages"][-1])
    assert outcome.usage is not None
    assert outcome.usage.requests == len(model.asked)


def test_nobody_listening_is_a_clear_state_too() -> None:
    with serving(faithful) as model:
        url = model.url
    with writing(faithful, PLANEXE_MODEL_URL=url):
        outcome = ask("data_gathering", "find_evidence", STEP)
    assert "could not be reached" in outcome.confidence_why


def test_work_that_is_given_up_leaves_the_model_at_once() -> None:
    stop = threading.Event()

    def script(_: Asked) -> str:
        stop.set()
        return SILENCE

    asked = Assignment(
        id="a", run="r", plan="p", step="s", attempt=1, agent="analysis", action="assess", inputs=STEP, context=CONTEXT
    )
    with writing(script, PLANEXE_MODEL_TIMEOUT_S="600"):
        outcome = load("analysis").perform(asked, digest(asked.model_dump(mode="json")), AGENT_KEY, stop)
    assert outcome.status == "completed"
    assert outcome.confidence_why.endswith("computed without the language model: the work was given up")


def test_a_model_has_no_tools_and_gets_the_key_alone() -> None:
    with writing(faithful, PLANEXE_MODEL_KEY="key-1", OPENAI_API_KEY="another") as model:
        outcome = ask("data_gathering", "find_evidence", STEP)
    (asked, *_) = model.asked
    assert "tools" not in asked.body
    assert asked.headers["authorization"] == "Bearer key-1"
    assert "key-1" not in outcome.model_dump_json()


def test_cost_and_tokens_are_what_the_endpoint_says_else_a_guess() -> None:
    told = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.25}
    with writing(lambda asked: completion(faithful(asked), usage=told)):
        usage = ask("data_gathering", "find_evidence", STEP).usage
    assert usage is not None
    assert (usage.cost, usage.tokens, usage.measured) == (0.5, 30, True)
    with writing(lambda asked: completion(faithful(asked), usage=None)):
        usage = ask("data_gathering", "find_evidence", STEP).usage
    assert usage is not None
    assert usage.cost is None
    assert not usage.measured
    assert usage.input_tokens > 300
    assert usage.output_tokens > 50


def test_the_signature_covers_the_usage() -> None:
    with writing(faithful):
        outcome = ask("data_gathering", "find_evidence", STEP)
    assert outcome.usage is not None
    assert outcome.signed_by(AGENT_KEY.public)
    cheaper = outcome.model_copy(update={"usage": outcome.usage.model_copy(update={"input_tokens": 1})})
    assert not cheaper.signed_by(AGENT_KEY.public)
    assert not outcome.model_copy(update={"usage": None}).signed_by(AGENT_KEY.public)


def test_an_outcome_from_before_there_were_models_is_still_signed() -> None:
    document: dict[str, Any] = {
        **dict.fromkeys(("assignment", "assignment_digest", "agent", "action", "started_at", "ended_at"), "x"),
        "status": "completed",
        "result": {},
        "confidence": 1.0,
        "confidence_why": "",
        "evidence": [],
        "reason": None,
    }
    signature = AGENT_KEY.sign(document)
    assert verify(AGENT_KEY.public, document, signature)
    assert Outcome.model_validate({**document, "signature": signature}).signed_by(AGENT_KEY.public)


def test_a_budget_that_is_spent_asks_nothing() -> None:
    without = ask("data_gathering", "find_evidence", STEP)
    with writing(faithful) as model:
        outcome = ask("data_gathering", "find_evidence", STEP, {**CONTEXT, "model_budget": {"tokens": 0}})
    assert not model.asked
    assert outcome.usage is None
    assert outcome.result == without.result
    assert outcome.confidence_why.endswith(
        "computed without the language model: the run's budget for language models is spent"
    )


def test_a_budget_ends_in_the_middle_of_the_work() -> None:
    def dear(asked: Asked) -> Reply:
        return completion(
            faithful(asked), usage={"prompt_tokens": 4000, "completion_tokens": 1000, "total_tokens": 5000}
        )

    with writing(dear) as model:
        outcome = ask("data_gathering", "find_evidence", STEP, {**CONTEXT, "model_budget": {"tokens": 6000}})
    assert len(model.asked) == 1  # no second sample
    assert claims(outcome)
    with writing(dear) as model:
        outcome = ask("data_gathering", "find_evidence", STEP, {**CONTEXT, "model_budget": {"tokens": 4900}})
    assert "narrative" not in outcome.result
    assert outcome.usage is not None
    assert outcome.usage.tokens == 5000


def test_false_citations_and_disagreement_lower_confidence_and_nothing_raises_it() -> None:
    sure = ask("data_gathering", "find_evidence", STEP).confidence

    def half_false(asked: Asked) -> dict[str, Any]:
        good, other = asked.evidence[:2]
        return {"confidence": 1.0, "claims": [claim(good), claim(other, quote="what nobody ever said")]}

    def first_or_second(asked: Asked) -> dict[str, Any]:
        return {"claims": [claim(asked.evidence[asked.number % 2])]}

    with writing(half_false):
        assert ask("data_gathering", "find_evidence", STEP).confidence == round(sure * 0.75, 3)
    with writing(first_or_second):
        outcome = ask("data_gathering", "find_evidence", STEP)
    assert outcome.confidence == round(sure * 0.5, 3)
    assert outcome.confidence_why.endswith("a second sample rests on the same evidence by 0%")


def test_a_long_prompt_is_asked_once() -> None:
    documents = [{"name": f"{n}.md", "text": f"Quay sensors need permit number {n}. " * 25} for n in range(30)]
    with writing(faithful) as model:
        ask("data_gathering", "collect_sources", STEP, {**CONTEXT, "documents": documents})
    assert len(model.asked) == 1


def test_agents_with_settings_that_cannot_be_used_do_not_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "planexe_agents", "analysis", "--state", str(tmp_path)]
    ended = subprocess.run(
        command,
        env={"PLANEXE_MODEL": "m", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith(
        "PLANEXE_MODEL is set and PLANEXE_MODEL_URL is not: a model needs both, see docs/agents.md"
    )


def test_agents_without_a_model_import_nothing_of_it() -> None:
    code = (
        "import sys; from planexe_agents.agents import cards; cards(); "
        "from planexe_agents.model.writer import configured_writer; assert configured_writer() is None; "
        "print([name for name in ('pydantic_ai', 'openai', 'httpx2') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_a_served_agent_writes_and_is_followed_while_the_model_thinks(tmp_path: Path) -> None:
    def slow(asked: Asked) -> dict[str, Any]:
        time.sleep(0.5)
        return faithful(asked)

    asked = Assignment(
        id="a", run="r", plan="p", step="s", attempt=1, agent="analysis", action="assess", inputs=STEP, context=CONTEXT
    )
    with serving(slow) as model:
        environment = {"PLANEXE_MODEL_URL": model.url, "PLANEXE_MODEL": "scripted"}
        command = ("-m", "planexe_agents", "analysis")
        with Served(tmp_path, "--wait", "0", command=command, **environment) as served:
            first = served.post(asked)
            outcome = asyncio.run(_follow(served, asked))
    assert first.status_code == 202
    assert claims(outcome)
    assert outcome.usage is not None
    assert outcome.usage.requests == len(model.asked) == 2  # the same assignment is written once


async def _follow(served: Served, asked: Assignment) -> Outcome:
    async with served.client() as client:
        return await client.run(asked, deadline_s=60)


def test_lessons_are_told_as_data_that_cannot_be_cited() -> None:
    lesson = 'data_gathering.find_evidence was redone at "Find permits": name the port authority first.'
    with writing(faithful) as model:
        outcome = ask("data_gathering", "find_evidence", STEP, {**CONTEXT, "lessons": [lesson]})
    told = [piece for piece in model.asked[0].pieces if piece["kind"] == "lesson"]
    assert told == [{"kind": "lesson", "text": lesson}]
    assert outcome.result["findings"] == ask("data_gathering", "find_evidence", STEP).result["findings"]
