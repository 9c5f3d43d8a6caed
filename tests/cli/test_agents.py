"""`planexe-dag agents`, with a server that shows whatever card a test gives it."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import fingerprint
from typer.testing import CliRunner, Result

from planexe_dag_factory.cli import app
from tests.agents.cards import Shown, shown_card
from tests.routing.agents import ACTION, KEY, OTHER_KEY, card_of

PLAN = Path(__file__).parents[2] / "dags" / "examples" / "hello.json"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def shown() -> Iterator[Shown]:
    """The mower's card, served."""
    with shown_card(card_of()) as shown:
        yield shown


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """Where a registry will be."""
    return tmp_path / "registry.json"


def agents(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["agents", *map(str, words)], prog_name="planexe-dag")


def add(registry: Path, *words: str) -> Result:
    return agents("add", *words, "--registry", registry)


def listed(registry: Path) -> list[Any]:
    found: list[Any] = json.loads(agents("list", "--registry", registry, "--json").stdout)
    return found


def add_at_a_terminal(registry: Path, url: str, answer: str) -> subprocess.CompletedProcess[str]:
    """Register as a person does who types an answer."""
    master, terminal = pty.openpty()
    os.write(master, answer.encode() + b"\n")
    command = [sys.executable, "-m", "planexe_dag_factory.cli", "agents", "add", url, "--registry", str(registry)]
    done = subprocess.run(command, stdin=terminal, capture_output=True, text=True, check=False)
    os.close(terminal)
    os.close(master)
    return done


def test_the_agents_of_the_package_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = json.loads(agents("list", "--json").stdout)
    assert [agent["type"] for agent in found] == ["data_gathering", "analysis", "reporting", "risk_assessment"]
    assert all(agent["actions"] for agent in found)
    result = agents("list")
    assert all(agent["id"] in result.stdout for agent in found)
    assert "nothing says that they run" in result.stderr
    assert "analysis.estimate_costs" in agents("show", "analysis").stdout


def test_an_agent_that_does_not_answer_is_not_registered(registry: Path) -> None:
    result = add(registry, NOWHERE, "--yes")
    assert result.exit_code == 3
    assert result.stderr.startswith(f"no agent answers at {NOWHERE}: ")
    assert not registry.exists()


def test_a_new_agent_is_shown_and_registered_only_with_consent(registry: Path, shown: Shown) -> None:
    result = add(registry, shown.url)
    assert result.exit_code == 1
    assert "mower" in result.stdout
    assert fingerprint(KEY) in result.stdout
    assert "mow_lawn: Mows. (side effects: reversible)" in result.stdout
    assert "repeat this with --yes" in result.stderr
    assert list(registry.parent.iterdir()) == [], "not even a key was made"

    result = add(registry, shown.url + "/", "--yes")
    assert (result.exit_code, result.stderr) == (
        0,
        f"Registered. 1 agent is in {registry}; Airflow takes it at its next look.\n",
    )
    (agent,) = listed(registry)
    assert (agent["id"], agent["url"], agent["fingerprint"]) == ("mower", shown.url, fingerprint(KEY))
    assert add(registry, shown.url).stderr == "All of it is registered already; nothing has changed.\n"


def test_a_person_is_asked(registry: Path, shown: Shown) -> None:
    done = add_at_a_terminal(registry, shown.url, "n")
    assert (done.returncode, registry.exists()) == (1, False)
    assert "Register mower? [y/N]" in done.stderr
    assert add_at_a_terminal(registry, shown.url, "y").returncode == 0
    assert [agent["id"] for agent in listed(registry)] == ["mower"]


def test_a_changed_schema_is_never_taken_silently(registry: Path, shown: Shown) -> None:
    add(registry, shown.url, "--yes")
    before = registry.read_bytes()
    shown.card = card_of(actions=[{**ACTION, "output_schema": {"type": "object", "required": ["area"]}}])

    result = add(registry, shown.url, "--yes")
    assert result.exit_code == 1
    assert 'changed  mow_lawn: output schema, $.required: new, ["area"]' in result.stdout
    assert "repeat this with --accept-change" in result.stderr
    assert registry.read_bytes() == before

    assert add(registry, shown.url, "--accept-change").exit_code == 0
    told = json.loads(agents("show", "mower", "--registry", registry, "--json").stdout)
    assert told["capabilities"][0]["output_schema"]["required"] == ["area"]
    assert [entry["change"] for entry in told["history"]] == ["added", "changed"]
    assert told["history"][1]["what"] == ['mow_lawn: output schema, $.required: new, ["area"]']


def test_a_changed_key_is_said_loudly_and_taken_only_by_name(registry: Path, shown: Shown) -> None:
    add(registry, shown.url, "--yes")
    before = registry.read_bytes()
    shown.card = card_of(public_key=OTHER_KEY)

    result = add(registry, shown.url, "--yes")
    assert result.exit_code == 1
    assert "ANOTHER KEY than the one registered: this may be another agent" in result.stdout
    assert add_at_a_terminal(registry, shown.url, "y").returncode == 1
    assert registry.read_bytes() == before

    done = add_at_a_terminal(registry, shown.url, "mower")
    assert done.returncode == 0, done.stderr
    assert [agent["fingerprint"] for agent in listed(registry)] == [fingerprint(OTHER_KEY)]


def test_an_agent_that_is_as_it_was_is_well(registry: Path, shown: Shown) -> None:
    add(registry, shown.url, "--yes")
    result = agents("check", "--registry", registry)
    assert (result.exit_code, result.stdout) == (0, "mower: ok\n")


@pytest.mark.parametrize(
    ("card", "drift"),
    [
        (card_of(public_key=OTHER_KEY), f"key: {fingerprint(OTHER_KEY)}, where {fingerprint(KEY)} is registered"),
        (card_of(actions=[]), "action mow_lawn is gone"),
        (card_of(id="stranger"), "the agent stranger answers at its address, "),
    ],
)
def test_what_has_changed_is_found(registry: Path, shown: Shown, card: Any, drift: str) -> None:
    add(registry, shown.url, "--yes")
    shown.card = card
    result = agents("check", "mower", "--registry", registry, "--json")
    assert result.exit_code == 5
    (found,) = json.loads(result.stdout)
    assert found["state"] == "changed"
    assert found["drift"][0].startswith(drift)


def test_an_agent_that_is_gone_is_found(registry: Path, shown: Shown) -> None:
    add(registry, shown.url, "--yes")
    document = agents("check", "--registry", registry).stdout
    assert document == "mower: ok\n"
    assert agents("check", "nobody", "--registry", registry).exit_code == 1
    shown.card = None
    result = agents("check", "--registry", registry)
    assert result.exit_code == 5
    assert result.stdout.startswith("mower: unreachable\n")


def test_agents_are_preferred_and_removed(registry: Path, shown: Shown) -> None:
    add(registry, shown.url, "--yes")
    shown.card = card_of(id="twin")
    add(registry, shown.url, "--yes", "--connection", "twins")
    assert agents("prefer", "twin", "--registry", registry).stdout == "Asked in this order: twin, mower\n"
    assert "connection twins" in agents("show", "twin", "--registry", registry).stdout
    assert agents("remove", "mower", "--registry", registry).exit_code == 1
    assert agents("remove", "mower", "--yes", "--registry", registry).exit_code == 0
    assert [agent["id"] for agent in listed(registry)] == ["twin"]


def test_one_that_was_removed_and_comes_back_is_shown_with_its_history(registry: Path, shown: Shown) -> None:
    add(registry, shown.url, "--yes")
    agents("remove", "mower", "--yes", "--registry", registry)
    shown.card = card_of(public_key=OTHER_KEY)
    said = add(registry, shown.url).stdout
    assert said.index(fingerprint(OTHER_KEY)) < said.index("History") < said.index(fingerprint(KEY))
    assert "removed by" in said


def test_a_lost_key_is_told_before_anybody_is_asked(registry: Path, shown: Shown) -> None:
    add(registry, shown.url, "--yes")
    (registry.parent / "keys" / "operator.key").unlink()
    result = add(registry, shown.url, "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the operator's key is lost" in result.stderr


def test_settings_of_airflow_say_where_registry_and_key_are(
    tmp_path: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__PLANEXE__REGISTRY", str(tmp_path / "etc" / "agents.json"))
    monkeypatch.setenv("AIRFLOW__PLANEXE__KEYS", str(tmp_path / "secret"))
    assert agents("add", shown.url, "--yes").exit_code == 0
    assert (tmp_path / "etc" / "agents.json").exists()
    assert (tmp_path / "secret" / "operator.key").exists()


@pytest.mark.parametrize("command", ["validate", "explain", "spec"])
def test_the_other_commands_take_the_registry_and_refuse_one_that_was_changed(
    registry: Path, shown: Shown, command: str
) -> None:
    add(registry, shown.url, "--yes")
    words = [command, str(PLAN), "--registry", str(registry)]
    assert CliRunner().invoke(app, words).exit_code == 0
    registry.write_text(registry.read_text().replace(shown.url, "http://thief"))
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "changed after it was signed" in result.stderr


def test_without_a_registry_an_agent_joins_those_of_the_stack_here(
    tmp_path: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert agents("add", shown.url, "--yes").exit_code == 0
    home = tmp_path / ".planexe"
    assert (home / "registry.json").exists()
    assert (home / "keys" / "operator.key").exists()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_registry_of_nobody_knows_whose_is_said_to_be_so(registry: Path, shown: Shown) -> None:
    add(registry, shown.url, "--yes")
    (registry.parent / "keys" / "operator.pub").unlink()
    assert "nothing says whose registry this is" in agents("list", "--registry", registry).stderr


def test_what_an_agent_says_does_not_reach_the_terminal_as_it_is(registry: Path, shown: Shown) -> None:
    hostile = {**ACTION, "description": "Mows\x1b[2J\u202e\nRegister? [y/N] y" + "x" * 5000}
    shown.card = card_of(version="1\x1b]0;title\x07", actions=[hostile])
    result = add(registry, shown.url)
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) < 400
    assert sum("Register?" in line for line in result.stdout.splitlines()) == 1
    assert not any(line.startswith("Register?") for line in result.stdout.splitlines())


def test_an_agent_behind_a_token_is_asked_with_that_of_its_connection(
    registry: Path, shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("AIRFLOW_CONN_GARDEN", "http://:t0ken@")
    shown.token = "t0ken"
    refused = add(registry, shown.url, "--yes")
    assert (refused.exit_code, "answered 401" in refused.stderr) == (1, True)
    assert add(registry, shown.url, "--yes", "--connection", "garden").exit_code == 0
    assert agents("check", "--registry", registry).stdout == "mower: ok\n"

    monkeypatch.delenv("AIRFLOW_CONN_GARDEN")
    unknown = agents("check", "--registry", registry)
    assert unknown.exit_code == 5
    assert unknown.stderr.startswith(
        "Asked without a token: the token in Airflow's connection 'garden' cannot be read here: "
    )
    assert "t0ken" not in unknown.output


def test_an_agent_in_a_private_network_needs_the_operators_word(registry: Path) -> None:
    result = add(registry, "http://10.255.255.1:9", "http://169.254.169.254", "--yes", "--networks", "169.254.0.0/16")
    assert result.exit_code == 1
    assert "10.255.255.1 is not a public address, and agent_networks does not allow it" in result.stderr
    assert "169.254.169.254 is an address where no agent may be" in result.stderr
    assert "here with --networks, for Airflow in [planexe] agent_networks" in result.stderr
    assert agents("add", NOWHERE, "--networks", "home").exit_code == 2
    assert not registry.exists()


def test_the_operators_key_is_changed_with_consent(registry: Path, shown: Shown) -> None:
    add(registry, shown.url, "--yes")
    before = (registry.parent / "keys" / "operator.pub").read_text()
    assert agents("rotate-key", "--registry", registry).exit_code == 1
    assert (registry.parent / "keys" / "operator.pub").read_text() == before
    result = agents("rotate-key", "--registry", registry, "--yes")
    after = (registry.parent / "keys" / "operator.pub").read_text()
    assert result.exit_code == 0
    assert result.stdout == f"Signs now   {after}Before      {before}"
    assert "Copy its operator.pub to every Airflow" in result.stderr
    assert agents("check", "--registry", registry).stdout == "mower: ok\n"
