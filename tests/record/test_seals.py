"""What was sealed stays as it was, also where two workers wrote at once; and nothing comes between afterwards."""

from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, canonical, digest, digest_bytes, sign_document

from planexe_dag_factory.record.events import Event, EventFile, append_event, list_events, stamp_of
from planexe_dag_factory.record.folder import RunFolder, now
from planexe_dag_factory.record.manifest import make_manifest
from planexe_dag_factory.record.verify import verify_run
from tests.record.writer import KEY, begin

FILE = "steps/survey/notes.json"
ONE, OTHER, LATER = (canonical({"said": said}) for said in ("one", "other", "later"))


def say(run: RunFolder, content: bytes) -> EventFile:
    mark = append_event(run, KEY, Event("noted", about="survey", digests={FILE: digest_bytes(content)}))
    run.write_bytes(content, *FILE.split("/"))
    return next(one for one in list_events(run, "survey") if one.digest == mark)


def say_at_once(run: RunFolder, content: bytes, beside: EventFile, number: int = 2, **changes: Any) -> EventFile:
    """Write what a worker would that has not seen an event: it follows what that one follows, a moment later."""
    document = run.read_json(*beside.segments)
    unsigned = {name: value for name, value in document.items() if name not in ("key", "signature")}
    at = changes.pop("at", now())
    changed = {"digests": {FILE: digest_bytes(content)}, "at": at, "number": number, **changes}
    signed = sign_document({**unsigned, **changed}, KEY)
    mark = digest(signed)
    file = EventFile(stamp_of(at), beside.about, beside.action, mark.removeprefix("sha256:"))
    run.create_json(signed, *file.segments)
    return file


def seal(run: RunFolder, **changes: Any) -> None:
    manifest = make_manifest(run, KEY)
    place = ("milestones", "one", "manifest.json")
    digests = {"/".join(place): digest(manifest)}
    append_event(
        run, KEY, Event("snapshot", about="one", digests=digests, details={"events": manifest["events"]} | changes)
    )
    run.write_json(manifest, *place)


def errors(run: RunFolder) -> list[tuple[str, str]]:
    problems = verify_run(run, [KEY.public]).problems
    return [(one.code, str(one.where.file)) for one in problems if one.severity == "error"]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A record in which two have spoken of a file at once; the second is the one who wrote it last."""
    run = begin(tmp_path / "run")
    say(run, canonical({"said": "first"}))
    say_at_once(run, OTHER, say(run, ONE))
    run.write_bytes(OTHER, *FILE.split("/"))
    return run


def test_of_two_who_spoke_at_once_either_may_be_right(run: RunFolder) -> None:
    assert errors(run) == []
    run.write_bytes(ONE, *FILE.split("/"))
    assert errors(run) == []


def test_a_file_of_which_two_spoke_at_once_stays_as_it_was_sealed(run: RunFolder) -> None:
    seal(run)
    assert errors(run) == []
    run.write_bytes(ONE, *FILE.split("/"))
    assert errors(run) == [("changed", FILE)]


def test_whoever_speaks_after_two_at_once_has_the_last_word(run: RunFolder) -> None:
    """Though their event follows only one of the two: it counts both."""
    say(run, LATER)
    assert errors(run) == []
    for content in (ONE, OTHER):
        run.write_bytes(content, *FILE.split("/"))
        assert errors(run) == [("changed", FILE)]


def test_a_file_may_change_after_it_was_sealed_where_an_event_says_so(run: RunFolder) -> None:
    seal(run)
    say(run, LATER)
    assert errors(run) == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_event_that_is_put_between_what_was_sealed_is_named(tmp_path: Path, number: int) -> None:
    """By whoever holds the key: as if two had written at once, long ago."""
    run = begin(tmp_path / "run")
    files = [say(run, canonical({"said": said})) for said in ("first", "second", "third")]
    seal(run)
    beside = files[number - 1]
    late = say_at_once(run, canonical({"said": "third"}), beside, number, at=_after(beside), about="survey")
    assert ("added", late.path) in errors(run)


def _after(file: EventFile) -> str:
    return file.at.replace(microsecond=(file.at.microsecond + 1) % 1_000_000).isoformat(timespec="microseconds")


def test_an_event_after_the_seal_is_none_between(run: RunFolder) -> None:
    seal(run)
    append_event(run, KEY, Event("noted", about="survey"))
    append_event(run, KEY, Event("noted", about="another"))
    assert errors(run) == []


def test_a_seal_whose_event_counts_others_is_named(run: RunFolder) -> None:
    seal(run, events={"count": 1, "root": "sha256:0"})
    (snapshot,) = list_events(run, "one")
    assert errors(run) == [("unfounded", snapshot.path)]


def test_a_seal_that_counts_other_events_than_it_lists_is_named(run: RunFolder) -> None:
    manifest = make_manifest(run, KEY)
    unsigned = {name: value for name, value in manifest.items() if name not in ("key", "signature")}
    signed = sign_document({**unsigned, "events": {"count": 1, "root": "sha256:0"}}, KEY)
    path = "milestones/one/manifest.json"
    append_event(run, KEY, Event("snapshot", about="one", digests={path: digest(signed)}))
    run.write_json(signed, *path.split("/"))
    assert errors(run) == [("changed", path)]


def test_a_seal_of_a_stranger_is_named(run: RunFolder) -> None:
    signed = make_manifest(run, SigningKey.generate())
    path = "milestones/one/manifest.json"
    append_event(run, KEY, Event("snapshot", about="one", digests={path: digest(signed)}))
    run.write_json(signed, *path.split("/"))
    assert errors(run) == [("foreign-key", path)]
