"""What an agent must not forget: every assignment it accepted, before work begins, and every outcome."""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, assignment BLOB NOT NULL,
    begun INTEGER NOT NULL DEFAULT 0, outcome BLOB, accepted_at REAL NOT NULL, trace TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unfinished ON runs (accepted_at) WHERE outcome IS NULL;
CREATE INDEX IF NOT EXISTS finished ON runs (accepted_at) WHERE outcome <> x'';
"""
SWEPT = 8
"""So many old runs at most are forgotten for each new one: more than are added, and no work waits for it."""
DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class StoredRun:
    """`assignment` and `outcome` are the JSON bytes as received and as answered; `trace` is a traceparent."""

    id: str
    digest: str
    assignment: bytes
    begun: bool
    outcome: bytes | None
    trace: str | None

    @property
    def is_forgotten(self) -> bool:
        """Say whether only that it was carried out is known any more."""
        return self.outcome == b""


class RunStore:
    """The runs of one agent in a SQLite file. Not thread-safe: its user holds a lock.

    `synchronous=FULL`, since an answer given after a power failure must be the one given before it.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(SCHEMA)
        self._upgrade()

    def close(self) -> None:
        self._db.close()

    def get(self, run_id: str) -> StoredRun | None:
        rows = self._select("id = ?", run_id)
        return rows[0] if rows else None

    def unfinished(self) -> list[StoredRun]:
        """What was accepted and has no outcome yet, oldest first."""
        return self._select("outcome IS NULL")

    def add(self, run_id: str, digest: str, assignment: bytes, trace: str | None = None) -> None:
        """Remember an assignment before anything is done about it."""
        self._db.execute(
            "INSERT INTO runs (id, digest, assignment, accepted_at, trace) VALUES (?, ?, ?, ?, ?)",
            (run_id, digest, assignment, time.time(), trace),
        )

    def begin(self, run_id: str) -> None:
        """Remember that work has begun, which matters for what must not begin twice."""
        self._db.execute("UPDATE runs SET begun = 1 WHERE id = ?", (run_id,))

    def finish(self, run_id: str, outcome: bytes) -> bool:
        """Keep the outcome, unless there is one; the first wins. Says whether this was it."""
        update = self._db.execute("UPDATE runs SET outcome = ? WHERE id = ? AND outcome IS NULL", (outcome, run_id))
        return update.rowcount == 1

    def forget(self, days: float) -> None:
        """Remove some of the runs that have ended and were accepted before so many days, the oldest first.

        What cannot be undone is remembered by its key alone, for ever: it must not be done again.
        """
        old = (time.time() - days * DAY_S, SWEPT)
        oldest = "(SELECT id FROM runs WHERE outcome <> x'' AND accepted_at < ? ORDER BY accepted_at LIMIT ?)"
        self._db.execute(f"UPDATE runs SET outcome = x'', assignment = x'' WHERE begun AND id IN {oldest}", old)  # noqa: S608 - a literal of ours
        self._db.execute(f"DELETE FROM runs WHERE NOT begun AND id IN {oldest}", old)  # noqa: S608 - the same

    def _upgrade(self) -> None:
        """Give a file of an earlier version the columns that came since."""
        if "trace" not in {row[1] for row in self._db.execute("PRAGMA table_info(runs)")}:
            self._db.execute("ALTER TABLE runs ADD COLUMN trace TEXT")

    def _select(self, where: str, *values: str) -> list[StoredRun]:
        sql = f"SELECT id, digest, assignment, begun, outcome, trace FROM runs WHERE {where} ORDER BY accepted_at"  # noqa: S608 - `where` is a literal of this class
        rows = self._db.execute(sql, values)
        return [StoredRun(row[0], row[1], row[2], bool(row[3]), row[4], row[5]) for row in rows]


@contextmanager
def sole_user(folder: Path) -> Iterator[None]:
    """Hold an agent's state folder; two processes on one folder would each carry the same work out.

    Raises BlockingIOError where another process holds it. The lock goes with the process, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(
                f"{folder} is in use by another process; give each agent a folder of its own"
            ) from error
        yield
