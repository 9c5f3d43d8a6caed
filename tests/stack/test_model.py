import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.models.connection import Connection
from planexe_agents.model.settings import Settings, read_settings

from planexe_dag_factory.cli import stacks
from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.agents import ReadyFile, agents_program
from planexe_dag_factory.stack.configuration import airflow_environment
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.model import CONNECTION, describe_model, model_environment
from planexe_dag_factory.stack.processes import ProcessId
from planexe_dag_factory.stack.state import State

ROOT = Path(__file__).parents[2]


def settings_of(connection: str, **more: str) -> Settings | None:
    return read_settings(model_environment({CONNECTION: connection, **more}) | more)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"host": "https://openrouter.ai/api/v1", "password": "k+/e@y", "extra": {"model": "vendor/m:free"}},
            Settings("https://openrouter.ai/api/v1", "vendor/m:free", "k+/e@y"),
        ),
        (
            {"host": "127.0.0.1", "port": 11434, "schema": "v1", "extra": {"model": "llama3.2"}},
            Settings("http://127.0.0.1:11434/v1", "llama3.2"),
        ),
        (
            {"host": "models.example", "schema": "https", "password": "k", "extra": {"model": "m"}},
            Settings("https://models.example", "m", "k"),
        ),
    ],
)
def test_a_connection_is_read_in_both_of_airflows_own_forms(given: dict[str, Any], expected: Settings) -> None:
    connection = Connection(conn_id="planexe_model", conn_type="http", **given)
    assert settings_of(connection.get_uri()) == expected
    assert settings_of(connection.as_json()) == expected
    assert settings_of(json.dumps({"conn_type": "http", **given})) == expected


def test_a_uri_may_be_written_as_people_write_addresses() -> None:
    assert settings_of("https://:key@openrouter.ai/api/v1?model=m") == Settings(
        "https://openrouter.ai/api/v1", "m", "key"
    )
    assert settings_of("http://https://:key@openrouter.ai/api/v1?model=m") == Settings(
        "https://openrouter.ai/api/v1", "m", "key"
    )
    assert settings_of("http://[::1]:1234/v1?model=m") == Settings("http://[::1]:1234/v1", "m")


def test_the_agents_own_settings_win() -> None:
    own = {"PLANEXE_MODEL_URL": "http://127.0.0.1:1/v1", "PLANEXE_MODEL": "own"}
    assert settings_of("https://:key@openrouter.ai/api/v1?model=m", **own) == Settings("http://127.0.0.1:1/v1", "own")
    assert model_environment({}) == {}


@pytest.mark.parametrize("given", ["{", "[]", "{}", '{"host": 3}', "http://", "//h:SECRET/x?model=m", '{"extra": []}'])
def test_a_connection_that_cannot_be_used_is_named_without_its_secret(given: str) -> None:
    with pytest.raises(StackError, match=CONNECTION) as error:
        model_environment({CONNECTION: given})
    assert "SECRET" not in str(error.value)


def test_a_connection_must_name_the_model() -> None:
    with pytest.raises(StackError, match="does not name a model"):
        model_environment({CONNECTION: "http://127.0.0.1:11434/v1"})


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, ""),
        (
            {CONNECTION: "https://:SECRET@openrouter.ai:8443/api/v1?model=m"},
            f"m at https://openrouter.ai:8443/api/v1 (set in {CONNECTION})",
        ),
        (
            {"PLANEXE_MODEL_URL": "http://SECRET:SECRET@127.0.0.1:1/v1?key=SECRET", "PLANEXE_MODEL": "own"},
            "own at http://127.0.0.1:1/v1 (set in PLANEXE_MODEL_URL)",
        ),
        ({CONNECTION: "//h:SECRET/x?model=m"}, ""),
        ({"PLANEXE_MODEL_URL": "http://[::"}, ""),
    ],
    ids=["none", "connection", "own", "broken-connection", "broken-address"],
)
def test_which_model_is_used_is_said_without_its_key(environ: dict[str, str], said: str) -> None:
    assert describe_model(environ) == said


@pytest.mark.parametrize(
    ("model", "said"),
    [("m at http://h (set in X)", "Model      m at http://h"), ("", "Model      none: the agents compute")],
)
def test_up_says_which_model_the_agents_write_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, said: str
) -> None:
    home = Home.below(tmp_path)
    home.prepare()
    home.passwords.write_text("{}")
    me = ProcessId(pid=1, started=0)
    stacks._print_addresses(home, State(condition="ready", supervisor=me, plans=("dags",), run_root="run", model=model))
    assert said in capsys.readouterr().out


def test_the_agents_get_the_key_and_airflow_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.below(tmp_path)
    monkeypatch.setenv(CONNECTION, "https://:SECRET@openrouter.ai/api/v1?model=m")
    monkeypatch.setenv("PLANEXE_MODEL_KEY", "SECRET")
    program = agents_program(home, ReadyFile(tmp_path / "ready"), tmp_path / "log")
    assert read_settings(program.env) == Settings("https://openrouter.ai/api/v1", "m", "SECRET")
    assert "SECRET" not in str(airflow_environment(home))


def test_the_containers_of_the_agents_alone_get_the_model() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    told = {
        name for name, service in compose["services"].items() if "PLANEXE_MODEL_KEY" in str(service.get("environment"))
    }
    assert told == {"data-gathering", "analysis", "reporting", "risk-assessment"}
    example = (ROOT / ".env.example").read_text()
    assert all(f"\n#{name}=" in example for name in ("PLANEXE_MODEL_URL", "PLANEXE_MODEL", "PLANEXE_MODEL_KEY"))
