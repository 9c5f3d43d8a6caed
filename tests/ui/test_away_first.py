"""Being away in a new installation, where no run has begun and so nothing was signed yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import Assigned, People
from planexe_dag_factory.ui.away import _leave, standing_in
from planexe_dag_factory.ui.wire import Leave

PEOPLE = People(roles={"Clerk": Assigned(users=("ann", "bert"))})
ANN, BERT = Actor("person", "ann", "ann"), Actor("person", "bert", "bert")


@pytest.fixture(autouse=True)
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__PLANEXE__KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("AIRFLOW__PLANEXE__RUN_ROOT", str(tmp_path / "run"))


def leave() -> None:
    body = Leave(deputy="bert", until=datetime.now(UTC) + timedelta(days=2))
    _leave("ann", body, ANN, PEOPLE)


def test_the_inbox_opens_before_the_first_run() -> None:
    assert standing_in(BERT, PEOPLE) == ()


def test_whoever_is_away_first_makes_the_key() -> None:
    leave()
    assert [one.user for one in standing_in(BERT, PEOPLE)] == ["ann"]


def test_a_key_that_was_lost_is_not_made_anew(tmp_path: Path) -> None:
    leave()
    (tmp_path / "keys" / "orchestrator.key").unlink()
    assert standing_in(BERT, PEOPLE) == ()
    with pytest.raises(RecordError, match="is lost; restore it from its backup"):
        leave()
    assert not (tmp_path / "keys" / "orchestrator.key").exists()
