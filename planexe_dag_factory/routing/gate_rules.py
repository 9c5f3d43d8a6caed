"""What raises a gate, as one table to be read and corrected by a lawyer.

A rule fires where the text says that the step itself does the act: one of `acts` leads a clause
("procure cameras", "this includes procuring cameras"), and one of `objects` follows in the same
sentence (no objects: the act is enough). `things` are nouns that a title may name instead
("Demolition of the old pier"). `unless` are words that turn the act into something harmless.
Desk work (`DESK_VERBS`) raises nothing: to plan, research or estimate a purchase is not to buy.
Words stand for all their endings: "permit" means permits too.
"""

from __future__ import annotations

from dataclasses import dataclass

from planexe_dag_factory.routing.model import GateKind


@dataclass(frozen=True, slots=True)
class GateRule:
    """One row; each text is a list of words."""

    kind: GateKind
    name: str
    acts: str
    objects: str = ""
    things: str = ""
    unless: str = ""


RULES = (
    GateRule("budget", "buys", "procure purchase buy rent subscribe"),
    GateRule(
        "budget",
        "buys",
        "acquire order source issue place",
        "equipment material component supply hardware software machine vehicle land property site facility part"
        " stock inventory medication implant kit tool purchase order",
        unless="document data information permit license literature knowledge regulatory guideline",
    ),
    GateRule("budget", "pays", "pay disburse reimburse compensate remunerate refund donate"),
    GateRule(
        "budget",
        "pays",
        "process initiate make approve settle transfer coordinate",
        "payment invoice payroll fund payout",
    ),
    GateRule(
        "budget",
        "commits money by contract",
        "sign execute award conclude negotiate formalize finalize renew enter secure establish",
        "contract agreement lease partnership loan warranty deal",
        unless="preliminary draft template disclosure nda plan test testing criteria channel procedure protocol",
    ),
    GateRule(
        "budget",
        "raises or commits money",
        "secure obtain raise allocate reallocate release commit distribute formalize approve finalize close negotiate",
        "fund funding budget capital investment loan grant financing tranche sponsorship donation money",
        unless="criteria template",
    ),
    GateRule("budget", "commits resources", "allocate reallocate", "resource personnel staff"),
    GateRule("budget", "hires", "hire employ", unless="plan strategy"),
    GateRule(
        "budget",
        "hires",
        "recruit appoint engage retain onboard",
        "staff personnel employee worker engineer developer contractor subcontractor consultant technician",
        unless="consult feedback input",
    ),
    GateRule("budget", "buys", "", things="procurement purchase purchasing acquisition", unless="land data knowledge"),
    GateRule(
        "regulatory",
        "files with an authority",
        "submit file lodge register apply renew resubmit",
        "application permit license licence registration filing patent trademark authority agency regulator"
        " regulatory approval certification clearance eia declaration tax compliance",
        unless="funding funder grant investor proposal",
    ),
    GateRule(
        "regulatory",
        "obtains a legal permission",
        "obtain secure acquire gain get receive",
        "permit license licence certification accreditation clearance authorization visa regulatory authority",
        unless="information data feedback list",
    ),
    GateRule(
        "regulatory",
        "answers an authority",
        "address respond answer resolve",
        "regulatory regulator permit authority",
        unless="risk issue",
    ),
    GateRule(
        "regulatory",
        "takes a legal position",
        "enforce litigate sue incorporate take execute sign establish",
        "disclosure nda lawsuit litigation patent trademark legal entity corporation copyright",
        unless="framework basis requirement requirements review advice",
    ),
    GateRule(
        "irreversible",
        "goes public",
        "launch announce publish unveil release broadcast",
        "public product press campaign website announcement service platform rocket vehicle mission app program",
    ),
    GateRule(
        "irreversible",
        "goes into live operation",
        "deploy migrate cutover activate commission rollout implement execute",
        "production live nationwide national fleet deployment cutover",
        unless="plan",
    ),
    GateRule(
        "irreversible", "goes into live operation", "deploy", unless="plan resource personnel staff team test pipeline"
    ),
    GateRule(
        "irreversible",
        "destroys",
        "demolish excavate blast detonate decommission dismantle erase destroy shred euthanize scrap disassemble",
        things="demolition excavation decommissioning blasting dismantling",
    ),
    GateRule("irreversible", "destroys", "delete wipe purge dispose", "data record backup waste sample material"),
    GateRule(
        "irreversible",
        "starts what cannot be stopped",
        "initiate begin start execute trigger",
        "launch ignition liftoff detonation cutover trial",
        unless="plan checklist",
    ),
    GateRule(
        "irreversible",
        "touches living bodies",
        "administer implant inject insert inseminate vaccinate anesthetize",
        "anesthesia anaesthesia dose drug vaccine probe implant human animal patient subject vivo modification cell",
    ),
    GateRule(
        "irreversible",
        "touches living bodies",
        "perform conduct operate start run",
        "surgery implantation clinical vivo probe",
        unless="review analysis survey literature matter simulation exam check workshop",
    ),
)

DESK_VERBS = (
    "analyze analyse assess compare compile define design determine develop document draft estimate evaluate explore"
    " forecast identify investigate model outline plan prepare prioritize rank research review simulate study"
    " summarize describe create write specify gather collect list monitor track verify check map schedule"
)

STUDY_VERBS = (
    "analyze analyse assess compare estimate evaluate explore forecast identify investigate model outline plan"
    " prioritize rank research review simulate study summarize describe draft write specify document track verify"
)
"""Steps whose titles begin so read and write: an amount in them is spoken of, not spent, and is not added up."""

PAPERS = (
    "plan strategy process policy procedure protocol guideline framework template criteria report document"
    " specification schedule proposal requirement model standard matrix manual"
)
"""What desk work makes: the description of such a step tells what the paper holds, not what is done."""

APPROVER_WORDS: dict[GateKind, str] = {
    "budget": "budget financial finance expenditure cost spend funding contract procurement purchase payment",
    "regulatory": "regulatory regulation compliance legal permit license ethical ethics law",
    "irreversible": "safety public launch strategic strategy scope technical ethical security critical incident",
}
"""What the row of an escalation matrix, or the mandate of a body, speaks of where it decides on such a gate."""

OFFICE_WORDS: dict[GateKind, str] = {
    "budget": "budget financial finance treasurer controller",
    "regulatory": "regulatory regulation compliance legal ethical ethics law",
    "irreversible": "safety security risk ethical ethics",
}
"""Titles of the team and of stakeholders that decide on such a gate where no body does: never who buys."""
