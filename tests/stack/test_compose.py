"""The shape of docker-compose.yaml; there is no Docker engine where these tests must run."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.configuration import conf
from airflow.sdk import Connection

from planexe_dag_factory.stack.configuration import Settings, write_configuration
from planexe_dag_factory.stack.home import Home

ROOT = Path(__file__).parents[2]
AGENTS = ("data-gathering", "analysis", "reporting", "risk-assessment")
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    return document


def test_it_is_airflow_with_two_workers_and_each_agent_as_a_service(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "redis", "init", "registry", *AIRFLOW, *AGENTS}
    assert compose["services"]["worker"]["deploy"]["replicas"] == 2


def test_what_stays_up_says_how_it_is_and_comes_back(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name in ("init", "registry"):
            assert service["restart"] == "no"
        else:
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped"


def test_every_dependency_and_every_volume_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", ())) <= set(compose["services"])
        named = {mount.split(":")[0] for mount in service.get("volumes", ()) if not mount.startswith(".")}
        assert named <= set(compose["volumes"])


def test_airflow_starts_after_the_database_and_the_registry_are_there(compose: dict[str, Any]) -> None:
    for name in AIRFLOW:
        needs = compose["services"][name]["depends_on"]
        assert needs["init"] == {"condition": "service_completed_successfully"}
        assert needs["registry"] == {"condition": "service_completed_successfully"}


def test_tasks_on_their_way_survive_redis(compose: dict[str, Any]) -> None:
    redis = compose["services"]["redis"]
    assert " ".join(redis["command"]).endswith("--appendonly yes --appendfsync always")
    assert redis["volumes"] == ["redis:/data"]


def test_every_agent_is_registered_where_it_listens(compose: dict[str, Any]) -> None:
    words = compose["services"]["registry"]["command"]
    assert words[:2] == ["--yes", "--connection=planexe_agents"]
    assert words[2:] == [f"http://{name}:8000" for name in AGENTS]
    for name in AGENTS:
        assert "--port 8000 " in compose["services"][name]["command"]


def test_only_the_web_server_is_reached_from_outside_and_only_from_this_machine(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"api-server": ["127.0.0.1:8080:8080"]}


def test_every_airflow_process_shares_what_runs_leave_behind(compose: dict[str, Any]) -> None:
    environment = compose["services"]["worker"]["environment"]
    mounted = {mount.split(":")[1] for mount in compose["services"]["worker"]["volumes"]}
    default = re.fullmatch(r"\$\{RUN_ROOT:-(.+)\}", environment["AIRFLOW__PLANEXE__RUN_ROOT"])
    assert default
    assert default[1] in mounted
    assert environment["AIRFLOW__PLANEXE__KEYS"] in mounted
    assert environment["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH"] in mounted
    assert len({str(compose["services"][name]["volumes"]) for name in AIRFLOW}) == 1


def test_the_agents_token_is_the_password_of_the_connection_that_they_are_registered_with(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = compose["services"]["worker"]["environment"]["AIRFLOW_CONN_PLANEXE_AGENTS"]
    assert compose["services"]["analysis"]["environment"]["PLANEXE_AGENT_TOKEN"] == "${AGENT_TOKEN:-}"
    for token in ("", "secret"):
        monkeypatch.setenv("AIRFLOW_CONN_PLANEXE_AGENTS", given.replace("${AGENT_TOKEN:-}", token))
        assert (Connection.get("planexe_agents").password or "") == token


def test_every_setting_is_one_of_airflow_or_documented(compose: dict[str, Any]) -> None:
    told = [one["name"] for one in yaml.safe_load((ROOT / "docs/helm/values.yaml").read_text())["env"]]
    ours = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE))
    for name in (*compose["services"]["worker"]["environment"], *told):
        if not name.startswith("AIRFLOW__"):
            continue
        section, option = name.removeprefix("AIRFLOW__").lower().split("__")
        known = (
            ours if section == "planexe" else conf.configuration_description.get(section, {"options": {}})["options"]
        )
        assert option in known, name


def test_kubernetes_keeps_strangers_from_the_agents_and_bounds_what_they_take() -> None:
    parts = list(yaml.safe_load_all((ROOT / "docs/helm/agents.yaml").read_text()))
    policy = next(part["spec"] for part in parts if part["kind"] == "NetworkPolicy")
    assert policy["podSelector"]["matchExpressions"] == [{"key": "planexe-agent", "operator": "Exists"}]
    assert policy["ingress"][0]["from"] == [{"podSelector": {"matchLabels": {"tier": "airflow"}}}]
    shared = next(part for part in parts if part["kind"] == "ConfigMap")
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    secrets = {"PLANEXE_AGENT_TOKEN", "PLANEXE_MODEL_KEY"}
    assert set(shared["data"]) | secrets == set(compose["services"]["analysis"]["environment"])
    for part in (part for part in parts if part["kind"] == "StatefulSet"):
        agent = part["spec"]["template"]["spec"]["containers"][0]
        assert {"memory"} <= set(agent["resources"]["limits"])
        assert agent["livenessProbe"]["httpGet"] == agent["readinessProbe"]["httpGet"]
        named = [next(iter(one.values()))["name"] for one in agent["envFrom"]]
        assert named == [shared["metadata"]["name"], "planexe-agents"]


def test_kubernetes_keeps_its_secrets_and_versions_as_the_compose_file_does(compose: dict[str, Any]) -> None:
    values = yaml.safe_load((ROOT / "docs/helm/values.yaml").read_text())
    named = {values[f"{name}Name"] for name in ("fernetKeySecret", "apiSecretKeySecret", "jwtSecret")}
    assert len(named) == 1
    assert f"create secret generic {named.pop()} " in (ROOT / "docs/kubernetes.md").read_text()
    told = {one["name"]: one["value"] for one in values["env"]}
    given = compose["services"]["worker"]["environment"]
    for name in ("REFRESH_INTERVAL", "MIN_FILE_PROCESS_INTERVAL"):
        assert told[f"AIRFLOW__DAG_PROCESSOR__{name}"] == given[f"AIRFLOW__DAG_PROCESSOR__{name}"]


def test_kubernetes_runs_the_agents_as_the_compose_file_does(compose: dict[str, Any]) -> None:
    parts = list(yaml.safe_load_all((ROOT / "docs/helm/agents.yaml").read_text()))
    services = {part["metadata"]["name"] for part in parts if part["kind"] == "Service"}
    assert services == set(AGENTS)
    for part in (part for part in parts if part["kind"] == "StatefulSet"):
        name, pod = part["metadata"]["name"], part["spec"]["template"]
        assert part["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"] == {"planexe-agent": name}
        words = compose["services"][name]["command"].replace("/opt/planexe/state", "/state").split()
        assert pod["spec"]["containers"][0]["command"] == ["python", "-m", "planexe_agents", *words]


def test_the_helm_values_name_settings_that_exist_and_mount_what_they_name() -> None:
    values = yaml.safe_load((ROOT / "docs/helm/values.yaml").read_text())
    told = {one["name"]: one["value"] for one in values["env"]}
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE))
    ours = {name.removeprefix("AIRFLOW__PLANEXE__").lower() for name in told if "__PLANEXE__" in name}
    assert ours <= documented
    connections = {one["envName"].removeprefix("AIRFLOW_CONN_").lower() for one in values["secret"]}
    assert connections == {value for name, value in told.items() if name.endswith("_CONN_ID")}
    mounts = {one["mountPath"] for one in values["volumeMounts"]}
    places = [value for value in told.values() if value.startswith("/opt/")]
    assert all(any(place == mount or place.startswith(f"{mount}/") for mount in mounts) for place in places)
    assert {one["name"] for one in values["volumeMounts"]} == {one["name"] for one in values["volumes"]}


def test_secrets_come_from_outside_and_the_example_names_every_variable(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yaml").read_text()
    used = set(re.findall(r"\$\{(\w+)", text))
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if re.match(r"\w", line))
    optional = {line[1:].split("=", 1)[0] for line in lines if re.match(r"#\w+=", line)}
    assert used == set(example) | optional
    required = set(re.findall(r"\$\{(\w+):\?", text))
    assert required == {name for name, value in example.items() if not value}


def test_the_bundle_is_configured_as_in_the_embedded_stack(compose: dict[str, Any], tmp_path: Path) -> None:
    home = Home.below(tmp_path)
    home.prepare()
    write_configuration(home, Settings.for_folder(tmp_path, home), 1)
    bundles = compose["services"]["scheduler"]["environment"]["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"]
    assert f"dag_bundle_config_list = {bundles}\n" in home.configuration.read_text()
