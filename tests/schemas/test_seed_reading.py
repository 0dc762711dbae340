"""A seed with an error is refused whole, and the place is named by JSON pointer."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.errors import SeedError
from app.schemas.seed import Seed
from app.schemas.seed_checks import read_seed
from app.vocabulary import load_vocabulary
from tests.commands.seeds import SECOND, TEXT, cite, claim_in, concept_in, small_seed

Body = dict[str, Any]


def read(body: Body) -> Seed:
    return read_seed(json.dumps(body).encode(), load_vocabulary())


def refused(body: Body) -> list[str]:
    """The pointers at which the seed is refused."""
    with pytest.raises(SeedError) as caught:
        read(body)
    pointers = [error["pointer"] for error in caught.value.errors]
    assert caught.value.detail.startswith(f"The seed is refused at {pointers[0] or 'its top'}: ")
    return pointers


def refused_text(content: bytes) -> str:
    with pytest.raises(SeedError) as caught:
        read_seed(content, load_vocabulary())
    return caught.value.detail


def test_a_sound_seed_is_read() -> None:
    seed = read(small_seed())

    assert [claim.concept for claim in seed.claims] == ["gene", "gland", "rare", "common", "pain"]


def set_in(*path: str | int) -> Callable[[Body, Any], None]:
    def change(body: Any, value: Any) -> None:
        for step in path[:-1]:
            body = body[step]
        body[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        # names that lead nowhere
        (("claims", 0, "concept"), "no-such"),
        (("claims", 0, "subject"), "no-such"),
        (("claims", 0, "scope"), {"population": "no-such"}),
        (("claims", 0, "condition"), "no-such"),
        (("claims", 0, "question"), "no.such"),
        (("claims", 0, "citations", 0, "passage"), "leaflet/p9"),
        (("claims", 0, "citations", 0, "passage"), "no-such/p1"),
        (("concepts", 0, "broader"), ["no-such"]),
        # shapes
        (("format",), "claimbase-seed/2"),
        (("claims", 0, "statement"), "  "),
        (("claims", 0, "statement"), 7),
        (("claims", 0, "polarity"), "maybe"),
        (("claims", 0, "citations"), []),
        (("claims", 0, "citations", 0, "certainty"), "sure"),
        (("claims", 0, "citations", 0, "start"), -1),
        (("claims", 0, "citations", 0, "start"), "24"),
        (("claims", 0, "citations", 0, "hedge"), "x" * 501),
        (("claims", 0, "scope"), {"age_low": True}),
        (("claims", 0, "scope"), {"age_low": "5"}),
        (("claims", 0, "scope"), {"age_low": 10, "age_high": 5}),
        (("claims", 0, "colour"), "red"),
        (("claims", 0, "citations", 0, "colour"), "red"),
        (("a/b~c",), 1),
        (("documents", 0, "url"), "javascript:alert(1)"),
        (("documents", 0, "sha256"), "abc"),
        (("documents", 0, "published_on"), 86_400),
        (("documents", 0, "published_on"), "yesterday"),
        (("documents", 0, "language"), "en-" + "-".join(["abcdefgh"] * 9)),
        (("documents", 0, "passages"), []),
        (("concepts", 0, "key"), "Gene"),
        (("conditions", 0, "xrefs"), [{"id": "no curie"}]),
        (("conditions", 0, "xrefs"), [{"id": "HP:1", "fit": "perfect"}]),
        # spans
        (("documents", 0, "length"), 10),
        (("documents", 0, "uncited"), [{"start": 0, "end": 10_000, "reason": "Too long."}]),
    ],
    ids=str,
)
def test_an_error_is_named_by_its_place(path: tuple[str | int, ...], value: object) -> None:
    seed = small_seed()
    set_in(*path)(seed, value)

    pointers = refused(seed)

    place = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
    assert pointers
    assert all(pointer.startswith(place) or is_of_passage(pointer, path) for pointer in pointers)


def is_of_passage(pointer: str, path: tuple[str | int, ...]) -> bool:
    """A document that is too short is told by its passages."""
    return path == ("documents", 0, "length") and pointer.startswith("/documents/0/passages/")


def test_every_fault_is_named_and_none_twice() -> None:
    seed = small_seed()
    seed["claims"][0]["concept"] = "no-such"
    seed["claims"][1]["question"] = "no.such"

    assert refused(seed) == ["/claims/0/concept", "/claims/1/question"]


def test_at_most_twenty_places_are_listed() -> None:
    seed = small_seed()
    concept_in(seed, "gene")["broader"] = [f"no-{number}" for number in range(20)]
    concept_in(seed, "gland")["broader"] = [f"no-{number}" for number in range(20)]

    assert len(refused(seed)) == 20


def test_a_quantity_where_concepts_answer_is_refused() -> None:
    seed = small_seed()
    seed["claims"][2] |= {"concept": None, "quantity": {"as_said": "half of all"}}

    assert refused(seed) == ["/claims/2/quantity"]


def test_words_on_a_closed_question_are_refused() -> None:
    seed = small_seed()
    seed["claims"][2] |= {"concept": None, "words": "not so many"}

    assert set(refused(seed)) == {"/claims/2/words"}


def test_words_on_an_open_question_are_read() -> None:
    seed = small_seed()
    seed["claims"][4] |= {"question": "mechanism.pathway", "concept": None, "words": "it swells"}

    assert read(seed).claims[4].words == "it swells"


@pytest.mark.parametrize("values", [{}, {"concept": "gene", "words": "it swells"}])
def test_a_claim_has_exactly_one_value(values: Body) -> None:
    seed = small_seed()
    seed["claims"][0] = {**seed["claims"][0], "concept": None, **values}

    assert refused(seed) == ["/claims/0"]


@pytest.mark.parametrize(
    "quantity",
    [
        {"low": 5, "high": 1, "unit": "%", "as_said": "5 to 1"},
        {"low": 5, "as_said": "at least 5"},
        {"low": "5", "unit": "%", "as_said": "5"},
        {"low": True, "unit": "%", "as_said": "one"},
        {"low": 1, "unit": "x" * 41, "as_said": "one"},
    ],
    ids=str,
)
def test_a_quantity_that_cannot_be_compared_is_refused(quantity: Body) -> None:
    seed = small_seed()
    seed["claims"][2] |= {
        "question": "prevalence.rate",
        "concept": None,
        "quantity": quantity,
    }

    assert refused(seed)[0].startswith("/claims/2/quantity")


def test_a_quantity_with_an_open_end_is_read() -> None:
    seed = small_seed()
    quantity = {"low": 40, "unit": "%", "as_said": "40 per cent or more"}
    seed["claims"][2] |= {"question": "prevalence.rate", "concept": None, "quantity": quantity}

    found = read(seed).claims[2].quantity

    assert found is not None
    assert (found.low, found.high) == (40, None)


# Citations


def test_a_quote_outside_of_its_passage_is_refused() -> None:
    seed = small_seed()
    seed["claims"][0]["citations"][0]["passage"] = "leaflet/p2"

    assert refused(seed) == ["/claims/0/citations/0/start"]


def test_a_span_that_is_not_as_long_as_its_quote_is_refused() -> None:
    seed = small_seed()
    seed["claims"][0]["citations"][0]["end"] += 1

    assert refused(seed) == ["/claims/0/citations/0"]


def test_the_length_of_a_quote_counts_code_points() -> None:
    seed = small_seed()
    start = TEXT.index(SECOND)
    quote = "\N{GREEK SMALL LETTER MU}\N{BABY}e\N{COMBINING ACUTE ACCENT}"
    seed["claims"][0]["citations"] = [
        {"passage": "leaflet/p2", "start": start, "end": start + 4, "quote": quote},
    ]

    assert read(seed).claims[0].citations[0].quote == quote


@pytest.mark.parametrize("missing", ["start", "end", "quote"])
def test_half_a_span_is_refused(missing: str) -> None:
    seed = small_seed()
    del seed["claims"][0]["citations"][0][missing]

    assert refused(seed) == ["/claims/0/citations/0"]


def test_a_citation_without_span_and_locator_is_refused() -> None:
    seed = small_seed()
    seed["claims"][0]["citations"] = [{"passage": "leaflet/p1"}]

    assert refused(seed) == ["/claims/0/citations/0"]


def test_a_locator_alone_is_read() -> None:
    seed = small_seed()
    seed["claims"][0]["citations"] = [{"passage": "leaflet/p1", "locator": "table 2, row 3"}]

    assert read(seed).claims[0].citations[0].locator == "table 2, row 3"


def test_the_same_citation_twice_is_refused() -> None:
    seed = small_seed()
    seed["claims"][0]["citations"].append(cite("It comes from a gene", certainty="suspected"))

    assert refused(seed) == ["/claims/0/citations/1"]


# Things that stand there twice


def twice(body: Body, *path: str | int, **changes: Any) -> None:
    """Repeat the last element of the list at this path."""
    found: Any = body
    for step in path:
        found = found[step]
    found.append({**found[-1], **changes} if isinstance(found[-1], dict) else found[-1])


def test_a_key_that_stands_there_twice_is_refused() -> None:
    seed = small_seed()
    twice(seed, "concepts")
    twice(seed, "documents")
    twice(seed, "claims", question="risk_factor.factor")

    assert refused(seed) == ["/concepts/6/key", "/documents/1/key", "/claims/5/key"]


def test_a_passage_that_stands_there_twice_is_refused() -> None:
    seed = small_seed()
    seed["documents"][0]["passages"][1]["key"] = "p1"

    assert "/documents/0/passages/1/key" in refused(seed)


def test_passages_that_overlap_are_refused() -> None:
    seed = small_seed()
    seed["documents"][0]["passages"][1]["start"] = 5

    assert refused(seed) == ["/documents/0/passages/1/start"]


@pytest.mark.parametrize("words", [["a gene", "a gene"], ["caf\u00e9", "cafe\u0301"]])
def test_a_synonym_that_stands_there_twice_is_refused(words: list[str]) -> None:
    seed = small_seed()
    concept_in(seed, "gene")["synonyms"] = words

    assert refused(seed) == ["/concepts/0/synonyms/1"]


def test_a_broader_concept_that_stands_there_twice_is_refused() -> None:
    seed = small_seed()
    concept_in(seed, "gene")["broader"] = ["gland", "gland"]

    assert refused(seed) == ["/concepts/0/broader/1"]


def test_an_alias_that_is_taken_is_refused() -> None:
    seed = small_seed()
    twice(seed, "conditions", slug="other")

    assert refused(seed) == ["/conditions/1/aliases/0/slug"]


def test_two_claims_that_say_the_same_are_refused() -> None:
    seed = small_seed()
    twice(seed, "claims", key="milia/other", statement="In other words.")

    assert refused(seed) == ["/claims/5"]


def test_words_that_differ_in_case_and_spacing_are_the_same_claim() -> None:
    seed = small_seed()
    fields = {"question": "mechanism.pathway", "concept": None}
    seed["claims"][0] |= {**fields, "words": "the skin  swells"}
    seed["claims"][1] |= {**fields, "words": "The skin swells"}

    assert refused(seed) == ["/claims/1"]


@pytest.mark.parametrize("broader", [{"gene": ["gene"]}, {"gene": ["gland"], "gland": ["gene"]}])
def test_a_circle_of_broader_concepts_is_refused(broader: dict[str, list[str]]) -> None:
    seed = small_seed()
    for key, found in broader.items():
        concept_in(seed, key)["broader"] = found

    assert "/concepts/0/broader" in refused(seed)


# JSON itself


def with_text(old: str, new: str) -> bytes:
    text = json.dumps(small_seed())
    assert old in text
    return text.replace(old, new, 1).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "No valid JSON at line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b'{"format": 1,}', "No valid JSON at line 1"),
        (b"\xff\xfe", "Byte 0 is not valid UTF-8"),
        (b'{"a": "\xe9"}', "Byte 7 is not valid UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "nested too deeply"),
        (b"[" * 65 + b"]" * 65, "nested too deeply"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b'{"a": 1e999}', "a number is too large"),
        (b'{"a": 1' + b"0" * 400 + b"}", "a number is too large"),
        (b'{"a": 1' + b"0" * 5_000 + b"}", "No valid JSON"),
        (b'{"a": 9223372036854775808}', "a number is too large"),
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udc00": 1}', "half of a surrogate pair"),
        (b'{"a": "x\\u0000"}', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
    ],
    ids=lambda value: f"{str(value)[:24]}({len(value)})",
)
def test_what_is_no_strict_json_is_refused(content: bytes, reason: str) -> None:
    assert reason in refused_text(content)


@pytest.mark.parametrize("content", [b"[]", b"null", b"7", b'"seed"'])
def test_json_that_is_no_object_is_refused_at_the_top(content: bytes) -> None:
    assert refused_text(content).startswith("The seed is refused at its top: ")


def test_a_fault_of_json_within_a_sound_seed_is_found() -> None:
    assert "surrogate" in refused_text(with_text("Somebody says gene.", "\\ud83d"))


def test_a_byte_order_mark_is_tolerated() -> None:
    content = b"\xef\xbb\xbf" + json.dumps(small_seed()).encode()

    assert read_seed(content, load_vocabulary()).claims


# What is normalised and what is not


def test_names_and_statements_are_composed_and_trimmed() -> None:
    seed = small_seed()
    claim_in(seed, "gene")["statement"] = "  Said in a cafe\u0301. "
    concept_in(seed, "gene")["label"] = " cafe\u0301 "

    found = read(seed)

    assert found.claims[0].statement == "Said in a caf\u00e9."
    assert found.concepts[0].label == "caf\u00e9"


def test_quotes_and_hedges_stay_code_point_for_code_point() -> None:
    seed = small_seed()
    quote = " cafe\u0301\r\n"
    seed["claims"][0]["citations"] = [
        {
            "passage": "leaflet/p1",
            "start": 0,
            "end": len(quote),
            "quote": quote,
            "hedge": " e\u0301 ",
        },
    ]

    [citation] = read(seed).claims[0].citations

    assert (citation.quote, citation.hedge) == (quote, " e\u0301 ")


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("SNOMEDCT_US:238749001", "SCTID:238749001"),
        ("snomedct:238749001", "SCTID:238749001"),
        ("MIM:157400", "OMIM:157400"),
        ("omim:157400", "OMIM:157400"),
        ("Orphanet:79397", "orpha:79397"),
        ("hp:0001056", "HP:0001056"),
        ("mesh:D004814", "MESH:D004814"),
        ("icd10:L72.0", "ICD10:L72.0"),
        ("Unknown:x1", "Unknown:x1"),
    ],
)
def test_external_ids_have_one_spelling(written: str, stored: str) -> None:
    seed = small_seed()
    seed["conditions"][0]["xrefs"] = [{"id": written}]

    assert read(seed).conditions[0].xrefs[0].id == stored
