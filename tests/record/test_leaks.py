"""A search for secrets that finds them, and a run folder that holds none."""

from pathlib import Path

from tests.record.leaks import key_files, leaks
from tests.record.runs import finished_run, record_of


def test_a_finished_run_holds_no_key_and_one_that_did_is_found(tmp_path: Path) -> None:
    scene = finished_run(tmp_path)
    run = record_of(scene)
    seeds = {name: key.seed for name, key in scene.agents.keys.items()}
    secrets = {"the orchestrator's key": scene.step.execution.key.seed, **seeds}
    assert leaks(run, secrets) == []
    first = seeds["first"]
    for number, content in enumerate((b"a" + first, first.hex().encode(), b"Authorization: Bearer 0123456789abcdef")):
        run.write_bytes(content, "steps", f"leak-{number}.txt")
    assert leaks(run, secrets) == [
        "first is in steps/leak-0.txt",
        "first is in steps/leak-1.txt",
        "a token is in steps/leak-2.txt",
    ]


def test_keys_are_found_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "agent.key").write_bytes(b"seed")
    assert key_files(tmp_path) == {"agents/agent.key": b"seed"}
