"""Every action that the product's code writes an event of, as its source says: nothing is left to memory."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import planexe_dag_factory

PACKAGE = Path(planexe_dag_factory.__file__).parent
METHODS, FUNCTIONS = frozenset({"record", "log"}), frozenset({"Event", "_do"})
"""What writes an event: methods of a run and of a step, and the functions that call them."""
FILLED: Mapping[str, tuple[str, ...]] = {"step-": ("done", "refused"), "model-": ("granted", "taken")}
"""What the names that are put together end with."""
NO_RECORD = frozenset({"math", "home"})
"""Whose `log` is something else."""


def written_actions() -> frozenset[str]:
    """Return every action. Raises AssertionError where the source does not say which one a call writes."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
    constants = {name: value for tree in trees.values() for name, value in _constants(tree)}
    return frozenset(action for path, tree in trees.items() for action in _written(tree, constants, path))


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            values = node.value.elts if isinstance(node.value, ast.Tuple) and len(names) > 1 else [node.value]
            for name, value in zip(names, values, strict=False):
                if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield name.id, value.value


def _written(tree: ast.Module, constants: Mapping[str, str], path: Path) -> Iterator[str]:
    own = {**constants, **dict(_constants(tree))}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            given = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
            for call in ast.walk(function):
                word = _word(call)
                if word is not None and not (isinstance(word, ast.Name) and word.id in given):
                    yield from _named(word, own, function, path)


def _word(node: ast.AST) -> ast.expr | None:
    """Return what a call that writes an event is told first of all that could name one."""
    if not isinstance(node, ast.Call):
        return None
    called = node.func
    if isinstance(called, ast.Attribute):
        at, writes = 0, called.attr in METHODS and _receiver(called.value) not in NO_RECORD
    else:
        name = getattr(called, "id", "")
        at, writes = 2 if name == "_do" else 0, name in FUNCTIONS
    return node.args[at] if writes and len(node.args) > at else None


def _receiver(value: ast.expr) -> str:
    return str(getattr(value, "id", getattr(value, "attr", "")))


def _named(word: ast.expr, own: Mapping[str, str], function: ast.AST, path: Path) -> Iterator[str]:
    if isinstance(word, ast.Constant):
        yield str(word.value)
    elif isinstance(word, ast.IfExp):
        yield from _named(word.body, own, function, path)
        yield from _named(word.orelse, own, function, path)
    elif isinstance(word, ast.JoinedStr):
        start = str(getattr(word.values[0], "value", ""))
        assert start in FILLED, f"{path}:{word.lineno}: what does {ast.unparse(word)} end with?"
        yield from (start + end for end in FILLED[start])
    elif isinstance(word, ast.Name) and word.id in own:
        yield own[word.id]
    else:
        found = [one.value for one in ast.walk(function) if isinstance(one, ast.Assign) and _is(one, word)]
        assert found, f"{path}:{word.lineno}: which action is {ast.unparse(word)}?"
        for value in found:
            yield from _named(value, own, function, path)


def _is(assigned: ast.Assign, word: ast.expr) -> bool:
    return any(isinstance(target, ast.Name) and target.id == getattr(word, "id", "") for target in assigned.targets)
