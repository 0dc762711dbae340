"""Search finds what a slow matcher finds, in its order, on either database."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from app.commands.search import index_claims
from app.db import Sessions, make_engine, make_sessions
from app.excerpts import excerpt
from app.models import Claim, Concept, ConceptSynonym
from app.queries.check import check_base
from app.queries.records import claim_records
from app.queries.search import FTS5, TSVECTORS, claim_texts, is_postgresql, texts_of_record
from app.queries.search_check import index_faults
from app.search_text import (
    MAX_POSITIONS,
    ClaimTexts,
    claim_words,
    parse_query,
    stemmed,
    tier_of,
    tokens,
)
from app.startup import prepare
from app.vocabulary import load_vocabulary
from tests.api.operations import ids_of, walk
from tests.commands.seeds import concept_in, load, small_seed
from tests.conftest import SEED_FILE
from tests.databases import seeded_database
from tests.factories import claim_id, make_claim, make_concept
from tests.words import Searched, ids_found, searched, words_of

PASSAGE = "milia-syndrome/p1"
# More for a long run by hand.
EXAMPLES = int(os.environ.get("CLAIMBASE_SEARCH_EXAMPLES", "100"))
law = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

QUERIES = [
    "milia",
    "cyst",
    "cysts",
    "CYSTS",
    '"cyst"',
    "Éruptions cÿst",
    "milia -syndrome",
    "-milia",
    "-milia -skin",
    '-"milia syndrome"',
    '"milia syndrome"',
    '"syndrome milia"',
    '"small, white"',
    "small white skin",
    "ker*",
    "col17a1",
    "COL17A1-mutation",
    "col17*",
    '"sweat gl"*',
    "gland* -sweat*",
    "miliaria",
    "retinoid",
    "retinoids treatment",
    "topical cream",
    "laser therapy",
    "sun exposure",
    "calcium",
    "rare",
    "common",
    "the of and",
    "treatments treated treating",
    "genetic gene",
    "skin*",
    "!!! ??? ...",
    '"milia',
    "\uff4d\uff49\uff4c\uff49\uff41",  # of full width
    "mi\u00adlia",
    "milia OR cyst",
    "milia NOT cyst",
    "statement : milia",
]


def records(client: TestClient) -> list[dict[str, Any]]:
    return walk(client, "/claims?limit=100")


def synonyms(client: TestClient) -> dict[str, list[str]]:
    return {each["key"]: each["synonyms"] for each in walk(client, "/concepts?limit=100")}


def corpus(client: TestClient) -> list[Searched]:
    known = synonyms(client)
    return [searched(claim, known) for claim in records(client)]


@pytest.fixture(scope="session")
def read_once() -> dict[str, Any]:
    return {}


@pytest.fixture
def claims(milia: TestClient, read_once: dict[str, Any]) -> list[Searched]:
    """The seed's claims by their words; read once, for what adds none."""
    if not read_once:
        read_once["claims"] = corpus(milia)
    found: list[Searched] = read_once["claims"]
    return found


def find(client: TestClient, query: str, **more: Any) -> list[str]:
    """All ids that are found, page by page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        asked = {"q": query, "limit": 100, **more} | ({"cursor": cursor} if cursor else {})
        answer = client.get("/claims", params=asked)
        assert answer.status_code == 200, answer.text
        found += ids_of(answer.json()["data"])
        cursor = answer.json()["page"]["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_finds_what_it_should_in_the_order_it_should(
    milia: TestClient,
    claims: list[Searched],
    query: str,
) -> None:
    assert find(milia, query) == ids_found(query, claims)


def test_the_fixed_queries_show_something(claims: list[Searched]) -> None:
    found = [ids_found(query, claims) for query in QUERIES]

    assert sum(1 for ids in found if ids) >= 25
    assert sum(1 for ids in found if not ids) >= 3
    assert len({tuple(ids) for ids in found}) >= 20


def agree(client: TestClient, claims: list[Searched], query: str) -> None:
    """The first page and the total are those of the slow matcher; 422 for too many terms only."""
    answer = client.get("/claims", params={"q": query, "limit": 100, "fields": "id"})
    if answer.status_code == 422:
        [error] = answer.json()["errors"]
        assert (error["parameter"], error["detail"]) == ("q", "at most 20 terms.")
        return
    assert answer.status_code == 200, answer.text
    if not query.strip():
        assert answer.json()["meta"]["total"] == len(claims)
        return
    expected = ids_found(query, claims)
    assert answer.json()["meta"]["total"] == len(expected)
    assert ids_of(answer.json()["data"]) == expected[:100]


@law
@given(query=st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_any_text_is_a_query(milia: TestClient, claims: list[Searched], query: str) -> None:
    agree(milia, claims, query)


def _mutated(word: str) -> Iterator[str]:
    yield from (word, word.upper(), word + "s", word[:-1], word[:3], f"{word[0]}\u0301{word[1:]}")
    yield from (f"{word}'s", f"{word}\x00", word.replace("e", "é"), f"\u200b{word}\u00ad")


@law
@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["", "-", "--", '"', '-"', "“", "(", "NEAR(", "^", "statement:"]),
            st.integers(0, 10_000),
            st.integers(0, 9),
            st.sampled_from(["", "*", '"', '"*', "”", ")", " AND", "&", "|", "'", "\\", ":*", ";"]),
            st.sampled_from([" ", "", "  ", "-", "+", "\t", "　"]),
        ),
        max_size=12,
    ),
)
def test_words_with_any_signs_around_them_are_a_query(
    milia: TestClient,
    claims: list[Searched],
    parts: list[tuple[str, int, int, str, str]],
) -> None:
    known = [word for claim in claims for words in claim.statement for word in words]
    query = ""
    for before, number, mutation, behind, gap in parts:
        word = list(_mutated(known[number % len(known)]))[mutation]
        query += before + word + behind + gap

    agree(milia, claims, query[:500])


@law
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_words_are_read_alike_by_two_readers(text: str) -> None:
    assert [token.word for token in tokens(text)] == words_of(text)


@law
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_word_knows_where_it_was_read(text: str) -> None:
    found = tokens(text)

    assert all(0 <= token.start < token.end <= len(text) for token in found)
    assert [token.start for token in found] == sorted(token.start for token in found)
    for token in found:
        assert token.word in [each.word for each in tokens(text[token.start : token.end])]


# Words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Éruption", ["eruption"]),
        ("E\u0301ruption", ["eruption"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("Sjøgren œdème", ["sjogren", "oedeme"]),
        ("COL17A1-mutation, 5%", ["col17a1", "mutation", "5"]),
        ("皮膚の病気", ["皮", "膚", "の", "病", "気"]),
        ("カ\u3099 ガ ｶﾞ カ", ["ガ", "ガ", "ガ", "カ"]),
        ("COL17A1遺伝子", ["col17a1", "遺", "伝", "子"]),
        ("½", ["1", "2"]),
        ("mi\u00adlia mi\u200blia", ["milia", "mi", "lia"]),
        ("a\x00b \ud800c", ["a", "b", "c"]),
        ("हिन्दी", ["हिनदी"]),
        ("* - \" ' ( ) : \u0301", []),
        ("x" * 300, ["x" * 200]),
    ],
)
def test_text_is_read_as_words(text: str, words: list[str]) -> None:
    assert [token.word for token in tokens(text)] == words


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("cysts", "=cyst"),
        ("cyst", "=cyst"),
        ("milia", "=milia"),
        ("miliaria", "=miliaria"),
        ("glands", "=gland"),
        ("inherited", "=inherit"),
        ("treatments", "=treatment"),
        ("of", "of"),
        ("col17a1", "col17a1"),
        ("皮", "皮"),
    ],
)
def test_stems_are_those_that_the_index_was_made_with(word: str, stem: str) -> None:
    # If a release of the stemmer changes them, a migration has to empty the index.
    assert stemmed(word) == stem


def test_marks_are_offsets_in_code_points() -> None:
    found = excerpt(parse_query('eruption "white bump"*'), "🙂 E\u0301ruptions: white  bumps")

    assert found is not None
    assert found.text == "🙂 E\u0301ruptions: white  bumps"
    assert [found.text[start:end] for start, end in found.marks] == [
        "E\u0301ruptions",
        "white  bumps",
    ]


def test_a_long_text_is_cut_around_its_first_mark() -> None:
    text = "word " * 100 + "cyst " + "word " * 100 + "cyst"

    found = excerpt(parse_query("cyst"), text)

    assert found is not None
    assert len(found.text) <= 200
    assert found.text in text
    assert [found.text[start:end] for start, end in found.marks] == ["cyst"]


@law
@given(before=st.text(max_size=400), behind=st.text(max_size=400))
def test_the_first_mark_is_always_shown(before: str, behind: str) -> None:
    found = excerpt(parse_query("milia"), f"{before} milia {behind}")

    assert found is not None
    assert found.marks
    assert all(0 <= low < high <= len(found.text) for low, high in found.marks)
    assert stemmed("milia") in [
        stemmed(token.word) for low, high in found.marks for token in tokens(found.text[low:high])
    ]


def test_no_phrase_spans_two_texts() -> None:
    words = claim_words(ClaimTexts("one", ["two", "three"], ["four", "five"]))

    tiers = [tier_of(parse_query(q), words) for q in ('"one two"', '"two three"', '"four five"')]

    assert tiers == [0, 0, 0]
    assert tier_of(parse_query("one three five"), words) == 1


# The index


def cited(session: Session, *quotes: str) -> Claim:
    """A claim with these quotes."""
    claim = make_claim(session, passages=["p1"] * len(quotes))
    for citation, quote in zip(claim.citations, quotes, strict=True):
        citation.quote = quote
    index_claims(session, [claim.id])
    return claim


def found_among(sessions: Sessions, client: TestClient, *quotes: str) -> Callable[[str], bool]:
    with sessions.write.begin() as session:
        id_ = claim_id(cited(session, *quotes))
    return lambda query: id_ in find(client, query)


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("皮膚", True),
        ("皮", True),
        ("稗粒腫", True),
        ("皮腫", False),
        ("-皮膚", False),
        ("カルシウム", True),
        ("ｶﾙｼｳﾑ", True),
        ("カルシウ*", True),
        ("ガルシウム", False),
        ('"col17a1 遺伝子"', True),
    ],
)
def test_japanese_words_are_found_without_spaces(
    milia: TestClient,
    milia_sessions: Sessions,
    query: str,
    is_found: bool,
) -> None:
    finds = found_among(
        milia_sessions,
        milia,
        "稗粒腫は皮膚の病気で、COL17A1遺伝子とカルシウムに関係する。",
    )

    assert finds(query) is is_found


@pytest.mark.parametrize("query", ["Éruption", "eruption", "ÉRUPTIONS", '"une éruption"', "erupt*"])
def test_accents_do_not_count(milia: TestClient, milia_sessions: Sessions, query: str) -> None:
    finds = found_among(milia_sessions, milia, "C'est une éruption.")

    assert finds(query)


def test_a_long_claim_is_searched_as_far_as_both_databases_can(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    lines = [" ".join(f"w{line}x{number}" for number in range(500)) for line in range(40)]

    finds = found_among(milia_sessions, milia, *lines)

    assert finds('"w0x0 w0x1"')
    assert finds('"w31x400 w31x401"')
    assert not finds("w39x499")
    assert MAX_POSITIONS < 40 * 500


def test_a_word_that_is_said_a_thousand_times_is_found(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    finds = found_among(milia_sessions, milia, "again " * 800 + "begin", "again enough")

    assert finds("again")
    assert finds('"again again"')
    assert not finds('"again enough"')  # what PostgreSQL would not know of, SQLite does not find
    assert finds("enough")


def test_long_words_in_many_bytes_are_taken(milia: TestClient, milia_sessions: Sessions) -> None:
    words = [chr(0x10400 + number) * 300 + "end" for number in range(40)]

    finds = found_among(milia_sessions, milia, *(" ".join(words) for _ in range(20)), "'it's\\'")

    assert finds(words[3])
    assert finds(words[3][:10] + "*")


@pytest.mark.parametrize("letter", ["ﷺ", "皮", "x ", '"', "-", "*", "(", "\x00", "\\", "'"])
def test_the_longest_query_is_answered(milia: TestClient, letter: str) -> None:
    answers = [
        milia.get("/claims", params={"q": query[:500]}).status_code
        for query in (letter * 500, f'"{letter * 500}', f"-{letter * 500}", f"{letter * 498}*")
    ]

    assert set(answers) <= {200, 422}


def test_the_seed_is_indexed(milia_session: Session) -> None:
    assert index_faults(milia_session) == []


def test_a_record_is_found_by_what_its_rows_say(milia_session: Session) -> None:
    ids = milia_session.scalars(select(Claim.id)).all()
    records = claim_records(milia_session, ids)

    found = {id_: texts_of_record(milia_session, records[id_]) for id_ in ids}

    assert found == claim_texts(milia_session, ids)


def test_check_names_a_claim_whose_words_are_not_in_the_index(milia_session: Session) -> None:
    row = milia_session.execute(select(Claim.id, Claim.key).limit(1)).one()
    changed = update(Claim).where(Claim.id == row.id).values(statement="Quite other words.")
    milia_session.execute(changed)

    faults = check_base(milia_session, load_vocabulary(), lambda _: None)

    assert set(faults) == {
        f"the search index of the claim {row.key} is not what its words say",
        f"the claim {row.id} is not what its last revision says",
    }


def test_check_names_a_claim_that_is_not_indexed(milia_session: Session) -> None:
    row = milia_session.execute(select(Claim.id, Claim.key).limit(1)).one()
    milia_session.execute(_out_of_the_index(milia_session, row.id))

    faults = check_base(milia_session, load_vocabulary(), lambda _: None)

    assert faults == [f"the search index of the claim {row.key} is not what its words say"]


def test_check_names_an_entry_without_a_claim(session: Session) -> None:
    if is_postgresql(session):
        pytest.skip("a foreign key sees to it")
    session.execute(text("INSERT INTO fts_claims (rowid, statement) VALUES (4711, 'gone')"))

    assert index_faults(session) == ["the search index has a claim 4711 that is not there"]


def test_a_claim_that_is_gone_is_taken_out_of_the_index(milia_session: Session) -> None:
    claim = make_claim(milia_session)
    index_claims(milia_session, [claim.id])
    gone = claim.id
    milia_session.execute(text("DELETE FROM conflict_claims WHERE claim_id = :id"), {"id": gone})
    milia_session.execute(delete(Claim).where(Claim.id == gone))

    index_claims(milia_session, [gone])

    assert index_faults(milia_session) == []


def _out_of_the_index(session: Session, id_: int) -> Any:
    if is_postgresql(session):
        return delete(TSVECTORS).where(TSVECTORS.c.claim_id == id_)
    return delete(FTS5).where(FTS5.c.rowid == id_)


def test_a_concept_with_another_name_is_found_by_it(
    client: TestClient,
    sessions: Sessions,
) -> None:
    seed = small_seed()
    load(sessions, seed)
    concept_in(seed, "gland").update(label="Sudoriferous thing", synonyms=["Schweißdrüse"])

    load(sessions, seed)

    found = [find(client, query) for query in ("sudoriferous", "schweissdruse", '"blocked glands"')]
    assert len(found[0]) == 1
    assert found == [found[0]] * 3
    with sessions.read() as session:
        assert index_faults(session) == []


def test_a_base_from_before_the_search_is_indexed_at_its_next_start(tmp_path: Path) -> None:
    url = seeded_database("before_search", tmp_path)
    engine = make_engine(url)
    with make_sessions(engine).write.begin() as session:
        session.execute(text("DELETE FROM fts_claims"))

    report = prepare(url, SEED_FILE)

    assert report is None, "the seed is not read again"
    with make_sessions(engine).read() as session:
        assert index_faults(session) == []
    engine.dispose()


# What a search sees


def test_words_of_sources_that_are_left_out_are_not_found(milia: TestClient) -> None:
    known = synonyms(milia)
    left = []
    for claim in records(milia):
        kept = [c for c in claim["citations"] if c["passage"]["key"] != PASSAGE.split("/")[1]]
        if kept:
            left.append(searched(claim | {"citations": kept}, known))
    without = {"condition": "milia", "exclude_passage": PASSAGE}

    differing = 0
    for query in QUERIES[::4]:
        expected = ids_found(query, left)
        assert find(milia, query, **without) == expected, query
        differing += expected != find(milia, query)

    assert differing >= 3


def test_a_claim_is_found_by_the_synonyms_of_its_concept_and_subject(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    with milia_sessions.write.begin() as session:
        concept = _named(session, "Zwiebelhaut", "onion peeling")
        subject = _named(session, "Quittenkern", "quince pit")
        name = claim_id(make_claim(session, concept=concept, subject=subject))

    for query in ("zwiebelhaut", '"onion peeling"', "quinces", "quittenkern onion"):
        assert find(milia, query) == [name]


def _named(session: Session, label: str, synonym: str) -> Concept:
    concept = make_concept(session, label=label)
    session.add(
        ConceptSynonym(concept_id=concept.id, term=synonym, folded=synonym, position=0),
    )
    session.flush()
    return concept
