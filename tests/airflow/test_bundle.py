import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.airflow.bundle import COMPILER, PlanBundle
from planexe_dag_factory.airflow.versions import stub_name
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.registry_changes import add_agents
from planexe_dag_factory.routing.registry_file import RegistryFile
from tests.airflow.conftest import PLAN
from tests.routing.agents import KEY, MOWER, OTHER_KEY

MakeBundle = Callable[..., PlanBundle]


@pytest.fixture
def file(tmp_path: Path) -> RegistryFile:
    """The registry of the settings, with the agents of the package and one more in it."""
    file = RegistryFile(tmp_path / "registry.json", tmp_path / "keys")
    shipped = (replace(agent, url="http://shipped", public_key=KEY) for agent in load_registry(None).agents)
    file.write(add_agents(file.read(), [*shipped, MOWER]))
    return file


def stubs(bundle: PlanBundle) -> list[str]:
    return sorted(path.name for path in bundle.path.glob("*.py"))


def load(bundle: PlanBundle, stub: str) -> Any:
    return runpy.run_path(str(bundle.path / stub))["dag"]


def version(bundle: PlanBundle) -> str:
    current = bundle.get_current_version()
    assert current is not None
    return current.version


def test_every_plan_has_a_stub_that_airflow_reads(make_bundle: MakeBundle, plans: Path) -> None:
    (plans / "broken.json").write_text("{")
    bundle = make_bundle()
    assert stubs(bundle) == ["broken.json.py", "harbour.json.py"]
    text = (bundle.path / "harbour.json.py").read_text().lower()
    assert "airflow" in text
    assert "dag" in text
    assert load(bundle, "harbour.json.py").dag_id == "harbour"


def test_a_broken_plan_says_all_that_is_wrong_and_hides_nothing(make_bundle: MakeBundle, plans: Path) -> None:
    steps = [{"id": "survey", "title": "Survey"}, {"id": "report", "title": "Report", "depends_on": ["surevy"]}]
    broken = {**PLAN, "start": "2026-13-01", "steps": steps}
    (plans / "broken.json").write_text(json.dumps(broken, indent=1))
    bundle = make_bundle()
    with pytest.raises(Exception, match="2026-13-01") as error:
        load(bundle, "broken.json.py")
    assert "broken.json: 2 problems" in str(error.value)
    assert "did you mean 'survey'?" in str(error.value)
    assert load(bundle, "harbour.json.py").dag_id == "harbour"


def test_a_new_plan_and_a_removed_one_make_a_new_version(make_bundle: MakeBundle, plans: Path) -> None:
    bundle = make_bundle()
    first = version(bundle)
    (plans / "second.json").write_text(json.dumps({**PLAN, "id": "second"}))
    bundle.refresh()
    second = version(bundle)
    assert stubs(bundle) == ["harbour.json.py", "second.json.py"]
    (plans / "second.json").unlink()
    bundle.refresh()
    assert version(bundle) == first != second
    assert stubs(bundle) == ["harbour.json.py"]


def test_what_did_not_change_keeps_the_date_that_airflow_parses_by(make_bundle: MakeBundle, plans: Path) -> None:
    (plans / "broken.json").write_text("{")
    (plans / "edited.json").write_text(json.dumps({**PLAN, "id": "edited"}))
    bundle = make_bundle()
    for stub in ("harbour.json.py", "edited.json.py"):
        load(bundle, stub)
    date_back(bundle)
    (plans / "edited.json").write_text(json.dumps({**PLAN, "id": "edited", "title": "Another"}))
    bundle.refresh()
    assert fresh(bundle) == {"broken.json.py", "edited.json.py", "edited.json.edited.py"}


def test_who_makes_a_version_has_the_compiler_before_processes_are_forked_to_use_it(
    make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, COMPILER, raising=False)
    first = make_bundle()
    assert sys.modules.pop(COMPILER, None)
    make_bundle(version(first))
    assert COMPILER not in sys.modules


def date_back(bundle: PlanBundle) -> None:
    """Make every stub older than any that is written now."""
    for stub in bundle.path.rglob("*.py"):
        os.utime(stub, (0, 0))


def fresh(bundle: PlanBundle) -> set[str]:
    """Name the stubs of plans that are younger than those that were dated back: which Airflow parses again."""
    return {path.name for path in bundle.path.glob("*.py") if path.stat().st_mtime > 0}


def test_whoever_has_an_id_keeps_it_until_it_goes(make_bundle: MakeBundle, plans: Path) -> None:
    bundle = make_bundle()
    load(bundle, "harbour.json.py")
    (plans / "a-twin.json").write_text(json.dumps({**PLAN, "title": "A twin"}))
    bundle.refresh()
    with pytest.raises(Exception, match=r"the plan id 'harbour' is taken by harbour\.json"):
        load(bundle, "a-twin.json.py")

    date_back(bundle)
    (plans / "harbour.json").unlink()
    bundle.refresh()
    assert fresh(bundle) == {"a-twin.json.py"}
    assert load(bundle, "a-twin.json.py").dag_display_name == "A twin"


def test_a_run_keeps_the_version_it_began_with(make_bundle: MakeBundle, plans: Path) -> None:
    bundle = make_bundle()
    began = version(bundle)
    (plans / "harbour.json").write_text(json.dumps({**PLAN, "title": "Another harbour"}))
    bundle.refresh()
    assert load(bundle, "harbour.json.py").dag_display_name == "Another harbour"
    pinned = make_bundle(began)
    assert version(pinned) == began
    assert load(pinned, "harbour.json.py").dag_display_name == PLAN["title"]


def test_a_plan_edited_into_a_broken_one_says_so_and_keeps_its_dag(make_bundle: MakeBundle, plans: Path) -> None:
    bundle = make_bundle()
    load(bundle, "harbour.json.py")
    (plans / "harbour.json").write_text("{")
    bundle.refresh()
    assert stubs(bundle) == ["harbour.json.edited.py", "harbour.json.py"]
    assert load(bundle, "harbour.json.py").dag_id == "harbour"
    with pytest.raises(Exception, match=r"harbour\.json: 1 problem"):
        runpy.run_path(str(bundle.path / "harbour.json.edited.py"))

    (plans / "harbour.json").write_text(json.dumps({**PLAN, "title": "Mended"}))
    bundle.refresh()
    assert load(bundle, "harbour.json.py").dag_display_name == "Mended"
    runpy.run_path(str(bundle.path / "harbour.json.edited.py"))


def test_a_task_start_builds_its_own_step_alone(make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_bundle()
    whole = load(bundle, "harbour.json.py")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "harbour")
    for task_id in whole.task_ids:
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", task_id)
        part = load(bundle, "harbour.json.py")
        assert {other.split(".")[0] for other in part.task_ids} == {task_id.split(".")[0]}
        if task_id.endswith((".check", ".work")):
            assert part.get_task(task_id).downstream_task_ids == whole.get_task(task_id).downstream_task_ids


def test_nothing_changes_where_nothing_changed(make_bundle: MakeBundle) -> None:
    bundle, other = make_bundle(), make_bundle()
    path = bundle.path
    bundle.refresh()
    assert bundle.path == path == other.path


def test_a_policy_beside_the_plan_makes_a_new_version(make_bundle: MakeBundle, plans: Path) -> None:
    bundle = make_bundle()
    before = version(bundle)
    (plans / "harbour.policy.json").write_text('{"owner": "Somebody else"}')
    bundle.refresh()
    assert version(bundle) != before
    assert load(bundle, "harbour.json.py").default_args["owner"] == "Somebody else"


def test_two_plans_of_one_id_are_told_apart(make_bundle: MakeBundle, plans: Path) -> None:
    (plans / "twin.json").write_text(json.dumps({**PLAN, "title": "A twin"}))
    bundle = make_bundle()
    assert load(bundle, "harbour.json.py").dag_id == "harbour"
    with pytest.raises(Exception, match=r"the plan id 'harbour' is taken by harbour\.json"):
        load(bundle, "twin.json.py")
    assert load(bundle, "harbour.json.py").dag_id == "harbour"


def test_an_agent_that_moves_changes_no_plan_and_another_key_does(make_bundle: MakeBundle, file: RegistryFile) -> None:
    bundle = make_bundle()
    before = version(bundle)
    file.write(add_agents(file.read(), [replace(MOWER, url="http://moved:1")], "vault"))
    bundle.refresh()
    assert version(bundle) == before
    (stored,) = (bundle.base_dir / "plans").glob("*/registry.json")
    assert "moved" not in stored.read_text()
    file.write(add_agents(file.read(), [replace(MOWER, public_key=OTHER_KEY)]))
    bundle.refresh()
    assert version(bundle) != before


def test_a_registry_that_was_tampered_with_stops_every_plan_and_each_says_why(
    make_bundle: MakeBundle, plans: Path, file: RegistryFile
) -> None:
    bundle = make_bundle()
    load(bundle, "harbour.json.py")
    signed = file.path.read_text()
    file.path.write_text(signed.replace("http://mower:80", "http://thief:80"))
    (plans / "second.json").write_text(json.dumps({**PLAN, "id": "second"}))
    bundle.refresh()
    assert load(bundle, "harbour.json.py").dag_id == "harbour"  # as it was: what runs can still be looked at
    for stub in ("harbour.json.edited.py", "second.json.py"):
        with pytest.raises(Exception, match="changed after it was signed") as error:
            runpy.run_path(str(bundle.path / stub))
        assert "restore it from its backup" in str(error.value)

    file.path.write_text(signed)
    bundle.refresh()
    assert load(bundle, "second.json.py").dag_id == "second"


def test_without_the_operators_public_key_no_registry_is_trusted(make_bundle: MakeBundle, file: RegistryFile) -> None:
    (file.keys / "operator.pub").unlink()
    bundle = make_bundle()
    with pytest.raises(Exception, match="the operator's public key is missing"):
        load(bundle, "harbour.json.py")


def test_file_names_never_become_code(make_bundle: MakeBundle, plans: Path) -> None:
    (plans / 'x"); import os; os.abort(); ("\n.json').write_text(json.dumps({**PLAN, "id": "hostile"}))
    bundle = make_bundle()
    hostile = next(name for name in stubs(bundle) if name != "harbour.json.py")
    assert hostile == "x_import_os_os.abort_.json.py"
    assert load(bundle, hostile).dag_id == "hostile"


def test_names_that_look_alike_get_stubs_of_their_own() -> None:
    names = ["a b.json", "a?b.json", "c.json"]
    assert len({stub_name(name, names) for name in names}) == 3
    assert stub_name("c.json", names) == "c.json.py"


def test_a_stub_builds_the_same_dag_in_any_process(make_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_bundle()
    program = (
        "import runpy, sys; from airflow.models.serialized_dag import SerializedDagModel as Model;"
        "from airflow.serialization.serialized_objects import DagSerialization;"
        "print(Model.hash(DagSerialization.to_dict(runpy.run_path(sys.argv[1])['dag'])))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program, str(bundle.path / "harbour.json.py")],
            env={"PYTHONHASHSEED": seed, "AIRFLOW_HOME": str(tmp_path / "home"), "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
        for seed in ("1", "2")
    }
    assert len(said) == 1
