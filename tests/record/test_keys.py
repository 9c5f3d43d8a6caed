import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from planexe_agents.signing import SigningKey

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import Event, append_event, read_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.keys import (
    KeyRing,
    load_ring,
    make_ring,
    parse_key,
    pin_ring,
    public_keys,
    rotate,
    take_over,
)
from planexe_dag_factory.record.verify import verify_run
from tests.delegation.scenes import Scene
from tests.record.runs import begun_run, finished_run


def test_the_key_is_made_once_and_a_lost_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is lost"):
        load_ring(tmp_path)
    made = make_ring(tmp_path)
    assert make_ring(tmp_path).public == load_ring(tmp_path).public == made.public == public_keys(tmp_path)
    assert (tmp_path / "orchestrator.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "orchestrator.key").write_bytes(b"short")
    with pytest.raises(RecordError, match="cannot be used"):
        load_ring(tmp_path)


def test_a_key_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    make_ring(tmp_path)
    (tmp_path / "orchestrator.key").chmod(0o644)
    with pytest.raises(RecordError, match="everybody can read it; run: chmod 600"):
        make_ring(tmp_path)


def test_a_lost_key_is_not_made_anew_beside_the_ones_before_it(tmp_path: Path) -> None:
    make_ring(tmp_path)
    rotate(tmp_path)
    (tmp_path / "orchestrator.key").unlink()
    with pytest.raises(RecordError, match="is lost"):
        make_ring(tmp_path)


def test_a_rotated_key_is_kept(tmp_path: Path) -> None:
    old = make_ring(tmp_path).current
    middle = rotate(tmp_path).current
    ring = rotate(tmp_path)
    assert {old.public, middle.public} == {key.public for key in ring.retired}
    assert ring.current.public not in {old.public, middle.public}
    assert public_keys(tmp_path) == ring.public == load_ring(tmp_path).public
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in tmp_path.glob("*.key"))


def test_below_a_run_root_a_strange_key_is_refused(tmp_path: Path) -> None:
    root, ring = RunFolder(tmp_path / "run"), make_ring(tmp_path / "keys")
    pin_ring(root, ring)
    pin_ring(root, rotate(tmp_path / "keys"))
    assert len(root.names("keys")) == 2
    with pytest.raises(RecordError, match="restore the lost key from its backup"):
        pin_ring(root, make_ring(tmp_path / "other"))


def test_a_secrets_backend_may_hold_the_key_in_either_form() -> None:
    key = SigningKey.generate()
    pem = key._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert parse_key(pem).public == parse_key(base64.b64encode(key.seed).decode()).public == key.public
    for wrong in (
        "",
        "secret",
        "AAAA",
        "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----",  # pragma: allowlist secret
    ):
        with pytest.raises(RecordError) as caught:
            parse_key(wrong)
        assert "secret" not in str(caught.value)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return begun_run(tmp_path)


def test_a_run_goes_on_with_a_new_key_and_verifies(scene: Scene) -> None:
    run, old = scene.step.execution.run, scene.step.execution.key
    assert take_over(run, KeyRing(old)).public == old.public
    middle, new = SigningKey.generate(), SigningKey.generate()
    take_over(run, KeyRing(middle, (old,)))
    for _ in range(2):
        signing = take_over(run, KeyRing(new, (old, middle)))
    append_event(run, signing, Event("candidates-ordered", about="survey"))
    assert [event["action"] for event in read_events(run, "run")][3:] == ["key-rotated", "key-rotated"]
    assert [event["key"] for event in read_events(run)][-3:] == [old.public, middle.public, new.public]
    found = verify_run(run)
    assert (found.problems, {key.origin for key in found.keys if key.owner == "orchestrator"}) == (
        (),
        {"self-declared", "handed over"},
    )
    assert verify_run(run, [old.public]).ok


def test_a_run_that_a_stranger_began_is_not_continued(scene: Scene) -> None:
    stranger = SigningKey.generate()
    with pytest.raises(RecordError, match="which the orchestrator does not have"):
        take_over(scene.step.execution.run, KeyRing(stranger))
    append_event(scene.step.execution.run, stranger, Event("key-rotated", details={"to": stranger.public}))
    assert [problem.code for problem in verify_run(scene.step.execution.run).problems] == ["foreign-key"]


def test_public_keys_come_from_a_file_or_a_folder(tmp_path: Path) -> None:
    one, two = SigningKey.generate().public, SigningKey.generate().public
    (tmp_path / "keys.txt").write_text(f"# ours\n{one}\n\n{two}\n")
    assert public_keys(tmp_path / "keys.txt") == {one, two}
    (tmp_path / "bad.txt").write_text("nonsense!\n")
    for wrong in ("none", "bad.txt", "."):
        with pytest.raises(RecordError, match="holds no public keys"):
            public_keys(tmp_path / wrong)


def test_a_rotation_that_was_interrupted_publishes_the_new_key_at_the_next_start(tmp_path: Path) -> None:
    make_ring(tmp_path)
    before = (tmp_path / "orchestrator.pub").read_text()
    ring = rotate(tmp_path)
    (tmp_path / "orchestrator.pub").write_text(before)  # as where the process died before it wrote the new one
    make_ring(tmp_path)
    assert (tmp_path / "orchestrator.pub").read_text().strip() == ring.current.public


def test_a_retired_key_signs_in_no_run_that_was_begun_after_it(tmp_path: Path) -> None:
    scene = finished_run(tmp_path)
    execution, retired = scene.step.execution, SigningKey.generate()
    trusted = {execution.key.public, retired.public}
    assert verify_run(execution.run, trusted).ok
    append_event(execution.run, retired, Event("ticket-commented", about="survey", details={"text": "approved"}))
    [problem] = verify_run(execution.run, trusted).problems[:1]
    assert problem.code == "foreign-key"
