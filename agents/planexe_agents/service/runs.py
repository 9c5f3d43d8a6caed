"""Carries accepted assignments out: each key once, whatever arrives again and whenever the process dies."""

from __future__ import annotations

import hashlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from planexe_agents.protocol import Assignment, Outcome
from planexe_agents.service.agent import Agent
from planexe_agents.service.logs import working_on
from planexe_agents.service.store import RunStore, StoredRun
from planexe_agents.signing import SigningKey
from planexe_agents.tracing import span

log = logging.getLogger(__name__)
RETRY_S = 2.0
KEEP_DAYS = 90.0
"""Far longer than an orchestrator waits for an outcome, or may ask for it again: a day, or what its operator says."""


class KeyReusedError(Exception):
    """The idempotency key was used before, with another assignment."""


class ForgottenError(Exception):
    """The assignment was carried out so long ago that its outcome is not kept any more."""


class BusyError(Exception):
    """More work is open than this agent takes on."""


class NotStoredError(Exception):
    """The assignment cannot be stored now, and so is not accepted."""


@dataclass(frozen=True, slots=True)
class Work:
    """An accepted assignment; `trace` is the traceparent it came with, `outcome` will hold the outcome's JSON bytes."""

    run_id: str
    digest: str
    assignment: Assignment
    trace: str | None = None
    outcome: Future[bytes] = field(default_factory=Future)
    stop: threading.Event = field(default_factory=threading.Event)
    since: float = field(default_factory=time.monotonic)

    @property
    def age_s(self) -> float:
        """For how many seconds this process has had the work."""
        return time.monotonic() - self.since


class Runs:
    """The work of one agent, done by `workers` threads, at most `capacity` assignments open at a time.

    Every assignment is stored before it is worked on, every outcome before it is told. What was
    unfinished when the process died is carried out again by the next one, except an irreversible
    action that had begun: it may have had its effect, so it fails and a person must look.
    The threads are daemons: a long action never holds up the end of the process.
    Where something cannot be stored, on a full disk say, an assignment is not accepted, an action that cannot be
    undone does not begin, and an outcome is kept and not told, until it can be: every RETRY_S it is tried again.
    What has ended is forgotten `keep_days` after it was accepted; 0: never.
    """

    def __init__(
        self,
        agent: Agent,
        key: SigningKey,
        path: Path,
        *,
        workers: int = 4,
        capacity: int = 1000,
        keep_days: float = KEEP_DAYS,
    ) -> None:
        self._agent = agent
        self._key = key
        self._store = RunStore(path)
        self._capacity = capacity
        self._keep_days = keep_days
        self._lock = threading.Lock()
        self._open: dict[str, Work] = {}
        self._queue: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._resume()
        for number in range(workers):
            threading.Thread(target=self._work, name=f"{agent.id}-{number}", daemon=True).start()

    def accept(self, key: str, assignment: Assignment, digest: str, body: bytes, trace: str | None = None) -> Work:
        """Take an assignment on, or find the one that came before with this key.

        Raises KeyReusedError, ForgottenError, BusyError, or NotStoredError.
        """
        run_id = run_id_of(key)
        with self._lock:
            stored = self._store.get(run_id)
            if stored is None:
                return self._take_on(Work(run_id, digest, assignment, trace), body)
            if stored.digest != digest:
                raise KeyReusedError
            if stored.is_forgotten:
                raise ForgottenError
            return self._open.get(run_id) or _finished(stored)

    def find(self, run_id: str) -> Work | None:
        """Return the work of an accepted run, finished or not. Raises ForgottenError."""
        with self._lock:
            stored = self._store.get(run_id)
            if stored is not None and stored.is_forgotten:
                raise ForgottenError
            return (self._open.get(run_id) or _finished(stored)) if stored else None

    def cancel(self, run_id: str) -> bool:
        """Give a run up; what has ended stays as it is. Says whether the run is known."""
        work = self.find(run_id)
        if work is not None and not work.outcome.done():
            work.stop.set()
            reason = "cancelled by the orchestrator"
            self._finish(work, self._agent.give_up(work.assignment, work.digest, self._key, reason))
        return work is not None

    def _take_on(self, work: Work, body: bytes) -> Work:
        if len(self._open) >= self._capacity:
            raise BusyError
        try:
            self._store.add(work.run_id, work.digest, body, work.trace)
        except sqlite3.OperationalError as error:
            raise NotStoredError(str(error)) from error
        self._open[work.run_id] = work
        self._queue.put(work)
        if self._keep_days:
            with suppress(sqlite3.OperationalError):  # a full disk; the next one tries again
                self._store.forget(self._keep_days)
        return work

    def _resume(self) -> None:
        for stored in self._store.unfinished():
            work = Work(stored.id, stored.digest, Assignment.model_validate_json(stored.assignment), stored.trace)
            self._open[work.run_id] = work
            reason = self._not_resumable(stored, work.assignment)
            if reason is None:
                self._queue.put(work)
            else:
                self._finish(work, self._agent.give_up(work.assignment, work.digest, self._key, reason))

    def _not_resumable(self, stored: StoredRun, assignment: Assignment) -> str | None:
        if self._agent.objections(assignment):
            return f"the agent was restarted without its action {assignment.action}"
        if stored.begun:
            return f"the agent died during {assignment.action}, which is irreversible: see whether it took effect"
        return None

    def _work(self) -> None:
        while True:
            work = self._queue.get()
            try:
                if not work.stop.is_set():
                    with working_on(work.assignment, work.trace):
                        self._carry_out(work)
            except BaseException:
                # Without its threads an agent looks well and does nothing. The run stays unfinished in the store, and
                # the next start takes it up.
                log.exception("run %s could not be carried to its end", work.run_id)

    def _carry_out(self, work: Work) -> None:
        try:
            if self._agent.actions[work.assignment.action].card.side_effects == "irreversible":
                with self._lock:
                    self._store.begin(work.run_id)
            with span("agent.act", work.trace, work.assignment) as acting:
                outcome = self._agent.perform(work.assignment, work.digest, self._key, work.stop)
                acting.set_attributes({"planexe.status": outcome.status, "planexe.confidence": outcome.confidence})
            if work.stop.is_set():
                return  # whoever stopped it writes its end; what a stopped action returns is no result
            with span("agent.write", work.trace, work.assignment):
                self._finish(work, outcome)
            log.info("%s, with a confidence of %.2f", outcome.status, outcome.confidence)
        except sqlite3.OperationalError as error:
            self._later(work, error, self._queue.put, work)

    def _finish(self, work: Work, outcome: Outcome) -> None:
        body = outcome.model_dump_json().encode()
        try:
            with self._lock:
                if self._store.finish(work.run_id, body):
                    del self._open[work.run_id]
                    work.outcome.set_result(body)
        except sqlite3.OperationalError as error:
            self._later(work, error, self._finish, work, outcome)

    def _later(self, work: Work, error: Exception, act: Callable[..., None], *words: object) -> None:
        log.warning("run %s goes on when it can be stored: %s", work.run_id, error)
        timer = threading.Timer(RETRY_S, act, words)
        timer.daemon = True
        timer.start()


def run_id_of(key: str) -> str:
    """The name of a run in its URL: 32 hex digits of the SHA-256 of its idempotency key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _finished(stored: StoredRun) -> Work:
    work = Work(stored.id, stored.digest, Assignment.model_validate_json(stored.assignment))
    if stored.outcome is not None:
        work.outcome.set_result(stored.outcome)
    return work
