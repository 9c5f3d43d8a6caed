"""What each action gives a language model to write from: headings, and evidence found or computed.

What is computed becomes evidence as a sentence; so the model words figures and never makes any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from planexe_agents.agents.step import Source, StepInput
from planexe_agents.model.prompt import Brief, Item
from planexe_agents.service import Task

if TYPE_CHECKING:
    from planexe_agents.agents.analysis import (
        Assessment,
        Comparison,
        CostEstimate,
        CostItem,
        RiskScores,
        ScheduleEstimate,
        ScoredRisk,
    )
    from planexe_agents.agents.milestone import MilestoneAssessment

SUMMARY = ("Summary",)
MOST_ROWS = 12


def brief(inputs: StepInput, task: Task, job: str, headings: Sequence[str], items: Iterable[Item]) -> Brief:
    """Put a step and its evidence together; the plan around it and lessons may be read, not cited."""
    return Brief(job, tuple(headings), tuple(items), (("step", inputs.title), *_about(inputs.description, task)))


def milestone_brief(milestone: str, task: Task, items: Iterable[Item]) -> Brief:
    """Put the assessment of a milestone together."""
    job = "Tell the people who decide at this milestone what the assessment found and what it rests on."
    headings = ("Where the plan stands", "What may go wrong", "What moves the end")
    return Brief(job, headings, tuple(items), (("milestone", milestone), *_about("", task)))


def passages(found: Iterable[Source]) -> list[Item]:
    """Give what was found."""
    return [Item(one.source, one.quote) for one in found]


def schedule(result: ScheduleEstimate) -> list[Item]:
    """Give the duration and the activities that decide it."""
    first = (
        f"The work takes {result.mean_days:.1f} days on average, with a standard deviation of "
        f"{result.deviation_days:.1f} days; it ends within {result.p50_days:.1f} days in 50 % of the simulated draws, "
        f"within {result.p80_days:.1f} days in 80 % and within {result.p90_days:.1f} days in 90 %. "
        f"The order of the activities is {result.order}."
    )
    rows = (
        f"{row.title} runs from day {row.start:.1f} to day {row.end:.1f} with {row.slack:.1f} days of slack; it was "
        f"critical in {row.criticality:.0%} of the simulated draws."
        for row in sorted(result.activities, key=lambda row: -row.criticality)[:MOST_ROWS]
    )
    return _computed("schedule", (first, *rows))


def costs(result: CostEstimate) -> list[Item]:
    """Give every amount in its sentence, and the totals."""
    totals = (
        f"Amounts in {row.currency}: the largest is {row.largest:,.0f}; added up they come to {row.sum_low:,.0f} to "
        f"{row.sum_high:,.0f} {row.currency}, an upper bound, since a total may be named beside its parts."
        for row in result.totals
    )
    return [*_amounts(result.items), *_computed("costs", totals)]


def comparison(result: Comparison) -> list[Item]:
    """Give the ranking and how stable it is."""
    rows = (f"{row.name} has a weighted value of {row.value:.2f}." for row in result.ranking[:MOST_ROWS])
    stable = (
        f"{result.ranking[0].name} stays the best option in {result.stability:.0%} of the trials with other weights."
    )
    return _computed("comparison", (*rows, stable))


def scored(result: RiskScores) -> list[Item]:
    """Give the risks with their scores."""
    return _risks(result.risks)


def assessment(result: Assessment) -> list[Item]:
    """Give passages, figures and risks."""
    return [*passages(result.known), *_amounts(result.figures), *_risks(result.risks)]


def milestone(result: MilestoneAssessment) -> list[Item]:
    """Give the verdict's rules, the scenarios, the risks and what moves the end."""
    far = result.so_far
    standing = (
        f"On day {far.day:.0f} {far.ended} steps have ended, {far.refused} of them refused or failed. Work that is "
        f"left takes {far.pace:.2f} times its estimate. The resilience of the plan is {result.resilience:.2f}."
    )
    rules = (
        f"Rule: {row.rule}. The value is {row.value:g}, the limit {row.limit:g}; the rule "
        f"{'applies and asks for a senior review' if row.fired else 'does not apply'}."
        for row in result.rules
    )
    scenarios = (
        f"Scenario {row.name}: {row.story}. Cost runs over by {row.overrun:.0%} on average and time by {row.slip:.0%}; "
        f"the plan stays within its tolerance in {row.success:.0%} of the draws."
        for row in result.scenarios
    )
    drivers = (
        f"{row.title} moves the end of the plan from day {row.days_if_well:.1f} where it goes well to day "
        f"{row.days_if_badly:.1f} where it goes badly."
        for row in result.drivers[:MOST_ROWS]
    )
    unread = [f"How the plan rates this risk cannot be read: {title}." for title in result.unread[:MOST_ROWS]]
    risks = [
        Item("risk register", f"{row.area}: {row.description} Mitigation: {row.mitigation or 'none stated'}.")
        for row in result.top_risks
    ]
    return [*_computed("assessment", (standing, *rules, *scenarios, *drivers, *unread)), *risks]


def _about(description: str, task: Task) -> list[tuple[str, str]]:
    context = task.context
    told = [("description", description), ("plan", context.plan.title), ("phase", context.phase)]
    told += [("package", context.package), ("reviewer", task.assignment.instructions or "")]
    return [*((kind, text) for kind, text in told if text), *(("lesson", text) for text in context.lessons)]


def _computed(what: str, sentences: Iterable[str]) -> list[Item]:
    return [Item(f"computed: {what}", " ".join(sentence.split())) for sentence in sentences]


def _amounts(rows: Iterable[CostItem]) -> list[Item]:
    return [Item(row.source, row.sentence) for row in rows]


def _risks(rows: Sequence[ScoredRisk]) -> list[Item]:
    return [
        Item(
            "risk register",
            f"{row.area}: {row.description} Likelihood {row.likelihood or 'not rated'}, severity "
            f"{row.severity or 'not rated'}, score {row.score}. Mitigation: {row.mitigation or 'none stated'}.",
        )
        for row in rows[:MOST_ROWS]
    ]
