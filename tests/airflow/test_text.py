import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from planexe_dag_factory.airflow.text import escape_markdown


@pytest.mark.parametrize(
    "text",
    [
        "# A heading",
        "[Approve](https://evil.example)",
        "<script>alert(1)</script>",
        "![](x)",
        "**bold** _it_ `code`",
        "- a\n- b",
        "1. one",
        "| a | b |",
        "> quote",
        "https://evil.example",
        "~~~\ncode",
        "a  \nb",
        "&lt;b&gt;",
        "===",
        "\tindented",
    ],
)
def test_markdown_is_shown_as_text(text: str) -> None:
    tokens = MarkdownIt("gfm-like").parse(escape_markdown(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == " ".join(text.split())


@given(st.text(alphabet=st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=200))
@settings(derandomize=True, max_examples=300)
def test_no_text_becomes_markup(text: str) -> None:
    for token in MarkdownIt("commonmark").parse(escape_markdown(text)):
        assert token.type in {"paragraph_open", "inline", "paragraph_close"}
        assert all(child.type in {"text", "text_special"} for child in token.children or [])
