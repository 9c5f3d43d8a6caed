"""What the risk assessment of a milestone says, when it flags, and what of the run so far it looks at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planexe_agents.agents.existential import END, HARM, RULES
from planexe_agents.agents.progress import Progress
from planexe_agents.protocol import Outcome

from tests.agents.asking import ESTIMATES, RISKS, ask

QUIET = [False] * len(RULES)


def _assess(**changes: Any) -> Outcome:
    inputs = {
        "milestone": "milestone-build",
        "risks": RISKS,
        "estimates": ESTIMATES,
        "progress": {"steps": 9, "done": 4},
    }
    return ask("risk_assessment", "assess_milestone", {**inputs, **changes})


def _step(name: str, **known: Any) -> dict[str, Any]:
    return {"step": name, "title": name.title(), "package": name, "planned_days": 5, **known}


def _done(name: str, started: float, ended: float, **known: Any) -> dict[str, Any]:
    return _step(name, status="done", started_day=started, ended_day=ended, **known)


def _fired(*indices: int) -> list[bool]:
    return [index in indices for index in range(len(RULES))]


def test_a_calm_register_is_not_existential() -> None:
    result = _assess().result
    assert [one["kind"] for one in result["scenarios"]] == ["base", "adverse", "adverse", "optimistic", "optimistic"]
    assert (result["existential"], [rule["fired"] for rule in result["rules"]]) == (False, QUIET)
    assert [row["area"] for row in result["top_risks"]] == ["Supply", "Legal"]


def test_the_schedule_the_cost_and_what_drives_them_are_shown_with_their_distribution() -> None:
    result = _assess().result
    schedule, cost = result["schedule"], result["cost"]
    assert schedule["planned"] == 8  # (2 + 4*5 + 14) / 6 days to buy, then 2 to mount
    assert cost["planned"] == 1
    for part in (schedule, cost):
        assert part["p10"] <= part["p50"] <= part["p80"] <= part["p90"]
        assert sum(one["count"] for one in part["histogram"]) == result["draws"] == 1000
    assert schedule["mean"] == pytest.approx(8 * (1 + result["scenarios"][0]["slip"]), abs=0.01)
    assert {one["title"] for one in result["drivers"]} >= {"Buy", "Supply: Quay sensors arrive late"}


def test_without_estimates_there_is_no_schedule_but_a_cost() -> None:
    result = _assess(estimates=[]).result
    assert (result["schedule"], result["drivers"]) == (None, [])
    assert [one["days"] for one in result["scenarios"]] == [None] * 5
    assert result["cost"]["mean"] > 1


def test_the_same_assignment_gives_the_same_assessment() -> None:
    assert _assess().result == _assess().result
    other = _assess(milestone="milestone-other").result
    assert other["seed"] != _assess().result["seed"]


@pytest.mark.parametrize(
    ("changes", "fired"),
    [
        ({"risks": [{**RISKS[0], "likelihood": "high"}] * 7}, (0, 1)),
        ({"progress": {"steps": 9, "done": 3, "refused": 1}}, (2,)),
        ({"progress": {"steps": 9, "done": 4, "refused": 1}}, ()),
        ({"risks": [{**RISKS[1], "likelihood": "High"}]}, (3,)),
        ({"risks": [{**RISKS[0], "likelihood": "high"}] * 24}, (0, 1, 4)),
        ({"risks": [{**RISKS[0], "impact": "Loss of life."}]}, (5,)),
        ({"risks": [{**RISKS[0], "impact": "Loss of life.", "likelihood": "low"}]}, ()),
        ({"risks": [{**RISKS[0], "impact": "Loss of life.", "severity": "medium"}]}, ()),
        ({"risks": [{**RISKS[0], "impact": "Project cancellation."}]}, ()),
        ({"risks": [{**RISKS[0], "impact": "Project cancellation.", "action": " "}]}, (6,)),
        ({"risks": [{**RISKS[0], "impact": "Project cancellation.", "likelihood": "high"}]}, (6,)),
    ],
)
def test_each_rule_for_existential_risk_fires_on_its_own_ground(changes: dict[str, Any], fired: tuple[int]) -> None:
    result = _assess(**changes).result
    assert [rule["fired"] for rule in result["rules"]] == _fired(*fired)
    assert result["existential"] == bool(fired)
    assert bool(result["existential_why"]) == bool(fired)


@pytest.mark.parametrize(
    ("changes", "fired"),
    [
        ({"impact": "Loss of life.", "severity": "Katastrophal!"}, (5,)),
        ({"impact": "Project cancellation.", "severity": "4", "action": ""}, (6,)),
        ({"severity": "unknown"}, ()),
        ({"likelihood": "kritisch?", "severity": "unklar", "impact": "Loss of life."}, (5,)),
        ({"impact": "Loss of life.", "likelihood": "unknown", "severity": "Crítico (5/5)"}, (5,)),
        ({"impact": "Loss of life.", "likelihood": "unknown", "severity": "minor"}, ()),
    ],
)
def test_a_rating_that_cannot_be_read_is_never_a_low_one(changes: dict[str, str], fired: tuple[int]) -> None:
    done = _assess(risks=[{**RISKS[0], **changes}])
    assert [rule["fired"] for rule in done.result["rules"]] == _fired(*fired)
    (named,) = done.result["unread"]
    assert "(likelihood: “" in named
    assert done.confidence < _assess(risks=[RISKS[0]]).confidence
    assert "0% of 1 risks have ratings that can be read" in done.confidence_why
    assert _assess(risks=[RISKS[0]]).result["unread"] == []


def test_the_rule_that_fired_is_said_with_its_figures() -> None:
    result = _assess(progress={"steps": 9, "done": 3, "refused": 1}).result
    assert result["existential_why"] == (
        "more of the ended steps than the limit were refused or failed (0.25, limit 0.2)"
    )


@pytest.mark.parametrize("text", ["two fatalities", "serious injury of a diver", "harm to local residents"])
def test_words_of_harm_to_people_are_found(text: str) -> None:
    assert HARM.search(text)


@pytest.mark.parametrize("text", ["the project could be shut down", "insolvency of the owner", "run out of funds"])
def test_words_of_the_end_of_the_project_are_found(text: str) -> None:
    assert END.search(text)


@pytest.mark.parametrize("text", ["a dead line", "deadline", "skills gap", "the project ends in May", "pump shut down"])
def test_words_that_only_look_like_it_are_not(text: str) -> None:
    assert not END.search(text)
    assert not HARM.search(text) or text == "a dead line"


def test_delays_so_far_move_the_end() -> None:
    on_time = {"steps": 3, "done": 1, "day": 7, "work": [_done("buy", 0, 7, planned_days=7), _step("mount")]}
    late = {"steps": 3, "done": 1, "day": 14, "work": [_done("buy", 0, 14, planned_days=7), _step("mount")]}
    before, after = (_assess(progress=progress).result for progress in (on_time, late))
    assert after["schedule"]["p50"] - before["schedule"]["p50"] > 7
    assert after["resilience"] < before["resilience"]
    assert (before["so_far"]["pace"], after["so_far"]["pace"]) == (1, 2)
    assert after["so_far"]["late"] == [{"title": "Buy", "planned_days": 7, "late_days": 7}]


def test_refusals_and_doubts_so_far_are_risks_of_what_comes() -> None:
    calm = _assess(progress={"steps": 9, "done": 9, "mean_confidence": 1.0}).result
    doubtful = _assess(progress={"steps": 9, "done": 9, "refused": 1, "mean_confidence": 0.5}).result
    assert calm["so_far"]["events"] == []
    assert doubtful["so_far"]["events"] == [
        "More work is refused (10%)",
        "A result that was accepted proves wrong (50%)",
    ]
    assert doubtful["cost"]["mean"] > calm["cost"]["mean"]


def test_work_that_was_refused_before_it_was_done_is_a_risk_of_what_comes() -> None:
    smooth, rough = (
        {
            "steps": 3,
            "done": 2,
            "day": 7,
            "work": [_done("buy", 0, 7, refusals=times), _done("ask", 0, 7), _step("mount")],
        }
        for times in (0, 3)
    )
    before, after = (_assess(progress=progress).result for progress in (smooth, rough))
    assert before["so_far"]["events"] == []
    assert after["so_far"]["events"] == ["More work is refused or failed at before it is done (50%)"]
    assert after["cost"]["mean"] > before["cost"]["mean"]
    assert after["resilience"] < before["resilience"]


def test_amounts_approved_beyond_plan_are_spent_in_every_scenario() -> None:
    work = [
        _done("buy", 0, 1, amount=100.0, approved=150.0, currency="EUR"),
        _step("mount", amount=100.0, currency="EUR"),
        _step("train", amount=100.0, approved=100.0, currency="USD", status="open"),
    ]
    assert Progress.model_validate({"work": work}).overspent == pytest.approx(0.25)
    result = _assess(progress={"steps": 3, "done": 1, "day": 1, "work": work}).result
    assert result["so_far"]["overspent"] == 0.25
    assert min(one["cost"]["p10"] for one in result["scenarios"]) >= 1.25


def test_at_the_end_nothing_is_left_that_a_risk_could_strike() -> None:
    work = [_done("buy", 0, 7), _done("mount", 7, 9), _done("train", 7, 8)]
    result = _assess(progress={"steps": 3, "done": 3, "day": 9, "mean_confidence": 0.9, "work": work}).result
    assert result["so_far"]["left"] == 0
    assert {one["cost"]["p90"] for one in result["scenarios"]} == {1}
    assert result["schedule"]["histogram"] == [{"start": 9.0, "end": 9.0, "count": 1000}]


def test_confidence_in_an_assessment_falls_with_each_thing_that_is_not_known() -> None:
    full = _assess().confidence
    unrated = [RISKS[0], {**RISKS[1], "severity": ""}]
    assert full == pytest.approx(0.5 + 0.3 * 2 / 3 + 0.2, abs=1e-3)
    assert _assess(progress={}).confidence == pytest.approx(full - 0.2, abs=1e-3)
    assert _assess(estimates=[]).confidence == pytest.approx(full - 0.2, abs=1e-3)
    assert _assess(risks=unrated).confidence == pytest.approx(full - 0.25, abs=1e-3)


_days = st.floats(0, 1e5)
_estimates = st.lists(
    st.builds(
        lambda name, days, after: {
            "id": name,
            "title": f"Work {name}",
            **dict(zip(("days_min", "days_likely", "days_max"), sorted(days), strict=True)),
            "depends_on": after,
        },
        st.sampled_from("abcdef"),
        st.tuples(_days, _days, _days),
        st.lists(st.sampled_from("abcdefz"), max_size=2),
    ),
    max_size=5,
    unique_by=lambda estimate: estimate["id"],
)
_risks = st.lists(
    st.fixed_dictionaries(
        {"area": st.text(max_size=5), "description": st.text(max_size=30), "likelihood": st.text(max_size=8)},
        optional={"severity": st.sampled_from(["low", "Very High", "", "critical"]), "action": st.text(max_size=5)},
    ),
    max_size=4,
)
_work = st.lists(
    st.fixed_dictionaries(
        {
            "step": st.text(max_size=3),
            "package": st.sampled_from([None, "a", "b", "z"]),
            "planned_days": _days,
            "started_day": st.none() | _days,
            "ended_day": st.none() | _days,
            "status": st.sampled_from(["done", "refused", "open"]),
            "amount": st.none() | st.floats(0, 1e9),
            "approved": st.none() | st.floats(0, 1e9),
        }
    ),
    max_size=5,
)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(_risks, _estimates, _work, st.floats(0, 1e5), st.none() | st.floats(0, 1))
def test_whatever_a_plan_and_its_run_hold_the_assessment_is_made_or_declined_with_a_reason(
    risks: list[Any], estimates: list[Any], work: list[Any], day: float, confidence: float | None
) -> None:
    progress = {"steps": len(work), "day": day, "mean_confidence": confidence, "work": work}
    outcome = _assess(risks=risks, estimates=estimates, progress=progress)
    assert outcome.status in ("completed", "rejected"), outcome.reason
    assert bool(outcome.reason) == (outcome.status == "rejected")
    if outcome.status == "completed":
        assert 0 <= outcome.result["resilience"] <= 1
        assert outcome.result["existential"] == any(rule["fired"] for rule in outcome.result["rules"])
