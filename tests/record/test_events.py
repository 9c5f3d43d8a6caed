import hashlib
from pathlib import Path

import pytest
from planexe_agents.signing import SigningKey, digest, verify_document

from planexe_dag_factory.record.events import Actor, Event, append_event, list_events, read_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.manifest import make_manifest, merkle_root


def test_events_of_a_step_form_a_signed_chain(tmp_path: Path) -> None:
    run, key = RunFolder(tmp_path), SigningKey.generate()
    started = append_event(run, key, Event("run-started"))
    sent = append_event(run, key, Event("assignment-sent", about="survey", digests={"assignment": "sha256:0"}))
    append_event(run, key, Event("assignment-sent", about="other"))
    received = append_event(run, key, Event("outcome-received", Actor("agent", "analysis"), about="survey"))

    events = read_events(run)
    assert [event["follows"] for event in events] == [[], [started], [started], [sent]]
    assert [event["number"] for event in events] == [1, 1, 1, 2]
    assert [event["witnessed"] for event in events] == [False, False, False, True]
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
    append_event(run, key, Event("run-started"))
    manifest = make_manifest(run, key)
    (event,) = list_events(run)
    assert sorted(manifest["files"]) == [event.path, "run.json", "steps/survey/result.json"]
    leaf = hashlib.sha256(b"\0" + bytes.fromhex(event.mark)).hexdigest()
    assert manifest["events"] == {"count": 1, "root": f"sha256:{leaf}"}
    assert verify_document(manifest, key.public)


def test_an_event_follows_all_that_it_comes_after(tmp_path: Path) -> None:
    run, key = RunFolder(tmp_path), SigningKey.generate()
    first = append_event(run, key, Event("run-started"))
    one, two = (append_event(run, key, Event("step-done", about=about)) for about in ("one", "two"))
    append_event(run, key, Event("milestone-reached", about="milestone", after=("one", "two", "three")))
    assert read_events(run, "milestone")[0]["follows"] == [first, one, two]


def test_a_clock_that_jumps_back_keeps_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, key = RunFolder(tmp_path), SigningKey.generate()
    times = iter(("2026-01-01T00:00:00.999999+00:00", "2025-01-01T00:00:00.000000+00:00"))
    monkeypatch.setattr("planexe_dag_factory.record.events.now", lambda: next(times))
    first = append_event(run, key, Event("first"))
    append_event(run, key, Event("second"))
    assert [event["follows"] for event in read_events(run)] == [[], [first]]
    assert [file.stamp for file in list_events(run)] == ["20260101T000000999999", "20260101T000001000000"]


def test_a_thing_may_have_the_longest_name(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    append_event(run, SigningKey.generate(), Event("candidates-ordered", about="x" * 250))
    assert len(read_events(run, "x" * 250)) == 1


def test_the_merkle_root_is_that_of_rfc_6962() -> None:
    """Test vectors of certificate-transparency (merkletree/merkle_tree_test.cc)."""
    leaves = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
    roots = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",  # pragma: allowlist secret
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",  # pragma: allowlist secret
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",  # pragma: allowlist secret
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",  # pragma: allowlist secret
        7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",  # pragma: allowlist secret
    }
    assert {size: merkle_root(leaves[:size]).hex() for size in roots} == roots
