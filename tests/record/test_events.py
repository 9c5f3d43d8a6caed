from pathlib import Path

import pytest
from planexe_agents.signing import SigningKey, digest, verify_document

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import Actor, Event, append_event, read_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.keys import load_key, make_key
from planexe_dag_factory.record.manifest import write_manifest


def test_events_of_a_step_form_a_signed_chain(tmp_path: Path) -> None:
    run, key = RunFolder(tmp_path), SigningKey.generate()
    started = append_event(run, key, Event("run-started"))
    sent = append_event(run, key, Event("assignment-sent", about="survey", digests={"assignment": "sha256:0"}))
    append_event(run, key, Event("assignment-sent", about="other"))
    received = append_event(run, key, Event("outcome-received", Actor("agent", "analysis"), about="survey"))

    events = read_events(run)
    assert [event["follows"] for event in events] == [None, started, started, sent]
    assert digest(events[-1]) == received
    for event in events:
        assert verify_document(event, key.public)
    assert [event["action"] for event in read_events(run, "survey")] == ["assignment-sent", "outcome-received"]


def test_a_changed_event_does_not_verify(tmp_path: Path) -> None:
    run, key = RunFolder(tmp_path), SigningKey.generate()
    append_event(run, key, Event("run-started", details={"by": "anna"}))
    (event,) = read_events(run)
    event["details"]["by"] = "mallory"
    assert not verify_document(event, key.public)


def test_a_manifest_lists_what_there_is(tmp_path: Path) -> None:
    run, key = RunFolder(tmp_path), SigningKey.generate()
    run.write_json({}, "run.json")
    run.write_json({"status": "done"}, "steps", "survey", "result.json")
    write_manifest(run, key, "milestones", "milestone-a")
    manifest = run.read_json("milestones", "milestone-a", "manifest.json")
    assert sorted(manifest["files"]) == ["run.json", "steps/survey/result.json"]
    assert verify_document(manifest, key.public)


def test_the_key_is_made_once_and_a_lost_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is lost"):
        load_key(tmp_path)
    made = make_key(tmp_path)
    assert make_key(tmp_path).public == load_key(tmp_path).public == made.public
    assert (tmp_path / "orchestrator.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "orchestrator.key").write_bytes(b"short")
    with pytest.raises(RecordError, match="cannot be used"):
        load_key(tmp_path)
