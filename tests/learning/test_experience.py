"""What earlier runs say of a plan before it runs: in `explain`, its page and its JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey
from typer.testing import CliRunner, Result

from planexe_dag_factory.cli.commands import app
from planexe_dag_factory.learning.durations import Duration, Durations
from planexe_dag_factory.learning.reviews import Review, Reviews
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import HUMAN

KEY = SigningKey.generate()
STEPS = [
    {"id": "find", "title": "Find the tide tables", "action": "find_evidence"},
    {"id": "walk", "title": "Walk along the quay", "human_required": True},
]
SAID = "1 of 5 reviews accepted its work, where its own word made it 4.0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run root in which people reviewed five outcomes and did three steps in twice the time; and a plan."""
    (tmp_path / "plan.json").write_text(json.dumps({"id": "quay", "title": "Quay", "steps": STEPS}))
    (tmp_path / "keys.txt").write_text(f"{KEY.public}\n")
    keys = frozenset({KEY.public})
    for number, option in enumerate(("Accept", "Redo", "Refuse", "Correct", "Refuse")):
        at = f"2026-01-01T00:00:0{number}.000000+00:00"
        review = Review("data_gathering", "find_evidence", 0.8, option, "quay", "before", f"s{number}", {}, at)
        Reviews.below(RunFolder(tmp_path), keys).add(review, KEY)
        if number < 3:
            took = Duration(HUMAN, 4.0, 2.0, "quay", "before", f"s{number}", at)
            Durations.below(RunFolder(tmp_path), keys).add(took, KEY)
    return tmp_path


def explain(root: Path, *words: str) -> Result:
    given = [] if "--keys" in words else ["--keys", str(root / "keys.txt")]
    return CliRunner().invoke(app, ["explain", str(root / "plan.json"), "--run-root", str(root), *given, *words])


def explained(root: Path) -> Any:
    return json.loads(explain(root, "--json").stdout)


def test_each_step_has_the_figures_and_on_how_many_reviews_and_steps_they_rest(root: Path) -> None:
    find, walk = explained(root)["steps"]
    assert find["calibration"] == {
        "agent": "data_gathering",
        "action": "find_evidence",
        "reviews": 5,
        "accepted": 1,
        "expected": 4.0,
        "threshold": 0.7,
        "passing": [],
    }
    assert (walk["calibration"], find["pace"]) == (None, None)
    assert walk["pace"] == {"kind": "human", "factor": 1.4142, "n": 3}


def test_people_read_it_below_the_plan_and_beside_the_step(root: Path) -> None:
    said = " ".join(explain(root, "--why").stdout.replace("│", " ").split())
    assert f"data_gathering / find_evidence: {SAID}; whatever it says, a person looks" in said
    assert "people's work takes 1.4 times what is planned (3 steps done)" in said
    assert said.count(SAID) == 2


def test_the_page_has_it_too(root: Path) -> None:
    assert explain(root, "--html", str(root / "page.html")).exit_code == 0
    page = (root / "page.html").read_text()
    assert "What earlier runs have taught" in page
    assert SAID in page
    assert "1.4 times" in page


def test_what_the_policy_switches_off_is_not_shown(root: Path) -> None:
    (root / "plan.policy.json").write_text('{"calibrate": false, "learned_estimates": false}')
    assert explained(root)["learned"] == {"calibration": [], "paces": []}
    assert "earlier runs" not in explain(root).stdout


def test_what_others_signed_teaches_nothing(root: Path) -> None:
    (root / "keys.txt").write_text(f"{SigningKey.generate().public}\n")
    assert explained(root)["learned"] == {"calibration": [], "paces": []}


def test_keys_that_are_none_are_said(root: Path) -> None:
    (root / "keys.txt").write_text("not a key\n")
    ended = explain(root)
    assert ended.exit_code == 1
    assert "holds no public keys" in ended.stderr


def test_where_nothing_ever_ran_the_plan_is_explained_all_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    ended = CliRunner().invoke(app, ["explain", "plan.json", "--json"])
    assert "learned" not in json.loads(ended.stdout)
