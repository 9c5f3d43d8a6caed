from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, digest

from planexe_dag_factory.errors import RegistryError
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.registry_changes import add_agents, agent_digest, remove_agents
from planexe_dag_factory.routing.registry_file import RegistryFile
from planexe_dag_factory.routing.registry_key import trusted_operator
from tests.routing.agents import KEY, MOWER, OTHER_KEY

Document = dict[str, Any]
TWIN = replace(MOWER, id="twin", capabilities=())


@pytest.fixture
def file(tmp_path: Path) -> RegistryFile:
    """A registry that saw three changes, and holds the mower."""
    file = RegistryFile(tmp_path / "registry.json", tmp_path / "keys")
    file.write(add_agents(file.read(), [MOWER]), by="anna")
    file.write(add_agents(file.read(), [TWIN]), by="bert")
    file.write(remove_agents(file.read(), ["twin"]), by="anna")
    return file


def refused(file: RegistryFile, *, thorough: bool = True) -> str:
    with pytest.raises(RegistryError) as caught:
        load_registry(file.path, operator=trusted_operator(file.keys), thorough=thorough)
    (problem,) = caught.value.problems
    assert problem.hint
    return problem.code


def test_it_is_read_back_as_it_was_written_and_by_others(file: RegistryFile) -> None:
    for thorough in (True, False):
        assert load_registry(file.path, operator=trusted_operator(file.keys), thorough=thorough) == Registry((MOWER,))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o644


def test_its_history_says_who_did_what_when(file: RegistryFile) -> None:
    told = [(entry.by, [(one.change, one.agent) for one in entry.changes]) for entry in file.history()]
    assert told == [("anna", [("added", "mower")]), ("bert", [("added", "twin")]), ("anna", [("removed", "twin")])]
    first, second, _ = file.history()
    assert first.at < second.at
    assert first.changes[0].digest == agent_digest(MOWER)
    assert second.follows == digest(first.as_json())


def test_the_key_is_made_once_and_is_nobody_elses_business(file: RegistryFile) -> None:
    private = file.keys / "operator.key"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert trusted_operator(file.keys) == SigningKey.load_or_create(private).public


def change_url(document: Document) -> None:
    document["agents"][0]["url"] = "http://thief"


def change_key(document: Document) -> None:
    document["agents"][0]["public_key"] = OTHER_KEY


def put_back_the_removed(document: Document) -> None:
    document["agents"].append({**document["agents"][0], "id": "twin"})


def cut_the_newest_off(document: Document) -> None:
    document["history"].pop()


def change_the_newest(document: Document) -> None:
    document["history"][-1]["by"] = "nobody"


@pytest.mark.parametrize("thorough", [True, False])
@pytest.mark.parametrize(
    "tamper", [change_url, change_key, put_back_the_removed, cut_the_newest_off, change_the_newest]
)
def test_what_was_changed_without_the_key_is_refused(
    file: RegistryFile, tamper: Callable[[Document], None], *, thorough: bool
) -> None:
    document = json.loads(file.path.read_text())
    tamper(document)
    file.path.write_text(json.dumps(document))
    assert refused(file, thorough=thorough) == "bad-signature"
    with pytest.raises(RegistryError, match="changed after it was signed"):
        file.write(remove_agents(Registry((MOWER,)), ["mower"]))


def test_a_history_that_lost_an_entry_shows(file: RegistryFile) -> None:
    whole = json.loads(file.path.read_text())
    for lost in (0, 1):
        document = {**whole, "history": [entry for at, entry in enumerate(whole["history"]) if at != lost]}
        file.path.write_text(json.dumps(document))
        assert refused(file) == "broken-history"


def test_another_operator_is_not_trusted_nor_is_an_unsigned_file(file: RegistryFile, tmp_path: Path) -> None:
    other = RegistryFile(tmp_path / "other" / "registry.json", tmp_path / "other" / "keys")
    other.write(add_agents(other.read(), [MOWER]))
    file.path.write_bytes(other.path.read_bytes())
    assert refused(file) == refused(file, thorough=False) == "foreign-key"
    file.path.write_text('{"version": 1, "agents": []}')
    assert refused(file) == refused(file, thorough=False) == "unsigned"


def test_a_key_that_names_itself_does_not_vouch_for_another(file: RegistryFile) -> None:
    document = json.loads(file.path.read_text())
    document["history"][-1]["key"] = KEY
    file.path.write_text(json.dumps(document))
    with pytest.raises(RegistryError, match="changed after it was signed"):
        load_registry(file.path)


def test_a_lost_key_is_an_error_and_never_a_new_one(file: RegistryFile) -> None:
    (file.keys / "operator.key").unlink()
    for _ in range(2):
        with pytest.raises(RegistryError) as caught:
            file.write(remove_agents(file.read(), ["mower"]))
        assert [problem.code for problem in caught.value.problems] == ["lost-key"]
        assert "restore it from its backup" in str(caught.value)
        (file.keys / "operator.pub").unlink(missing_ok=True)
    assert list(file.keys.iterdir()) == []


def test_a_foreign_key_is_an_error(file: RegistryFile) -> None:
    (file.keys / "operator.key").write_bytes(SigningKey.generate().seed)
    with pytest.raises(RegistryError, match=r"not the private half of .*operator\.pub"):
        file.write(remove_agents(file.read(), ["mower"]))


@pytest.mark.parametrize(("content", "code"), [(None, "missing-key"), (b"short", "bad-key"), (b"\xff", "bad-key")])
def test_without_a_public_key_nothing_is_trusted(file: RegistryFile, content: bytes | None, code: str) -> None:
    public = file.keys / "operator.pub"
    public.unlink()
    if content is not None:
        public.write_bytes(content)
    with pytest.raises(RegistryError) as caught:
        trusted_operator(file.keys)
    assert [problem.code for problem in caught.value.problems] == [code]


def test_of_two_changes_that_were_shown_at_once_the_second_is_refused(file: RegistryFile) -> None:
    mine, yours = add_agents(file.read(), [TWIN]), remove_agents(file.read(), ["mower"])
    file.write(mine)
    with pytest.raises(RegistryError, match="somebody else changed the registry meanwhile"):
        file.write(yours)
    assert file.read() == Registry((MOWER, TWIN))


def test_writers_at_once_lose_nothing(file: RegistryFile) -> None:
    program = (
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from planexe_dag_factory.errors import RegistryError\n"
        "from planexe_dag_factory.routing.registry_changes import add_agents\n"
        "from planexe_dag_factory.routing.registry_file import RegistryFile\n"
        "file = RegistryFile(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "mower = file.read().agents[0]\n"
        "for number in range(5):\n"
        "    while True:\n"
        "        try:\n"
        "            file.write(add_agents(file.read(), [replace(mower, id=f'{sys.argv[3]}{number}')]))\n"
        "            break\n"
        "        except RegistryError as error:\n"
        "            assert error.problems[0].code == 'changed-meanwhile', error\n"
    )
    command = [sys.executable, "-c", program, str(file.path), str(file.keys)]
    writers = [subprocess.Popen([*command, name]) for name in ("a", "b", "c")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    wanted = {"mower"} | {f"{name}{number}" for name in "abc" for number in range(5)}
    assert {agent.id for agent in file.read().agents} == wanted
    assert len(file.history()) == 3 + 15


def trusted(file: RegistryFile, public: str) -> bool:
    """Say whether an Airflow that has this operator.pub takes the file."""
    (same,) = {_takes(file, public, thorough=thorough) for thorough in (True, False)}
    return same


def _takes(file: RegistryFile, public: str, *, thorough: bool) -> bool:
    try:
        load_registry(file.path, operator=public, thorough=thorough)
    except RegistryError:
        return False
    return True


def test_a_new_operators_key_is_trusted_by_who_has_the_old_public_key_and_by_who_has_the_new(
    file: RegistryFile,
) -> None:
    first = trusted_operator(file.keys)
    second = file.rotate_key(by="anna")
    assert second == trusted_operator(file.keys) != first
    assert [entry.hands_over_to for entry in file.history()] == [None, None, None, second, None]
    assert [trusted(file, key) for key in (first, second)] == [True, True]
    third = file.rotate_key()
    file.write(add_agents(file.read(), [TWIN]))
    assert [trusted(file, key) for key in (first, second, third, KEY)] == [True, True, True, False]
    assert sorted(path.name for path in file.keys.iterdir()) == ["operator.key", "operator.pub"]
    assert stat.S_IMODE((file.keys / "operator.key").stat().st_mode) == 0o600
    assert file.operator().public == third


def test_who_has_the_new_public_key_takes_nothing_that_the_old_key_signs(file: RegistryFile) -> None:
    old = SigningKey.load_or_create(file.keys / "operator.key")
    before = file.path.read_bytes()
    new = file.rotate_key()
    file.path.write_bytes(before)
    assert not trusted(file, new)
    document = json.loads(before)
    entry = {**document["history"][-1], "hands_over_to": KEY}
    del entry["signature"]
    document["history"][-1] = {**entry, "signature": old.sign(entry)}
    file.path.write_text(json.dumps(document))
    assert not trusted(file, new)


def test_nobody_else_hands_the_operators_key_over(file: RegistryFile) -> None:
    """Whoever can write the file puts an entry of theirs before one that they sign themselves."""
    thief = SigningKey.generate()
    document = json.loads(file.path.read_text())
    said = {**document["history"][-1], "follows": digest(document["history"][-1]), "hands_over_to": thief.public}
    del said["signature"]
    forged = {**said, "signature": thief.sign(said)}
    own = {**said, "key": thief.public, "follows": digest(forged)}
    del own["hands_over_to"]
    document["history"] += [forged, {**own, "signature": thief.sign(own)}]
    file.path.write_text(json.dumps(document))
    assert refused(file) == refused(file, thorough=False) == "foreign-key"


@pytest.mark.parametrize("at", ["operator.next", "registry.json", "operator.key", "operator.pub"])
def test_a_change_of_the_key_that_is_interrupted_anywhere_goes_on(
    file: RegistryFile, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = trusted_operator(file.keys)
    replace_file, unlink = Path.replace, Path.unlink

    def stop(path: Path, *target: Any, **options: Any) -> Any:
        done = replace_file(path, *target) if target else None
        if (target and Path(target[0]).name == at) or path.name == at:
            raise KeyboardInterrupt
        return done if target else unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        patch.setattr(Path, "unlink", stop)
        with pytest.raises(KeyboardInterrupt):
            file.rotate_key()
    assert trusted(file, old)
    with pytest.raises(RegistryError, match="finish it: planexe-dag agents rotate-key"):
        file.write(remove_agents(file.read(), ["mower"]))
    new = file.rotate_key()
    assert trusted(file, old)
    assert trusted(file, new)
    assert len(file.history()) == 5
    file.write(remove_agents(file.read(), ["mower"]))


def test_the_key_is_not_changed_where_it_is_lost_foreign_or_signs_nothing(file: RegistryFile, tmp_path: Path) -> None:
    (file.keys / "operator.key").unlink()
    with pytest.raises(RegistryError, match="the operator's key is lost"):
        file.rotate_key()
    (file.keys / "operator.key").write_bytes(SigningKey.generate().seed)
    with pytest.raises(RegistryError, match="not the private half of"):
        file.rotate_key()
    with pytest.raises(RegistryError, match="there is no registry here"):
        RegistryFile(tmp_path / "none.json", tmp_path / "new").rotate_key()
    assert sorted(path.name for path in file.keys.iterdir()) == ["operator.key", "operator.pub"]
    assert not (tmp_path / "new").exists()
