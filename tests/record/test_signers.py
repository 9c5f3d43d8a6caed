"""A key that has handed over signs nothing more: neither by itself, nor by whoever has stolen it since."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from planexe_agents.signing import SigningKey, digest, sign_document

from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.record import events, keys
from planexe_dag_factory.record.events import Event, EventFile, HandedOverError, append_event, list_events, stamp_of
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.keys import KeyRing, take_over
from planexe_dag_factory.record.verify import verify_run
from tests.delegation.scenes import Scene
from tests.record.runs import ask, begun_run, work

NEW, THIEF = SigningKey.generate(), SigningKey.generate()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A run in which the first step is done, before the key is changed."""
    scene = begun_run(tmp_path, ({"confidence": 0.95},))
    work(scene, "survey")
    return scene


@contextmanager
def by_who_looks_at_nothing() -> Iterator[None]:
    """Write as whoever has stolen a key, or has not seen that it handed over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "has_handed_over", lambda *_: False)
        yield


def rotate(scene: Scene) -> Execution:
    old = scene.step.execution
    return Execution(
        old.run, old.read_registry, take_over(old.run, KeyRing(NEW, (old.key,))), frozenset({old.key.public})
    )


def errors(run: RunFolder, *trusted: str) -> list[tuple[str, str]]:
    return [(one.code, str(one.where.file)) for one in verify_run(run, trusted).problems if one.severity == "error"]


def written(run: RunFolder, key: SigningKey, event: Event) -> str:
    """Write an event whatever stands against it; return its path."""
    with by_who_looks_at_nothing():
        mark = append_event(run, key, event)
    return next(file.path for file in list_events(run, event.about) if file.digest == mark)


def test_what_was_signed_before_a_key_handed_over_holds_in_every_chain(scene: Scene) -> None:
    execution = rotate(scene)
    execution.step("survey").log("ticket-commented")
    execution.step("next").log("ticket-commented")
    assert verify_run(execution.run, [scene.step.execution.key.public]).problems == ()


def test_a_process_that_holds_the_key_of_before_is_told(scene: Scene) -> None:
    rotate(scene)
    before = len(list_events(scene.step.execution.run))
    with pytest.raises(HandedOverError, match="another key signs in run since: begin again"):
        ask(scene, "next", "work")
    assert len(list_events(scene.step.execution.run)) == before


@pytest.mark.parametrize("about", ["survey", "next", "run"])
def test_what_the_key_of_before_signs_afterwards_is_named(scene: Scene, about: str) -> None:
    execution = rotate(scene)
    execution.step("survey").log("ticket-commented")
    path = written(execution.run, scene.step.execution.key, Event("ticket-commented", about=about))
    assert errors(execution.run) == [("foreign-key", path)]
    assert verify_run(execution.run).problems[0].message.endswith("which had handed over by then")


def test_what_the_key_of_before_signs_as_if_it_were_earlier_is_named(scene: Scene) -> None:
    """Beside an event of before, as if two had written at once."""
    execution, old = rotate(scene), scene.step.execution.key
    beside = list_events(execution.run, "survey")[1]
    document = execution.run.read_json(*beside.segments)
    at = beside.at.replace(microsecond=(beside.at.microsecond + 1) % 1_000_000).isoformat(timespec="microseconds")
    unsigned = {name: value for name, value in document.items() if name not in ("key", "signature")}
    signed = sign_document({**unsigned, "at": at}, old)
    file = EventFile(stamp_of(at), "survey", beside.action, digest(signed).removeprefix("sha256:"))
    execution.run.create_json(signed, *file.segments)
    assert ("foreign-key", file.path) in errors(execution.run)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_key_that_was_stolen_does_not_hand_over_to_its_thief(scene: Scene, trusted: bool) -> None:
    execution, old = rotate(scene), scene.step.execution.key
    told = Event("key-rotated", details={"from": old.public, "to": THIEF.public}, after_all=True)
    rotation = written(execution.run, old, told)
    theirs = written(execution.run, THIEF, Event("ticket-commented", about="survey"))
    found = errors(execution.run, *([old.public, NEW.public] if trusted else []))
    assert {("foreign-key", rotation), ("foreign-key", theirs)} <= set(found)


def test_a_hand_over_that_is_removed_is_missed(scene: Scene) -> None:
    execution = rotate(scene)
    execution.step("survey").log("ticket-commented")
    (rotation,) = (file for file in list_events(execution.run) if file.action == "key-rotated")
    execution.run.remove(*rotation.segments)
    assert "foreign-key" in {code for code, _ in errors(execution.run)}


def test_two_processes_that_hand_over_at_once_agree(scene: Scene) -> None:
    run, old = scene.step.execution.run, scene.step.execution.key
    rotate(scene)
    written(run, old, Event("key-rotated", details={"from": old.public, "to": NEW.public}, after_all=True))
    rotate(scene).step("next").log("ticket-commented")
    assert errors(run, old.public) == []


def test_the_next_key_confirms_what_was_signed_while_the_old_one_handed_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, old = scene.step.execution.run, scene.step.execution.key
    append: Callable[..., str] = append_event
    late: list[str] = []

    def append_and_be_late(run: RunFolder, key: SigningKey, event: Event) -> str:
        mark = append(run, key, event)
        if not late:
            late.append(written(run, old, Event("ticket-commented", about="next")))
        return mark

    monkeypatch.setattr(keys, "append_event", append_and_be_late)
    rotate(scene).step("next").log("ticket-commented")
    assert [file.action for file in list_events(run, "run")][-2:] == ["key-rotated", "key-rotated"]
    assert errors(run, old.public) == []
    again = written(run, old, Event("ticket-commented", about="next"))
    assert errors(run, old.public) == [("foreign-key", again)]
    assert take_over(run, KeyRing(NEW, (old,))) is NEW
