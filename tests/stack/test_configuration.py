import json
import stat
from configparser import ConfigParser
from pathlib import Path

import pytest

from planexe_dag_factory.stack.configuration import (
    Settings,
    airflow_environment,
    dump_launch,
    load_launch,
    read_passwords,
    write_configuration,
)
from planexe_dag_factory.stack.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.below(tmp_path / "100% of it")
    home.prepare()
    return home


def read(home: Home) -> ConfigParser:
    parser = ConfigParser()
    parser.read(home.configuration)
    return parser


def test_airflow_listens_on_this_machine_alone_and_takes_our_plans(home: Home, tmp_path: Path) -> None:
    settings = Settings.for_folder(tmp_path, home)
    write_configuration(home, settings, 4321)
    config = read(home)
    assert config["api"]["host"] == "127.0.0.1"
    assert config["api"]["base_url"] == "http://127.0.0.1:4321"
    assert config["core"]["execution_api_server_url"] == "http://127.0.0.1:4321/execution/"
    assert config["core"]["simple_auth_manager_users"] == "admin:admin,demo-reviewer:user,demo-colleague:user"
    assert dict(config["planexe"]) == {
        "plans": f"{tmp_path / 'dags'}:{home.plans}",
        "run_root": str(tmp_path / "run"),
        "registry": str(home.registry),
        "keys": str(home.keys),
    }
    assert json.loads(config["dag_processor"]["dag_bundle_config_list"]) == [
        {"name": "planexe", "classpath": "planexe_dag_factory.airflow.bundle.PlanBundle", "kwargs": {}}
    ]


def test_secrets_and_passwords_are_kept_from_start_to_start_and_from_other_users(home: Home, tmp_path: Path) -> None:
    settings = Settings.for_folder(tmp_path, home)
    write_configuration(home, settings, 1)
    first, passwords = read(home), read_passwords(home)
    write_configuration(home, settings, 2)
    second = read(home)
    for section, key in (("core", "fernet_key"), ("api", "secret_key"), ("api_auth", "jwt_secret")):
        assert first[section][key] == second[section][key]
    assert read_passwords(home) == passwords
    assert set(passwords) == {"admin", "demo-reviewer", "demo-colleague"}
    for file in (home.configuration, home.secrets, home.passwords):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_new_user_gets_a_password_and_the_others_keep_theirs(home: Home, tmp_path: Path) -> None:
    write_configuration(home, Settings((tmp_path,), tmp_path, users={"admin": "admin"}), 1)
    before = read_passwords(home)
    write_configuration(home, Settings((tmp_path,), tmp_path, users={"admin": "admin", "ann": "viewer"}), 1)
    after = read_passwords(home)
    assert after["admin"] == before["admin"]
    assert set(after) == {"admin", "ann"}


def test_no_word_of_another_airflow_gets_in(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "http://elsewhere")
    monkeypatch.setenv("MINE", "kept")
    environment = airflow_environment(home)
    assert {key: value for key, value in environment.items() if key.startswith("AIRFLOW")} == {
        "AIRFLOW_HOME": str(home.root),
        "AIRFLOW_CONFIG": str(home.configuration),
    }
    assert environment["MINE"] == "kept"


def test_settings_survive_the_command_line(home: Home, tmp_path: Path) -> None:
    settings = Settings((tmp_path / "a b", tmp_path / "ü"), tmp_path / "run", port=8080, users={"ann": "op"})
    assert load_launch(dump_launch(home, settings)) == (home, settings)
