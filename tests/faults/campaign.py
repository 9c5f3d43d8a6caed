"""Runs of the plan, one after another, in which something is killed again and again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import ADMIN, REVIEWER
from tests.faults.counting import calls, describe_calls, losses
from tests.faults.killing import Kill, Killer
from tests.faults.moments import AFTER, RANDOM, Sign, Watch
from tests.faults.people import People
from tests.faults.plan import PLAN_ID
from tests.faults.sites import Site

RECOVERED_WITHIN_S = 150
RUN_WITHIN_S = 600
KILL_WITHIN_S, BEGIN_WITHIN_S = 45, 900
"""How long a campaign may take: so much for each kill, and so much beside."""
LONGEST_S = 7.0
AT_NAMED: tuple[tuple[str, str], ...] = (
    *((moment, "task") for moment in AFTER if moment not in ("acted", "answered", "run-started", "run-sealed")),
    ("run-started", "scheduler"),  # their tasks end within milliseconds: nobody finds the process in time
    ("run-sealed", "scheduler"),
    ("acted", "mill"),
    ("acted", "task"),
    ("acted", "triggerer"),
    ("answered", "scheduler"),
    ("answered", "api-server"),
    ("answered", "redis"),
    ("assignment-sent", "redis"),
    ("assignment-sent", "mill"),
    ("assignment-sent", "worker"),
    ("outcome-received", "worker"),
    ("ticket-opened", "scheduler"),
    ("ticket-opened", "api-server"),
    ("ticket-answered", "worker"),
    ("milestone-reached", "worker"),
    ("snapshot", "scheduler"),
    ("run-ended", "scheduler"),
)


@dataclass(frozen=True)
class Row:
    """One kill: what, when, and how long it took until it was made good; None where it never was."""

    component: str
    what: str
    moment: str
    about: str
    seconds: float | None


@dataclass
class Campaign:
    """Kills `kills` times over as many runs as it takes. Everything that chance decides follows from the seed.

    One that is to be `complete` goes on until every named moment and every kind of component has had its
    kill, and has failed where that took too long.
    """

    site: Site
    kills: int
    seed: int
    moments: tuple[str, ...] = ()
    complete: bool = False
    rows: list[Row] = field(default_factory=list)
    runs: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._named = [pair for pair in AT_NAMED if self._is_for_here(*pair)]
        self._wanted = {moment for moment, _ in self._named}
        self._chance.shuffle(self._named)
        self._next: list[str] = []

    def carry_out(self) -> None:
        """Kill until enough was killed; each run then goes on to its end and is counted."""
        admin, reviewer = self.site.login(ADMIN), self.site.login(REVIEWER)
        self._wait_for_dag(admin)
        end = time.monotonic() + BEGIN_WITHIN_S + KILL_WITHIN_S * self.kills
        while self._goes_on and time.monotonic() < end:
            with People(reviewer, PLAN_ID, self.seed + len(self.runs)) as people:
                self._one_run(admin, people)

    @property
    def faults(self) -> list[str]:
        """Everything that went wrong."""
        never = [f"{row.what} was not made good after {row.moment}" for row in self.rows if row.seconds is None]
        few = [f"only {len(self.rows)} of {self.kills} kills in time"] if len(self.rows) < self.kills else []
        return never + few + self._untried + [f"{run}: {said}" for run, _, problems in self.runs for said in problems]

    @property
    def _untried(self) -> list[str]:
        """What a complete campaign has left out."""
        if not self.complete:
            return []
        moments = sorted(self._wanted - {row.moment for row in self.rows})
        kinds = sorted(set(self._kinds) - {row.component for row in self.rows})
        return [
            *(f"nothing was killed at the moment {moment}" for moment in moments),
            *(f"no {kind} was killed" for kind in kinds),
        ]

    @property
    def _goes_on(self) -> bool:
        return len(self.rows) < self.kills or bool(self._untried)

    @property
    def _kinds(self) -> tuple[str, ...]:
        return () if self.moments else self.site.kinds

    def _is_for_here(self, moment: str, component: str) -> bool:
        return component in self.site.kinds and (not self.moments or moment in self.moments)

    def _wait_for_dag(self, admin: AirflowClient) -> None:
        assert self._until(lambda: admin.dag(PLAN_ID) is not None, 90), admin.import_errors()
        admin.request("PATCH", f"/api/v2/dags/{PLAN_ID}", json={"is_paused": False})

    def _one_run(self, admin: AirflowClient, people: People) -> None:
        known = set(_names(self.site.run_root))
        people.run_id = run_id = admin.trigger(PLAN_ID)
        folder = self._folder(known)
        watch = Watch(folder, self.site.journal, lambda: len(people.taken))
        killer = Killer(self.site, admin, self._chance)
        end = time.monotonic() + RUN_WITHIN_S
        while self._goes_on and not self._ended(admin, run_id) and time.monotonic() < end:
            self._one_kill(killer, watch, run_id)
        over = self._until(lambda: self._ended(admin, run_id), RUN_WITHIN_S)
        state = self._state(admin, run_id) if over else "still running"
        found = [] if state == "success" else [f"it ended as {state}"]
        found += people.refused + losses(RunFolder(folder), self.site, people.taken, watch.events)
        self.runs.append((folder.name, state, found))
        print(f"run {folder.name}: {state}; {found or 'nothing twice, nothing lost'}", flush=True)
        print(f"    {describe_calls(calls(folder.name, self.site))}; {len(watch.events)} events seen", flush=True)

    def _folder(self, known: set[str]) -> Path:
        """Find the folder of a run the moment that it appears: it is begun within some milliseconds."""

        def new() -> list[str]:
            return [name for name in _names(self.site.run_root) if name not in known and PLAN_ID in name]

        def appears() -> bool:
            end = time.monotonic() + 0.2
            while not new() and time.monotonic() < end:
                time.sleep(0.001)
            return bool(new())

        assert self._until(appears, 120), "the run did not begin"
        return self.site.run_root / new()[0]

    def _one_kill(self, killer: Killer, watch: Watch, run_id: str) -> None:
        named = list(self._named)
        wait = self._chance.uniform(1.0, LONGEST_S) if not self.moments else 30.0
        sign = watch.wait(lambda sign: any(sign.name == moment for moment, _ in named), time.monotonic() + wait)
        moment, component = self._choose(sign)
        killed = killer.kill(component, run_id, sign.about if sign else "")
        if killed:
            if sign:
                self._named.remove((moment, component))
            self._recover(killed, moment, sign)

    def _choose(self, sign: Sign | None) -> tuple[str, str]:
        if sign:
            return next(pair for pair in self._named if pair[0] == sign.name)
        self._next = self._next or self._chance.sample(self.site.kinds, len(self.site.kinds))
        return RANDOM, self._next.pop()

    def _recover(self, killed: Kill, moment: str, sign: Sign | None) -> None:
        begun = time.monotonic()
        good = self._until(killed.recovered, RECOVERED_WITHIN_S)
        seconds = time.monotonic() - begun if good else None
        row = Row(killed.component, killed.what, moment, sign.about if sign else "", seconds)
        self.rows.append(row)
        took = "NEVER" if seconds is None else f"{seconds:5.1f} s"
        print(f"{len(self.rows):3} {row.what:32} {AFTER.get(moment, moment):55} {row.about:16} {took}", flush=True)

    def _ended(self, admin: AirflowClient, run_id: str) -> bool:
        return self._state(admin, run_id) in ("success", "failed")

    def _state(self, admin: AirflowClient, run_id: str) -> str:
        try:
            return str(admin.get(f"/api/v2/dags/{PLAN_ID}/dagRuns/{run_id}")["state"])
        except StackError:
            return "unknown"

    def _until(self, ready: object, timeout: float) -> bool:
        assert callable(ready)
        return self.site.supervisor.wait_until(ready, timeout=timeout)


def table(rows: list[Row]) -> Iterator[str]:
    """Sum up: for each component and kind of moment how often, and how long it took."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.component, "named" if row.moment != RANDOM else RANDOM), []).append(row)
    yield f"{'component':14} {'moments':8} {'kills':>5} {'median':>8} {'longest':>8}"
    for (component, kind), found in sorted(groups.items()):
        took = sorted(row.seconds for row in found if row.seconds is not None)
        middle, longest = (took[len(took) // 2], took[-1]) if took else (0.0, 0.0)
        yield f"{component:14} {kind:8} {len(found):5} {middle:6.1f} s {longest:6.1f} s"
    yield f"{len(rows)} kills: " + ", ".join(f"{n} {name}" for name, n in Counter(r.component for r in rows).items())


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
