from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.errors import Where
from planexe_dag_factory.plan.jsontext import MAX_DEPTH, Path, json_path, parse_json

values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=30,
)


def test_every_value_has_its_line() -> None:
    text = b'\xef\xbb\xbf{\n "a b": [\n  1,\n  {"c": "x,]\\"\\n"}\n ],\n\n "d": {}\n}'
    source, problems = parse_json(text, "x.json")
    assert problems == ()
    assert source is not None
    assert source.lines == {
        (): 1,
        ("a b",): 2,
        ("a b", 0): 3,
        ("a b", 1): 4,
        ("a b", 1, "c"): 4,
        ("d",): 7,
    }
    assert source.where(("a b", 1, "missing", 3)) == Where("x.json", "$['a b'][1].missing[3]", 4)


def test_paths_are_written_as_jsonpath_and_stay_in_one_line() -> None:
    assert json_path(("steps", 3, "it's\n\u202ex" + "y" * 200)) == r"$.steps[3]['it's \u202ex" + "y" * 67 + "…']"


@given(values)
@settings(derandomize=True)
def test_strict_reading_agrees_with_the_standard_library(value: Any) -> None:
    source, problems = parse_json(json.dumps(value, indent=1).encode(), "x")
    assert problems == ()
    assert source is not None
    assert source.value == value
    assert set(source.lines) == set(paths(value, ()))
    assert sorted(source.lines.values()) == list(source.lines.values())


@given(st.binary(max_size=200) | st.text(st.sampled_from('[]{}",:\\u0019.eEd-+ntrfNaIsl \n')).map(str.encode))
@settings(derandomize=True, max_examples=500)
def test_any_bytes_are_read_or_explained(data: bytes) -> None:
    source, problems = parse_json(data, "x")
    assert (source is None) == bool(problems)


def test_the_depth_that_is_allowed_is_read() -> None:
    source, problems = parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "x")
    assert problems == ()
    assert source is not None


def paths(value: Any, path: Path) -> list[Path]:
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    if isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(found for name, item in inner for found in paths(item, (*path, name)))]
