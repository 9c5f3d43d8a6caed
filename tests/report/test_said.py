from __future__ import annotations

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.report.said import DEPTH, LETTERS, SHORT, Told, in_short, markdown, records, shorten, tell

TAGS = {
    "p", "em", "strong", "ul", "ol", "li", "code", "pre", "blockquote", "br",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


class Tags(HTMLParser):
    """Collects every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, Mapping[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, Mapping[str, str | None]]]:
    parser = Tags()
    parser.feed(html)
    return parser.found


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Approved by the board\n", '<p class="said-heading">Approved by the board</p>\n'),
        ("Approved\n========\n", '<p class="said-heading">Approved</p>\n'),
        ("<script>alert(1)</script>\n", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ("<h1>Done</h1>\n\n<div>x", "<p>&lt;h1&gt;Done&lt;/h1&gt;</p>\n<p>&lt;div&gt;x</p>\n"),
        ("[click](javascript:alert(1))\n", "<p>[click](javascript:alert(1))</p>\n"),
        ("![pixel](https://evil.example/p.png)\n", "<p>![pixel](https://evil.example/p.png)</p>\n"),
        ("<https://evil.example>\n", "<p>&lt;https://evil.example&gt;</p>\n"),
        ("[a]\n\n[a]: https://evil.example\n", "<p>[a]</p>\n<p>[a]: https://evil.example</p>\n"),
        ('```x" onload="y\nz\n```\n', "<pre><code>z\n</code></pre>\n"),
        ("**bold** and *soft*\n", "<p><strong>bold</strong> and <em>soft</em></p>\n"),
        ("- a\n- b\n", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("turn \u202eround\n", "<p>turn \ufffdround</p>\n"),
    ],
)
def test_markdown_of_an_agent_can_only_be_text(text: str, html: str) -> None:
    assert markdown(text) == html


@settings(derandomize=True, deadline=None)
@given(st.text(st.sampled_from("<>&\"'`#*_[]()!|-=+\n \tabjs:/.\\~1"), max_size=200))
def test_no_markdown_makes_a_tag_or_attribute_that_could_act(text: str) -> None:
    for tag, attributes in tags(markdown(text)):
        assert tag in TAGS
        assert set(attributes) <= {"class", "style", "start"}
        assert attributes.get("class") in (None, "said-heading")
        assert attributes.get("style") in (None, "text-align:left", "text-align:right", "text-align:center")


@pytest.mark.parametrize(
    ("value", "letters", "kept", "cut"),
    [
        ({"a": "bcd", "n": 1.5, "none": None}, 20, {"a": "bcd", "n": 1.5, "none": None}, False),
        ("abcdef", 3, "abc…", True),
        ({"a": "bcdef", "g": "h"}, 4, {"a": "bcd…"}, True),
        (["ab", "cd", "ef"], 4, ["ab", "cd"], True),
        ([[[[[["deep"]]]]]], 100, [[[[[["…"]]]]]], True),
        ({}, 5, {}, False),
    ],
)
def test_a_value_is_cut_to_its_room_and_says_so(value: Any, letters: int, kept: Any, *, cut: bool) -> None:
    found, room = shorten(value, letters)
    assert (found, room < 0) == (kept, cut)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)


@settings(derandomize=True, deadline=None)
@given(JSON, st.integers(0, 200))
def test_what_is_kept_is_never_much_longer_than_the_room(value: Any, letters: int) -> None:
    found, room = shorten(value, letters)
    assert sum(len(text) for text in _texts(found)) <= letters + 1 + DEPTH
    assert room < 0 or found == value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _texts(part)


NARRATIVE = {
    "model": "tiny-1",
    "sections": [
        {
            "heading": "Permits",
            "claims": [
                {"text": "A permit is needed.", "cites": [{"source": "port.md", "quote": "permit"}] * 2},
                {"text": "It takes a month.", "cites": [{"source": "port.md"}, {"source": "survey.md"}]},
            ],
        }
    ],
    "kept": 2,
    "dropped": 0,
}
PROSE = "# Permits\n\n- A permit is needed. [port.md]\n- It takes a month. [port.md; survey.md]"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"answer": "24 V"}, Told("", "", {"answer": "24 V"}, cut=False)),
        ({"answer": "24 V", "narrative": NARRATIVE}, Told(PROSE, "tiny-1", {"answer": "24 V"}, cut=False)),
        (
            {"markdown": "# All", "sections": [{"heading": "All"}], "title": "All", "missing": ["a"]},
            Told("# All", "", {"missing": ["a"]}, cut=False),
        ),
        ({"markdown": "# All", "narrative": NARRATIVE}, Told("# All", "tiny-1", {}, cut=False)),
        ({"narrative": {"model": 7}}, Told("", "", {"narrative": {"model": 7}}, cut=False)),
        ({"markdown": 7}, Told("", "", {"markdown": 7}, cut=False)),
    ],
    ids=["figures", "narrative", "document", "document-with-narrative", "no-narrative", "no-document"],
)
def test_a_result_is_told_as_text_first_and_what_the_text_says_is_not_told_again(
    said: dict[str, Any], told: Told
) -> None:
    assert tell(said) == told


def test_a_long_text_leaves_no_room_for_the_rest_and_says_so() -> None:
    told = tell({"markdown": "x" * (LETTERS + 1), "missing": ["a"]})
    assert (len(told.prose), told.rest, told.cut) == (LETTERS + 1, {}, True)


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ({"markdown": "# Plan\n\n## Purpose\n\n- **Buy** \\[a\\] *b*\n- Sell"}, "Buy [a] *b* Sell"),
        ({"gaps": ["x"], "seed": 7, "findings": [{"source": "a.md", "text": "One."}, {"text": "Two"}, {}]},
         "findings: One, Two and 1 more; gaps: x"),
        ({"fine": True, "cost": {"p50": 1, "histogram": [1]}, "none": None, "empty": []}, "fine: yes; cost: p50 1"),
        ({"narrative": NARRATIVE}, "A permit is needed. [port.md] It takes a month. [port.md; survey.md]"),
        ({"deep": [[[["x"]]]]}, "deep: …"),
        ({"text": "x" * 900}, "text: " + "x" * (SHORT - 6) + "…"),
    ],
)  # fmt: skip
def test_a_result_has_a_short_form_of_what_it_is_about(said: dict[str, Any], short: str) -> None:
    assert in_short(said) == short


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        ([{"a": 1, "b": "x"}, {"a": 2}], ("a", "b")),
        ([{"end": 1, "id": "s", "seed": 7, "title": "x"}] * 2, ("title", "end")),
        ([{"a": 1}], ()),
        ([{"a": 1}, {"b": 1}], ()),
        ([{"a": 1}, {"a": [1]}], ()),
        ([{"a": "one\ntwo"}, {"a": ""}], ()),
        ([{str(n): n for n in range(8)}] * 2, ()),
        (["a", "b"], ()),
        ("ab", ()),
        ({}, ()),
    ],
)
def test_records_of_one_kind_make_a_table(value: Any, columns: tuple[str, ...]) -> None:
    assert records(value) == columns
