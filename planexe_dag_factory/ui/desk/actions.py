"""What people do about a ticket besides answering it. Each is a signed event first, and then shows in the inbox."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from fastapi import HTTPException, status
from planexe_agents.signing import digest_bytes
from sqlalchemy.orm import Session

from planexe_dag_factory.airflow.notify import Notice, hears, tell
from planexe_dag_factory.delegation.added import (
    counted_on,
    too_few_for,
    who_cannot_add,
    who_cannot_be_added,
    who_cannot_take_back,
)
from planexe_dag_factory.delegation.answers import person_problem
from planexe_dag_factory.delegation.approval import too_few_left
from planexe_dag_factory.delegation.asked import who_is_asked
from planexe_dag_factory.delegation.desk import (
    ADDED,
    ATTACHED,
    CLAIMED,
    COMMENTED,
    DELEGATED,
    PUT_OFF,
    QUESTIONED,
    RANKED,
    REASSIGNED,
    RELEASED,
    REMINDED,
    TAKEN_BACK,
    WITHDRAWN,
    Deed,
    Desk,
    Named,
    named_in,
)
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.handing import is_above, who_cannot_be_handed, who_cannot_hand_on
from planexe_dag_factory.delegation.questions import Question, as_reply, open_questions, replied_by
from planexe_dag_factory.delegation.reminders import PAUSE, free_to_remind
from planexe_dag_factory.delegation.told import who_is_told
from planexe_dag_factory.errors import PlanExeDagError
from planexe_dag_factory.record.events import Actor, names_of
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui.desk.index import Place, approvals_needed, lock, priority_of, project, refresh_one
from planexe_dag_factory.ui.desk.lookup import Found, find_ticket
from planexe_dag_factory.ui.desk.manager import require_tables
from planexe_dag_factory.ui.views import may_ask
from planexe_dag_factory.ui.wire import Approver, Comment, Delegation, Inquiry, Link, Ranking, Reassignment, Recipient

log = logging.getLogger(__name__)
LONGEST_DELEGATION = timedelta(days=90)
MOST_QUESTIONS = 20
LARGEST_FILE = 10 * 1024 * 1024
Check = Callable[[Found, Desk], str | None]


@dataclass(frozen=True, slots=True)
class Hand:
    """Who does something about tickets, with what the people file says about everybody."""

    session: Session
    person: Actor
    people: People


def claim(hand: Hand, place: Place) -> None:
    """Take a ticket for oneself: nobody else answers it until it is released. Raises HTTPException (409)."""

    def check(found: Found, desk: Desk) -> str | None:
        needed = approvals_needed(found.ticket, desk)
        if needed > 1:
            return f"{needed} different people must approve this, so nobody can claim it"
        if desk.claim and not names_of(desk.claim.who).isdisjoint(names_of(hand.person)):
            return "you have claimed it already"
        return person_problem(found.step, found.ticket, desk, hand.person, hand.people)

    _do(hand, place, CLAIMED, check)


def release(hand: Hand, place: Place) -> None:
    """Give a claimed ticket back. Raises HTTPException (409)."""

    def check(_: Found, desk: Desk) -> str | None:
        if desk.claim is None:
            return "nobody has claimed it"
        if names_of(desk.claim.who).isdisjoint(names_of(hand.person)):
            return f"{desk.claim.who.name or desk.claim.who.id} has claimed it, and alone can release it"
        return None

    _do(hand, place, RELEASED, check)


def reassign(hand: Hand, place: Place, body: Reassignment) -> None:
    """Ask somebody else instead; what was claimed is free again. Raises HTTPException."""
    to = _recipient(body.to, hand.people)
    asked = who_is_asked([named(body.to)], hand.people)
    may_hand_to = _may_hand_to(hand, to)

    def check(found: Found, desk: Desk) -> str | None:
        left = replace(desk, asked_by_right=(named(body.to),))
        return (
            may_hand_to(found, desk)
            or too_few_left(found.step, found.ticket, asked)
            or (too_few_for(found.step, left, hand.people) if desk.added else None)
        )

    _do(hand, place, REASSIGNED, check, to=to, reason=body.reason)


def delegate(hand: Hand, place: Place, body: Delegation) -> None:
    """Ask somebody as well, for a while. Raises HTTPException."""
    now = datetime.now(UTC)
    if not now < body.until <= now + LONGEST_DELEGATION:
        raise _wrong(f"until: choose a time within the next {LONGEST_DELEGATION.days} days")
    to, until = _recipient(body.to, hand.people), body.until.astimezone(UTC).isoformat(timespec="seconds")
    _do(hand, place, DELEGATED, _may_hand_to(hand, to), to=to, reason=body.reason, until=until)


def put_off(hand: Hand, place: Place, until: datetime | None) -> None:
    """Keep a ticket from the lists of one's own until a time; None: not any more. Raises HTTPException."""
    now = datetime.now(UTC)
    if until is not None and not now < until <= now + LONGEST_DELEGATION:
        raise _wrong(f"until: choose a time within the next {LONGEST_DELEGATION.days} days")

    def check(found: Found, desk: Desk) -> str | None:
        if not may_ask(found, desk, hand.person, hand.people):
            raise _forbidden("only who is asked can put it off, for themselves")
        due = found.ticket.get("due_at")
        if until is not None and due and until > datetime.fromisoformat(due):
            return f"it is due on {datetime.fromisoformat(due):%Y-%m-%d %H:%M} UTC: put it off until then at most"
        return None

    said = until.astimezone(UTC).isoformat(timespec="seconds") if until else None
    _do(hand, place, PUT_OFF, check, until=said)


def rank(hand: Hand, place: Place, body: Ranking) -> None:
    """Say how urgent a ticket is. Raises HTTPException."""

    def check(found: Found, desk: Desk) -> str | None:
        if priority_of(found.ticket, desk) == body.priority:
            return f"its priority is {body.priority} already"
        if not may_ask(found, desk, hand.person, hand.people):
            raise _forbidden("only who is asked, the owner or a senior can set its priority")
        return None

    _do(hand, place, RANKED, check, priority=body.priority, reason=body.reason)


def add_approver(hand: Hand, place: Place, body: Approver) -> Found:
    """Make the approval of somebody else necessary too. Raises HTTPException."""
    to, recipient = _recipient(body.to, hand.people), named(body.to)

    def check(found: Found, desk: Desk) -> str | None:
        if found.ticket["kind"] != "approval":
            return "only an approval can have more approvers"
        if problem := who_cannot_add(found.step, desk, hand.person, hand.people):
            raise _forbidden(problem)
        return who_cannot_be_added(found.step, desk, recipient, hand.person, hand.people)

    return _do(hand, place, ADDED, check, to=to, reason=body.reason)


def take_back(hand: Hand, place: Place, number: int) -> None:
    """Take an added approver back, as who added them or from above. Raises HTTPException."""
    taken: list[Deed] = []

    def check(found: Found, desk: Desk) -> str | None:
        taken[:] = [deed for n, deed in enumerate(desk.of(ADDED), start=1) if n == number and deed in desk.added]
        if not taken:
            return f"there is no added approver number {number}"
        if problem := who_cannot_take_back(taken[0], hand.person, hand.people):
            raise _forbidden(problem)
        return counted_on(found.step, taken[0])

    def also(_: Desk) -> Mapping[str, Any]:
        return {"added": taken[0].mark, "to": named_in(taken[0]).as_json()}

    _do(hand, place, TAKEN_BACK, check, also=also)


@dataclass(frozen=True, slots=True)
class Reminder:
    """A reminder that is on record, and has still to be sent."""

    step: StepRun
    notice: Notice
    again_at: datetime

    def send(self) -> None:
        """Tell those who are to answer. What fails is on record, and else in the log: the request is over."""
        try:
            tell(self.step, self.notice, {})
        except PlanExeDagError:
            log.exception("A reminder about %s could not be sent", self.step.id)


def remind(hand: Hand, place: Place) -> Reminder:
    """Put a reminder by a person on record. Raises HTTPException (409; 429 where the last was sent just now)."""

    def check(_: Found, desk: Desk) -> str | None:
        _refuse_haste(desk)
        return _unheard()

    found = _do(hand, place, REMINDED, check)
    told = who_is_told(found.step, found.ticket, found.desk(), hand.people)
    notice = Notice("reminder", found.ticket, str(told), hand.people.addresses(told.members))
    return Reminder(found.step, notice, datetime.now(UTC) + PAUSE)


def _unheard() -> str | None:
    """Say why nobody would hear of a reminder; None where somebody does."""
    try:
        return None if hears("reminder") else "nobody can be told: the notify file names no channel for reminders"
    except ValueError:
        log.exception("Nobody can be reminded")
        return "nobody can be told: the notify file cannot be used"


def _refuse_haste(desk: Desk) -> None:
    free, now = free_to_remind(desk), datetime.now(UTC)
    if free and free > now:
        said = f"A reminder was sent a while ago: the next one can be sent from {free:%Y-%m-%d %H:%M} UTC on."
        wait = {"Retry-After": str(ceil((free - now).total_seconds()))}
        raise HTTPException(status.HTTP_429_TOO_MANY_REQUESTS, said, wait)


def comment(hand: Hand, place: Place, body: Comment) -> Replied:
    """Say something to everybody who deals with the ticket. Raises HTTPException.

    Returns the questions to which it is the reply, if any.
    """
    replied: tuple[Question, ...] = ()

    def also(desk: Desk) -> Mapping[str, Any]:
        nonlocal replied
        replied = replied_by(desk, hand.person, hand.people)
        return as_reply(replied)

    found = _do(hand, place, COMMENTED, _nothing_against, also=also, text=body.text)
    return Replied(found, replied)


@dataclass(frozen=True, slots=True)
class Replied:
    """A ticket about which somebody said something, and the questions to which that was the reply."""

    found: Found
    questions: tuple[Question, ...]


def ask(hand: Hand, place: Place, body: Inquiry) -> Found:
    """Ask somebody for information; the ticket stays open. Raises HTTPException."""
    to = _recipient(body.to, hand.people)

    def check(found: Found, desk: Desk) -> str | None:
        if len(open_questions(desk)) >= MOST_QUESTIONS:
            return f"{MOST_QUESTIONS} questions wait for a reply already: withdraw one first"
        if not may_ask(found, desk, hand.person, hand.people):
            raise _forbidden("only who is asked, the owner or a senior may ask for information")
        return None

    return _do(hand, place, QUESTIONED, check, to=to, text=body.question)


def withdraw(hand: Hand, place: Place, number: int) -> None:
    """Take a question back, as its asker or from above. Raises HTTPException."""
    taken: list[Question] = []

    def check(_: Found, desk: Desk) -> str | None:
        taken[:] = [one for one in open_questions(desk) if one.n == number]
        if not taken:
            return f"no question number {number} waits for a reply"
        asker = taken[0].deed.who
        if names_of(asker).isdisjoint(names_of(hand.person)) and not is_above(hand.person, hand.people):
            raise _forbidden(f"{asker.name or asker.id} has asked, and alone can withdraw it")
        return None

    def also(_: Desk) -> Mapping[str, Any]:
        return {"question": taken[0].deed.mark, "to": taken[0].to.as_json()}

    _do(hand, place, WITHDRAWN, check, also=also)


def attach_link(hand: Hand, place: Place, body: Link) -> None:
    """Add a link to the ticket. Raises HTTPException."""
    _do(hand, place, ATTACHED, _nothing_against, url=str(body.url), title=body.title or str(body.url))


def attach_file(hand: Hand, place: Place, title: str, content: bytes) -> None:
    """Keep a file in the run folder, under a name of ours; theirs is only shown. Raises HTTPException."""
    mark = digest_bytes(content)
    shown, files = title[:250] or "file", {f"attachments/{_kept_as(mark)}": content}
    _do(hand, place, ATTACHED, _nothing_against, files, title=shown, size=len(content), digest=mark)


def read_attachment(found: Found, number: int) -> tuple[str, bytes] | None:
    """Return the shown name and the content of an attached file, by its number; None where there is none."""
    attached = found.desk().of(ATTACHED)
    deed = attached[number - 1] if 0 < number <= len(attached) else None
    if deed is None or "digest" not in deed.details:
        return None
    place = ("steps", found.step.id, "attachments", _kept_as(deed.details["digest"]))
    return deed.details["title"], found.step.execution.run.read_bytes(*place)


def _kept_as(mark: str) -> str:
    return f"{mark.removeprefix('sha256:')}.bin"


def _do(
    hand: Hand,
    place: Place,
    action: str,
    check: Check,
    files: Mapping[str, bytes] | None = None,
    *,
    also: Callable[[Desk], Mapping[str, Any]] | None = None,
    **details: Any,
) -> Found:
    """Write a signed event about an open ticket and its files, under a lock on its row; bring the row up to date.

    `also` returns what else the event says, as the desk is then.
    """
    require_tables(hand.session)
    found = find_ticket(hand.session, place)
    if not found.request.open:
        raise _conflict("it has been answered")
    refresh_one(hand.session, place)
    row_id = lock(hand.session, place)
    if row_id is None:
        raise _conflict("it has just been answered")
    desk = found.desk()
    problem = check(found, desk)
    if problem:
        raise _conflict(problem)
    told = {**details, **(also(desk) if also else {})}
    found.step.record(action, files or {}, hand.person, task=place.task_id, n=found.ticket["n"], **told)
    project(hand.session, row_id, found.ticket, found.desk())
    hand.session.commit()
    return found


def _may_hand_to(hand: Hand, to: Mapping[str, str]) -> Check:
    """Check who hands a ticket on, and to whom."""

    def check(found: Found, desk: Desk) -> str | None:
        problem = who_cannot_hand_on(found.step, found.ticket, desk, hand.person, hand.people) or who_cannot_be_handed(
            found.step, found.ticket, to, hand.people
        )
        not_theirs = _may_hand_on(hand, desk)
        if problem and not not_theirs:
            raise _forbidden(problem)
        return not_theirs

    return check


def _may_hand_on(hand: Hand, desk: Desk) -> str | None:
    """Those who are asked, who stand above, or who handed it on last may hand a ticket on."""
    last = desk.of(REASSIGNED)[-1:]
    asked = who_is_asked(desk.asked_by_right, hand.people)
    handed_on = any(not names_of(hand.person).isdisjoint(names_of(deed.who)) for deed in last)
    if asked.holds(hand.person) or is_above(hand.person, hand.people) or handed_on:
        return None
    return f"only {asked}, the owner or a senior may hand it on"


def _nothing_against(_: Found, __: Desk) -> str | None:
    return None


def named(to: Recipient) -> Named:
    """Return whom a request names."""
    return Named("group", to.group) if to.group is not None else Named("user", str(to.user))


def _recipient(to: Recipient, people: People) -> Mapping[str, str]:
    """Return who is meant; where the people file names anybody at all, it must name them."""
    if to.group is not None:
        if to.group not in people.groups:
            raise _wrong(f"to.group: there is no group {to.group!r} in the people file; {_known(people.groups)}")
        return {"kind": "group", "name": to.group}
    users = people.users
    if users and to.user not in users:
        raise _wrong(f"to.user: the people file knows no {to.user!r}; {_known(users)}")
    return {"kind": "user", "name": str(to.user)}


def _known(names: Any) -> str:
    shown = sorted(names)[:20]
    return f"choose one of {', '.join(shown)}" if shown else "it has none"


def _wrong(problem: str) -> HTTPException:
    return HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, [problem])


def _conflict(problem: str) -> HTTPException:
    return HTTPException(status.HTTP_409_CONFLICT, f"{problem[:1].upper()}{problem[1:]}.")


def _forbidden(problem: str) -> HTTPException:
    return HTTPException(status.HTTP_403_FORBIDDEN, f"{problem[:1].upper()}{problem[1:]}.")
