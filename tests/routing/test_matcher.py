from __future__ import annotations

import pytest

from planexe_dag_factory.plan.model import Phase, Plan, Step, WorkPackage
from planexe_dag_factory.routing.matcher import MILESTONE_ACTION, Match, PublishedMatcher
from planexe_dag_factory.routing.model import Agent, Candidate, Capability, Registry
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.resemblance import resemblance

PLAN = Plan("plan", "Plan", (Phase("p", "P", (WorkPackage("w", "W", "p", ()),)),))
CAUTION = 0.6


def step_of(title: str, description: str = "", *resources: str) -> Step:
    return Step("s", title, "p", "w", description, resources)


def agent_of(id_: str, type_: str, *capabilities: Capability) -> Agent:
    return Agent(id_, type_, f"http://127.0.0.1/{id_}", capabilities=capabilities)


def capability_of(agent: str, type_: str, action: str, *examples: str, **more: object) -> Capability:
    return Capability(agent, type_, action, f"{action.replace('_', ' ')}.", examples, **more)  # type: ignore[arg-type]


def match(step: Step, registry: Registry | None = None, caution: float = CAUTION) -> Match:
    return PublishedMatcher().match(step, PLAN, registry or load_registry(None), caution)


TRANSLATOR = agent_of(
    "translator",
    "translation",
    capability_of(
        "translator",
        "translation",
        "translate_document",
        "Translate the user manual into German",
        "Translate legal documents from English to Spanish",
        cannot=("certify a translation before a court",),
    ),
)


def test_the_four_agents_and_people_get_what_is_theirs() -> None:
    tasks = {
        "Research suppliers of second-hand looms": "data_gathering",
        "Identify applicable noise regulations": "data_gathering",
        "Compare the cost of three heating systems": "analysis",
        "Rank the candidate sites by the agreed criteria": "analysis",
        "Draft the handbook for volunteers": "reporting",
        "Create a communication plan": "reporting",
        "Install the antennas on the roof": "human",
        "Negotiate the rent with the landlord": "human",
        "Interview former employees": "human",
        "Train the drivers on the new routes": "human",
        "Submit the application to the city": "human",
    }

    assert {title: match(step_of(title)).executor for title in tasks} == tasks


def test_an_indispensable_part_that_needs_people_makes_a_desk_task_a_persons() -> None:
    title = "Assess the use of energy"
    with_people = "Steps: Interview the crew, inspect the boilers on site and hold a workshop. Deliverables: Report."
    at_the_desk = "Steps: Compare the bills of five years, calculate trends and rank causes. Deliverables: Report."

    assert match(step_of(title, with_people)).executor == "human"
    assert match(step_of(title, at_the_desk)).executor == "analysis"


def test_the_reason_names_the_words_that_decided() -> None:
    matched = match(step_of("Weld the frame", "Weld and inspect the frame.", "Welding crew"))

    assert matched.executor == "human"
    assert matched.why.startswith("it reads as a person's work (")
    assert "'weld'" in matched.why


def test_caution_is_how_sure_it_must_be_that_no_person_is_needed() -> None:
    step = step_of("Coordinate the review of the draft schedule")

    executors = [match(step, caution=caution).executor for caution in (0.0, 1.0)]

    assert executors[0] != "human"
    assert executors[1] == "human"


def test_with_full_caution_every_step_is_a_persons_and_the_reason_says_so() -> None:
    matched = match(step_of("Draft the handbook for volunteers"), caution=1.0)

    assert (matched.executor, matched.candidates) == ("human", ())
    assert matched.why.endswith("it must be 100% sure that no person is needed before an agent gets it")


def test_a_new_agent_takes_part_at_once_by_what_it_publishes() -> None:
    step = step_of("Translate project materials into French", "All documents are translated.")
    known = load_registry(None)

    before, after = match(step, known), match(step, Registry((*known.agents, TRANSLATOR)))

    assert before.executor == "reporting"
    assert (after.executor, after.candidates[0].agent) == ("translation", "translator")
    assert after.why.startswith("it resembles what translator.translate_document publishes: 'translate ")


def test_a_new_agent_changes_nothing_for_work_it_does_not_publish() -> None:
    known = load_registry(None)
    wider = Registry((*known.agents, TRANSLATOR))
    titles = ("Draft the handbook", "Install the antennas", "Rank the sites", "Research grants for museums")

    assert [match(step_of(title), wider) for title in titles] == [match(step_of(title), known) for title in titles]


def test_a_new_agent_can_take_over_physical_work_that_it_publishes_nearly_word_for_word() -> None:
    mower = agent_of("mower", "robot", capability_of("mower", "robot", "mow_lawn", "Mow the lawn of the park"))

    assert match(step_of("Mow the lawn of the garden"), Registry((mower,))).executor == "robot"
    assert match(step_of("Mow the lawn of the garden"), Registry((TRANSLATOR,))).executor == "human"


def test_what_fits_a_specialist_far_less_than_the_best_is_no_candidate() -> None:
    actions = [
        capability_of("mower", "robot", action, example)
        for action, example in (
            ("mow_lawn", "Mow the lawn of the park"),
            ("mow_verge", "Mow the lawn and the verge of the park"),
            ("paint_fence", "Paint the fence"),
        )
    ]
    matched = match(step_of("Mow the lawn of the garden"), Registry((agent_of("mower", "robot", *actions),)))

    assert [one.action for one in matched.candidates] == ["mow_lawn", "mow_verge"]


def test_an_agent_is_not_asked_for_what_it_says_it_cannot() -> None:
    step = step_of("Certify the translation before the court")

    assert match(step, Registry((TRANSLATOR,))).executor == "human"
    assert resemblance(step, TRANSLATOR.capabilities[0]).cannot == "certify a translation before a court"


def test_work_that_no_registered_agent_does_goes_to_a_person() -> None:
    matched = match(step_of("Draft the handbook for volunteers"), Registry((TRANSLATOR,)))

    assert matched.executor == "human"
    assert matched.why.endswith(", but no registered agent does reporting")


def test_equal_agents_are_tried_in_the_order_of_the_registry() -> None:
    first, second = (
        agent_of(name, "reporting", capability_of(name, "reporting", "write", "Draft a handbook"))
        for name in ("first", "second")
    )
    step = step_of("Draft the handbook for volunteers")

    orders = [
        [candidate.agent for candidate in match(step, Registry(agents)).candidates]
        for agents in ((first, second), (second, first))
    ]

    assert orders == [["first", "second"], ["second", "first"]]


def test_the_input_schema_counts_as_published_words() -> None:
    schema = {"type": "object", "properties": {"lawn_area": {"description": "square metres to irrigate"}}}
    plain = capability_of("a", "robot", "care", "Look after plants")
    described = capability_of("a", "robot", "care", "Look after plants", input_schema=schema)
    step = step_of("Irrigate the lawn")

    assert resemblance(step, described).score > resemblance(step, plain).score


def test_the_assessment_of_milestones_is_never_matched_to_a_step() -> None:
    agent = agent_of(
        "risk", "risk_assessment", capability_of("risk", "risk_assessment", MILESTONE_ACTION, "Assess risks")
    )

    assert match(step_of("Assess risks"), Registry((agent,))).executor == "human"


def test_ranking_orders_actions_by_resemblance_and_leaves_out_what_is_far() -> None:
    good = capability_of("a", "x", "mow", "Mow the lawn")
    bad = capability_of("a", "x", "paint", "Paint the fence")

    near = capability_of("a", "x", "mow_verge", "Mow the lawn and the verge")

    ranked = PublishedMatcher().rank(step_of("Mow the lawn"), [bad, near, good])

    assert [candidate.action for candidate in ranked] == ["mow", "mow_verge"]
    assert ranked[1] == Candidate("a", "mow_verge", resemblance(step_of("Mow the lawn"), near).score)


@pytest.mark.parametrize("title", ["请求", "", "Genehmigungsantrag einreichen", "!!!"])
def test_a_title_without_a_word_that_is_known_is_a_persons_even_without_caution(title: str) -> None:
    matched = match(step_of(title, "analyze the data"), caution=0.0)

    assert (matched.executor, matched.why) == ("human", "its title has no word that the matcher knows")
