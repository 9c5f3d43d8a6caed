import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from planexe_dag_factory.cli import app

ROOT = Path(__file__).parents[2]
HELLO = ROOT / "dags" / "examples" / "hello.json"
HARBOUR = ROOT / "dags" / "examples" / "harbour_air_watch"


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], prog_name="planexe-dag")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A plan with two mistakes in it."""
    plan = json.loads(HELLO.read_text())
    plan["steps"][0]["phase"] = "nowhere"
    plan["steps"][1]["depends_on"] = ["nobody-knows"]
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(plan, indent=2))
    return path


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("validate",),
        ("explain",),
        ("check",),
        ("policy", "init"),
        ("spec",),
        ("schema",),
        ("run",),
        ("up",),
        ("down",),
        ("status",),
        ("agents", "list"),
        ("agents", "add"),
        ("agents", "show"),
        ("agents", "check"),
        ("agents", "remove"),
        ("agents", "prefer"),
        ("tickets", "list"),
        ("tickets", "show"),
        ("tickets", "claim"),
        ("tickets", "release"),
        ("tickets", "comment"),
        ("tickets", "answer"),
    ],
)
def test_every_command_has_help_and_every_one_that_does_something_an_example(words: tuple[str, ...]) -> None:
    result = invoke(*words, "--help")
    assert result.exit_code == 0
    assert f"Usage: {' '.join(('planexe-dag', *words))}" in result.stdout
    if words:
        heading, *examples = result.stdout[result.stdout.index("  Examples:") :].splitlines()
        assert heading == "  Examples:"
        assert examples[0].startswith(f"    planexe-dag {' '.join(words)}")


def test_help_imports_nothing_slow() -> None:
    code = (
        "import sys\n"
        "from planexe_dag_factory.cli import app\n"
        "slow = {'airflow', 'pydantic', 'networkx', 'httpx', 'jsonschema', 'cryptography'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("command", ["validate", "explain", "spec", "run"])
def test_a_plan_that_is_not_there_is_a_mistake_of_usage(command: str, tmp_path: Path) -> None:
    result = invoke(command, tmp_path / "nowhere.json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "does not exist" in result.stderr


def test_a_valid_plan_is_said_to_be_valid() -> None:
    result = invoke("validate", HELLO)
    assert (result.exit_code, result.stdout) == (0, f"{HELLO}: a valid plan of 4 steps, DAG hello\n")


def test_validate_speaks_json() -> None:
    result = invoke("validate", HELLO, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"ok": True, "plan_id": "hello", "steps": 4, "problems": []}


def test_an_invalid_plan_has_all_its_problems_listed_and_nothing_on_stdout(broken: Path) -> None:
    result = invoke("validate", broken)
    assert result.exit_code == 1
    assert result.stdout == ""
    first, *lines = result.stderr.splitlines()
    assert first == f"{broken}: 2 problems"
    assert "$.steps[0].phase: " in result.stderr
    assert "$.steps[1].depends_on[0]: " in result.stderr
    assert all(line.startswith("  ") for line in lines)


@pytest.mark.parametrize("command", ["validate", "explain"])
def test_problems_are_json_too(command: str, broken: Path) -> None:
    result = invoke(command, broken, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert {problem["severity"] for problem in document["problems"]} == {"error"}
    assert len(document["problems"]) == 2
    for problem in document["problems"]:
        assert set(problem) == {"severity", "code", "message", "where", "hint"}
        assert set(problem["where"]) == {"file", "path", "line"}


@pytest.mark.parametrize("command", ["explain", "spec", "run"])
def test_no_command_goes_on_with_an_invalid_plan(
    command: str, broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(command, broken)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "2 problems" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["broken.json"], "nothing was started"


def test_explain_speaks_json_of_the_promised_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where nothing ran that could have taught anything
    document = json.loads(invoke("explain", HARBOUR, "--json").stdout)
    assert set(document) == {"plan_id", "title", "owner", "phases", "steps", "problems"}
    keys = "id source_id title phase package executor agent action score why gate gate_why assignee depends_on"
    keys += " decided_by candidates would_change approval gate_would_change threshold due_days"
    for step in document["steps"]:
        assert set(step) == set(keys.split())
        assert step["executor"] in {"data_gathering", "analysis", "reporting", "risk_assessment", "human"}
        assert step["gate"] in {"none", "budget", "regulatory", "irreversible"}


def test_explain_writes_a_page_that_stands_alone_the_same_bytes_every_time(tmp_path: Path) -> None:
    steps = json.loads(invoke("explain", HARBOUR, "--json").stdout)["steps"]
    for name in ("one.html", "two.html"):
        assert invoke("explain", HARBOUR, "--html", tmp_path / name).exit_code == 0
    page = (tmp_path / "one.html").read_text()
    assert page == (tmp_path / "two.html").read_text()
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!#)", page), "nothing from elsewhere"
    assert all(f'id="{step["id"]}"' in page for step in steps)


def test_explain_of_a_plan_with_errors_writes_them_onto_the_page(broken: Path, tmp_path: Path) -> None:
    result = invoke("explain", broken, "--html", tmp_path / "plan.html")
    assert result.exit_code == 1
    assert "the plan has no phase" in (tmp_path / "plan.html").read_text() or "nowhere" in result.stderr
    assert "nowhere" in (tmp_path / "plan.html").read_text()


def test_explain_says_what_would_change_each_step_where_it_is_asked() -> None:
    steps = json.loads(invoke("explain", HARBOUR, "--json").stdout)["steps"]
    text = " ".join(invoke("explain", HARBOUR, "--why").stdout.replace("│", " ").split())
    assert text.count("to change it: ") == len(steps)
    assert "to change it: " not in invoke("explain", HARBOUR).stdout


def test_explain_shows_every_step_with_who_does_it() -> None:
    steps = json.loads(invoke("explain", HARBOUR, "--json").stdout)["steps"]
    result = invoke("explain", HARBOUR)
    assert result.exit_code == 0
    text = " ".join(result.stdout.replace("│", " ").split())
    for step in steps:
        assert step["title"] in text
        assert (f"a person: {step['assignee']}" if step["executor"] == "human" else step["action"]) in text


def test_a_spec_is_the_same_bytes_in_every_process() -> None:
    command = [sys.executable, "-m", "planexe_dag_factory.cli", "spec", str(HARBOUR)]
    runs = [
        subprocess.run(command, capture_output=True, check=True, env={"PYTHONHASHSEED": seed}) for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout
    spec = json.loads(runs[0].stdout)
    ids = {task["id"] for task in spec["tasks"]}
    assert {"start", "finish"} <= ids
    assert all({before, after} <= ids for before, after in spec["edges"])


def test_the_schema_accepts_the_example() -> None:
    schema = json.loads(invoke("schema").stdout)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(HELLO.read_text()))


def test_a_broken_registry_is_reported_like_a_broken_plan(tmp_path: Path) -> None:
    registry = tmp_path / "registry.json"
    registry.write_text('{"version": 2}')
    for words in (("validate", HELLO), ("spec", HELLO), ("agents", "list")):
        result = invoke(*words, "--registry", registry)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith(f"{registry}: ")


def test_where_nothing_runs_status_and_down_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("status")
    assert result.exit_code == 0
    assert result.stdout == "Nothing runs in this directory. `planexe-dag up` starts the agents and Airflow.\n"
    assert json.loads(invoke("status", "--json").stdout) == {
        "condition": "stopped",
        "url": None,
        "reason": None,
        "components": {},
        "agents": {},
        "model": None,
        "problems": [],
    }
    result = invoke("down")
    assert (result.exit_code, result.stderr) == (0, "Nothing runs in this directory.\n")
    assert list(tmp_path.iterdir()) == []


def test_with_a_people_file_the_roles_that_nobody_stands_for_are_told(tmp_path: Path) -> None:
    people = tmp_path / "people.json"
    people.write_text('{"owner": {"users": ["dana"]}}')

    result = invoke("validate", HARBOUR, "--people", people, "--json")

    codes = [(problem["severity"], problem["code"]) for problem in json.loads(result.stdout)["problems"]]
    assert result.exit_code == 0
    assert ("warning", "unmapped-role") in codes
    people.write_text('{"owner": 1}')
    refused = invoke("validate", HARBOUR, "--people", people)
    assert refused.exit_code == 1
    assert "$.owner: an object is expected here, not the number 1" in refused.stderr


def test_check_speaks_json_and_its_exit_code_says_how_ready_the_plan_is(tmp_path: Path, broken: Path) -> None:
    people = tmp_path / "people.json"
    people.write_text('{"owner": {"users": ["dana"]}}')

    ready = invoke("check", HARBOUR, "--offline", "--json")
    unmapped = invoke("check", HARBOUR, "--people", people, "--json")
    invalid = invoke("check", broken, "--offline", "--json")

    document = json.loads(ready.stdout)
    assert (ready.exit_code, document["verdict"]) == (0, "ready")
    assert [part["name"] for part in document["parts"]] == ["evidence", "capacity", "gates", "dependencies", "finance"]
    assert document["score"] == pytest.approx(
        sum(part["weight"] * part["score"] for part in document["parts"]), abs=1e-3
    )
    worse = json.loads(unmapped.stdout)
    assert unmapped.exit_code == {"conditional": 4, "not ready": 6}[worse["verdict"]]
    assert {"unmapped-role", "agent-unreachable"} <= {problem["code"] for problem in worse["problems"]}
    assert (invalid.exit_code, json.loads(invalid.stdout)["score"]) == (1, None)


def test_a_policy_to_start_from_is_never_written_over_another(tmp_path: Path) -> None:
    plan = tmp_path / "hello.json"
    plan.write_text(HELLO.read_text())

    written, again = invoke("policy", "init", plan), invoke("policy", "init", plan)

    assert written.exit_code == 0
    assert "as written it changes nothing" in written.stdout
    assert invoke("validate", plan).exit_code == 0
    assert again.exit_code == 1
    assert "is there already" in again.stderr


def test_check_says_in_words_what_would_raise_the_score() -> None:
    result = invoke("check", HARBOUR)
    assert "What would raise it" in result.stdout
    assert "start the agents (`planexe-dag up`)" in result.stdout


@pytest.mark.parametrize("of", ["plan", "policy", "people"])
def test_the_schema_of_every_file_is_printed(of: str) -> None:
    schema = json.loads(invoke("schema", of).stdout)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"].startswith("urn:planexe-dag")
