"""What keeps data from being taken for code: formulas in CSV, markup in Markdown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.exports.curies import curie_address
from app.exports.markdown import escaped
from app.exports.tables import guarded, unguarded

FORMULAS = [
    "=1+1",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    '"=1+1',
    "'=1+1",
    "\u00a0=1",
    "\ufeff=1",
    "\uff1d1+1",
]


@pytest.mark.parametrize("text", FORMULAS, ids=repr)
def test_what_a_spreadsheet_could_run_is_guarded(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["milia", "100 %", "a=b", "", "1+1", "(=1)", "“=”"])
def test_other_text_is_left_alone(text: str) -> None:
    assert guarded(text) == text


@given(st.text())
def test_a_guard_can_be_taken_away_again(text: str) -> None:
    assert unguarded(guarded(text)) == text


@given(st.text(alphabet="=+-@'\"\t\r\n \u00a0\uff1da1"))
def test_no_guarded_text_begins_as_a_formula(text: str) -> None:
    cell = guarded(text)

    assert not cell.startswith(("\t", "\r", "\n"))
    assert not cell.lstrip(' "\t\r\n\u00a0').startswith(("=", "+", "-", "@", "\uff1d"))


MARKUP = [
    "# a heading",
    "- an item",
    "1. an item",
    "12) an item",
    "> a quote",
    "    code",
    "`code`",
    "*strong* _words_ __more__ **more**",
    "[a link](javascript:alert(1))",
    "![an image](http://evil.example/x.png)",
    "<script>alert(1)</script>",
    "<http://evil.example>",
    "&lt;b&gt;",
    "a\n\n# heading",
    "a | b",
    "~~gone~~",
    "\\*escaped\\*",
    "===",
    "---",
    "[x]: http://evil.example",
    "a\\",
]


def shown(markdown: str) -> list[tuple[str, str]]:
    """What a reader sees: the kinds of tokens and their text."""
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(markdown)
    return [
        (part.type, part.content)
        for token in tokens
        for part in (token.children or [])
        if part.type != "text" or part.content
    ]


@pytest.mark.parametrize("text", MARKUP, ids=repr)
@pytest.mark.parametrize("before", ["", "- ", "> ", "# "])
def test_markup_in_data_is_shown_and_not_obeyed(text: str, before: str) -> None:
    parts = shown(f"{before}{escaped(text)}\n")

    assert {kind for kind, _ in parts} <= {"text", "text_special"}
    assert "".join(words for _, words in parts) == " ".join(text.split())


@given(st.text(alphabet="ab 1.)#*_`[]()<>!&;|~-+=\\\n\"'“”"))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    parts = shown(f"- CLM1: {escaped(text)}\n")

    assert "".join(words for _, words in parts) == f"CLM1: {' '.join(text.split())}".strip()


@pytest.mark.parametrize(
    ("curie", "address"),
    [
        ("HP:0001056", "http://purl.obolibrary.org/obo/HP_0001056"),
        ("MESH:D004814", "http://id.nlm.nih.gov/mesh/D004814"),
        ("SCTID:238749001", "http://snomed.info/id/238749001"),
        ("ICD10:L72.0", "https://bioregistry.io/ICD10:L72.0"),
        ("unheard.of:1", "https://bioregistry.io/unheard.of:1"),
    ],
)
def test_an_identifier_has_the_address_that_others_use(curie: str, address: str) -> None:
    assert curie_address(curie) == address
    assert re.fullmatch(r"https?://\S+", address)
