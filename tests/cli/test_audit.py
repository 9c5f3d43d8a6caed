"""`planexe-dag audit` and `keys`, on the record of a whole run."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from planexe_dag_factory.cli.runs import record_holds
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.keys import make_ring
from tests.cli.test_commands import invoke
from tests.record.runs import finished_run


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(finished_run(tmp_path_factory.mktemp("runs")).step.execution.run.root)


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "runs" / "run"))


def test_a_whole_record_is_told_with_whose_key_that_was(run: Path, tmp_path: Path) -> None:
    said = invoke("audit", "verify", run)
    assert said.exit_code == 0
    assert "whole, from the beginning to its seal (45 events, 87 files)" in said.stdout
    assert "only what the record itself says" in said.stdout

    (tmp_path / "ours.pub").write_text(RunFolder(run).read_json("run.json")["orchestrator_key"])
    given = invoke("audit", "verify", "run", "--runs", run.parent, "--keys", tmp_path / "ours.pub")
    assert given.exit_code == 0
    assert "only what the record itself says" not in given.stdout


def test_what_was_tampered_with_is_named_and_fails(run: Path) -> None:
    (run / "steps/survey/result.json").write_text("{}")
    said = invoke("audit", "verify", run)
    assert said.exit_code == 4
    assert said.stdout.startswith("changed: steps/survey/result.json is not what audit/survey/")
    found = json.loads(invoke("audit", "verify", run, "--json").stdout)
    assert (found["ok"], found["problems"][0]["file"]) == (False, "steps/survey/result.json")
    assert invoke("audit", "export", run).exit_code == 4


def test_the_story_says_first_whether_its_record_is_whole(run: Path, tmp_path: Path) -> None:
    whole = invoke("audit", "show", run)
    assert whole.exit_code == 0
    assert "only what the record itself says" in whole.stdout.splitlines()[0]
    assert "run: whole, from the beginning to its seal" in whole.stdout

    (tmp_path / "ours.pub").write_text(RunFolder(run).read_json("run.json")["orchestrator_key"])
    given = invoke("audit", "show", run, "--keys", tmp_path / "ours.pub")
    assert given.exit_code == 0
    assert given.stdout.startswith("run: whole, from the beginning to its seal (45 events, 87 files)")

    (run / "steps/survey/result.json").write_text("{}")
    for words in ((), ("--json",), ("--keys", tmp_path / "ours.pub")):
        said = invoke("audit", "show", run, *words)
        assert said.exit_code == 4
        assert "see: planexe-dag audit verify" in said.stderr
    assert said.stdout.startswith("run: this record does not hold (45 events, 87 files)")
    make_ring(tmp_path / "keys")
    assert invoke("audit", "show", run, "--keys", tmp_path / "keys").exit_code == 4


def test_a_run_says_at_its_end_whether_its_record_holds(run: Path, tmp_path: Path) -> None:
    assert record_holds(str(run))
    [seal] = (run / "audit" / "run").glob("*+run-sealed+*")
    kept = seal.read_bytes()
    seal.unlink()
    (run / "final" / "seal.json").rename(run / "seal.json")
    assert not record_holds(str(run)), "a run that has ended has its seal"
    (run / "seal.json").rename(run / "final" / "seal.json")
    seal.write_bytes(kept)
    assert record_holds(str(run))
    (run / "plan.json").write_text("{}")
    assert not record_holds(str(run))
    assert not record_holds(str(tmp_path / "none"))


def test_the_name_of_a_planted_file_steers_no_terminal(run: Path) -> None:
    (run / "x\x1b[2K\rrun: whole, from the beginning").write_text("")
    said = invoke("audit", "verify", run)
    assert said.exit_code == 4
    assert "\\x1b[2K\\rrun: whole" in said.stdout
    assert "\x1b" not in said.stdout


def test_another_key_than_the_given_one_fails(run: Path, tmp_path: Path) -> None:
    make_ring(tmp_path / "keys")
    said = invoke("audit", "verify", run, "--keys", tmp_path / "keys")
    assert said.exit_code == 4
    assert said.stdout.startswith("foreign-key: run.json names an orchestrator's key that is not among those given")


@pytest.mark.parametrize("words", [("audit", "verify"), ("audit", "show"), ("audit", "export")])
def test_no_such_run(words: tuple[str, ...], tmp_path: Path) -> None:
    said = invoke(*words, "nothing", "--runs", tmp_path)
    assert said.exit_code == 1
    assert "there is no run 'nothing'" in said.stderr


def test_the_story_is_told_in_three_orders(run: Path) -> None:
    told = {
        by: json.loads(invoke("audit", "show", run, "--by", by, "--json").stdout) for by in ("time", "step", "actor")
    }
    assert [event["action"] for event in told["time"]][:3] == ["plan-read", "plan-routed", "run-started"]
    assert [event["about"] for event in told["step"]] == sorted(event["about"] for event in told["time"])
    kinds = [event["actor"]["kind"] for event in told["actor"]]
    assert kinds == sorted(kinds)
    assert "gate-opened" in invoke("audit", "show", run).stdout


def test_snapshots_become_statements_that_other_tools_read(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.intoto.jsonl"
    assert invoke("audit", "export", run, "--out", out).exit_code == 0
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["predicate"]["snapshot"] for one in told] == [
        "milestones/milestone-one/manifest.json",
        "milestones/milestone-two/manifest.json",
        "final/manifest.json",
        "final/seal.json",
    ]
    assert {one["_type"] for one in told} == {"https://in-toto.io/Statement/v1"}
    assert {"name": "plan.json", "digest": {"sha256": _sha256(run / "plan.json")}} in told[0]["subject"]


def test_statements_are_signed_as_dsse(run: Path, tmp_path: Path) -> None:
    key = make_ring(tmp_path / "keys").current
    envelope = json.loads(invoke("audit", "export", run, "--sign", tmp_path / "keys").stdout.splitlines()[0])
    payload = base64.b64decode(envelope["payload"])
    assert json.loads(payload)["predicateType"] == "urn:planexe-dag-factory:snapshot:v1"
    signed = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(payload)).encode() + b" " + payload
    (signature,) = envelope["signatures"]
    assert signature["keyid"] == key.public
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public))
    public.verify(base64.b64decode(signature["sig"]), signed)


def test_keys_are_listed_and_rotated(tmp_path: Path) -> None:
    assert "is lost" in invoke("keys", "list", "--keys", tmp_path).stderr
    old = make_ring(tmp_path).current.public
    assert invoke("keys", "rotate", "--keys", tmp_path, "--yes").exit_code == 0
    listed = json.loads(invoke("keys", "list", "--keys", tmp_path, "--json").stdout)
    assert [(key["public"] == old, key["state"]) for key in listed] == [(False, "signs now"), (True, "signed before")]


def _sha256(path: Path) -> str:

    return hashlib.sha256(path.read_bytes()).hexdigest()
