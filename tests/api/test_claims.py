"""``/claims``: lists by filter, one claim, its versions, its citations."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from app.queries.pages import list_fingerprint, write_cursor
from app.vocabulary import ClaimStatus
from tests.api.operations import LISTS, Operation, ids_of, named, walk
from tests.factories import claim_id, make_claim, make_concept, set_status

COMPUTED = {
    "conflict",
    "severity",
    "conflicts",
    "passage_count",
    "document_count",
    "included",
    "highlights",
}

Fits = Callable[[dict[str, Any]], bool]


def cited_in(claim: dict[str, Any], passage: str) -> bool:
    return any(each["passage"]["key"] == passage for each in claim["citations"])


FILTERS: list[tuple[str, Fits]] = [
    ("condition=milia", lambda claim: claim["condition"]["slug"] == "milia"),
    ("condition=milia-syndrome", lambda claim: claim["condition"]["slug"] == "milia"),
    ("type=cause", lambda claim: claim["type"] == "cause"),
    ("type=cause&type=treatment", lambda claim: claim["type"] in {"cause", "treatment"}),
    ("question=cause.origin", lambda claim: claim["question"] == "cause.origin"),
    ("conflict=true", lambda claim: claim["conflict"] is True),
    ("conflict=false", lambda claim: claim["conflict"] is False),
    ("severity=contradiction", lambda claim: claim["severity"] == "contradiction"),
    (
        "severity=disagreement&severity=tension",
        lambda claim: claim["severity"] in {"disagreement", "tension"},
    ),
    ("polarity=denies", lambda claim: claim["polarity"] == "denies"),
    ("document=milia-syndrome", lambda claim: bool(claim["citations"])),
    ("passage=milia-syndrome/p2", lambda claim: cited_in(claim, "p2")),
    (
        "passage=milia-syndrome/p1&passage=milia-syndrome/p10",
        lambda claim: cited_in(claim, "p1") or cited_in(claim, "p10"),
    ),
    (
        "type=cause&conflict=true",
        lambda claim: claim["type"] == "cause" and claim["conflict"],
    ),
    (
        "question=prevalence.frequency&passage=milia-syndrome/p10&conflict=true",
        lambda claim: (
            claim["question"] == "prevalence.frequency"
            and cited_in(claim, "p10")
            and claim["conflict"]
        ),
    ),
    ("type=cause&question=prevalence.frequency", lambda _: False),
    ("conflict=true&severity=none", lambda _: False),
]


@pytest.mark.parametrize(("query", "fits"), FILTERS, ids=[query for query, _ in FILTERS])
def test_a_filter_gives_exactly_the_claims_that_fit(
    milia: TestClient,
    query: str,
    fits: Fits,
) -> None:
    every = walk(milia, "/claims?limit=100")

    found = walk(milia, f"/claims?limit=100&{query}")

    assert ids_of(found) == ids_of([claim for claim in every if fits(claim)])
    total = milia.get(f"/claims?limit=1&{query}").json()["meta"]["total"]
    assert total == len(found)


def test_documents_and_passages_go_by_their_ids_too(milia: TestClient) -> None:
    claim = milia.get("/claims?limit=1&passage=milia-syndrome/p2").json()["data"][0]
    citation = next(each for each in claim["citations"] if each["passage"]["key"] == "p2")
    by_key = ids_of(walk(milia, "/claims?limit=100&passage=milia-syndrome/p2"))

    passage, document = citation["passage"]["id"], citation["document"]["id"]
    by_id = ids_of(walk(milia, f"/claims?limit=100&passage={passage}&document={document}"))

    assert by_id == by_key


def test_rare_and_common_are_both_among_the_flagged_claims(milia: TestClient) -> None:
    rows = walk(milia, "/claims?question=prevalence.frequency&conflict=true&condition=milia")

    places = {row["concept"]["key"]: row for row in rows if row["concept"]}
    assert cited_in(places["rare"], "p1")
    assert cited_in(places["common"], "p10")


@pytest.mark.parametrize("by", ["key", "label", "synonym", "curie", "shouted"])
def test_a_concept_goes_by_any_of_its_names(milia: TestClient, by: str) -> None:
    concept = milia.get("/concepts/col17a1-mutation").json()
    names = {
        "key": concept["key"],
        "label": concept["label"],
        "synonym": concept["synonyms"][0],
        "curie": concept["xrefs"][0]["id"],
        "shouted": concept["label"].upper(),
    }

    answer = milia.get("/claims", params={"concept": names[by], "limit": 100})

    assert answer.status_code == 200
    keys = {row["concept"]["key"] for row in answer.json()["data"]}
    assert "col17a1-mutation" in keys


def test_a_curie_may_be_written_as_other_databases_do(milia: TestClient) -> None:
    xref = milia.get("/concepts/col17a1-mutation").json()["xrefs"][0]["id"]
    assert xref.startswith("HGNC:")

    usual = ids_of(walk(milia, f"/claims?concept={xref}"))

    assert usual
    assert ids_of(walk(milia, f"/claims?concept={xref.lower()}")) == usual


def test_a_concept_brings_the_narrower_ones_with_it(milia: TestClient) -> None:
    pairs = [
        (row["key"], each["key"])
        for row in walk(milia, "/concepts?limit=100")
        for each in row["broader"]
    ]
    used = {row["concept"]["key"] for row in walk(milia, "/claims?limit=100") if row["concept"]}
    narrower, broader = next(pair for pair in pairs if pair[0] in used)

    found = walk(milia, f"/claims?limit=100&concept={broader}")

    assert narrower in {row["concept"]["key"] for row in found}
    alone = walk(milia, f"/claims?limit=100&concept={narrower}")
    assert set(ids_of(alone)) <= set(ids_of(found))


def test_a_filter_by_subject_gives_the_claims_about_it(milia: TestClient) -> None:
    every = walk(milia, "/claims?limit=100")
    key = next(claim["subject"]["key"] for claim in every if claim["subject"])

    found = walk(milia, f"/claims?limit=100&subject={key}")

    about = [claim for claim in every if (claim["subject"] or {}).get("key") == key]
    assert ids_of(found) == ids_of(about)


def test_what_was_asked_is_told_back_as_it_was_understood(milia: TestClient) -> None:
    answer = milia.get("/claims?type=cause&type=treatment&conflict=true&limit=7")

    applied = answer.json()["meta"]["applied"]
    assert applied.keys() == {"type", "conflict"}
    assert applied["type"] == ["cause", "treatment"]


def test_a_list_without_filters_applies_none(milia: TestClient) -> None:
    assert milia.get("/claims").json()["meta"]["applied"] == {}


@pytest.mark.parametrize(
    ("query", "place", "hint"),
    [
        ("type=caus", "type", "cause"),
        ("question=cause.orign", "question", "cause.origin"),
        ("severity=contradicton", "severity", "contradiction"),
        ("polarity=denys", "polarity", "denies"),
        ("condition=millia", "condition", "milia"),
        ("concept=col17a1-mutatoin", "concept", "col17a1-mutation"),
        ("subject=laser-therpy", "subject", "laser-therapy"),
        ("document=milia-syndrom", "document", "milia-syndrome"),
        ("passage=milia-syndrome/p1x", "passage", "milia-syndrome/p1"),
    ],
)
def test_an_unknown_value_is_refused_with_a_suggestion(
    milia: TestClient,
    query: str,
    place: str,
    hint: str,
) -> None:
    answer = milia.get(f"/claims?{query}")

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["in"], error["parameter"]) == ("query", place)
    assert f"Did you mean '{hint}'?" in error["detail"]


@pytest.mark.parametrize("query", ["conflict=maybe", "conflict=", "type=", "limit=ten"])
def test_a_value_of_the_wrong_kind_is_refused(milia: TestClient, query: str) -> None:
    answer = milia.get(f"/claims?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


def test_more_values_than_fit_are_refused(milia: TestClient) -> None:
    answer = milia.get("/claims?" + "&".join(["concept=x"] * 51))

    assert answer.status_code == 422


# One claim.


def test_a_claim_is_the_same_by_itself_as_in_the_list(milia: TestClient) -> None:
    row = milia.get("/claims?limit=1").json()["data"][0]

    one = milia.get(f"/claims/{row['id']}").json()

    alone = {"included", "withdrawn", "as_of"}
    assert {name: part for name, part in one.items() if name not in alone} == row


def test_a_flagged_claim_comes_with_all_sides_of_its_conflicts(milia: TestClient) -> None:
    for row in walk(milia, "/claims?conflict=true&limit=100"):
        one = milia.get(f"/claims/{row['id']}").json()
        included = {each["id"]: each for each in one["included"]["conflicts"]}
        assert included.keys() == set(ids_of(one["conflicts"]))
        for name, brief in included.items():
            whole = milia.get(f"/conflicts/{name}").json()
            assert brief["sides"] == whole["sides"]
            assert any(row["id"] in side["claims"] for side in brief["sides"])
            assert len(brief["sides"]) >= 2


def test_a_page_of_claims_comes_with_all_sides_of_their_conflicts(milia: TestClient) -> None:
    body = milia.get("/claims?conflict=true&limit=3").json()

    wanted = {each["id"] for claim in body["data"] for each in claim["conflicts"]}
    included = body["included"]["conflicts"]
    assert set(ids_of(included)) == wanted
    assert len(included) == len(wanted)
    assert all(len(each["sides"]) >= 2 for each in included)


def test_a_claim_counts_its_passages_and_documents(milia: TestClient) -> None:
    for claim in walk(milia, "/claims?limit=100"):
        citations = claim["citations"]
        assert citations
        assert claim["passage_count"] == len({each["passage"]["id"] for each in citations})
        assert claim["document_count"] == len({each["document"]["id"] for each in citations})


def test_a_claim_has_exactly_one_value(milia: TestClient) -> None:
    for claim in walk(milia, "/claims?limit=100"):
        values = [claim[name] for name in ("concept", "quantity", "words")]
        assert sum(value is not None for value in values) == 1


def test_a_flag_is_a_severity_from_disagreement_upwards(milia: TestClient) -> None:
    for claim in walk(milia, "/claims?limit=100"):
        assert claim["conflict"] is (claim["severity"] in {"disagreement", "contradiction"})
        assert (claim["severity"] == "none") is (claim["conflicts"] == [])


def test_the_citations_of_a_claim_can_be_read_alone(milia: TestClient) -> None:
    claim = milia.get("/claims?limit=1").json()["data"][0]

    answer = milia.get(f"/claims/{claim['id']}/citations")

    assert answer.json() == {"data": claim["citations"], "as_of": None}


NOT_IDS = ["CLM0", "CLM01", "CLM999999", "clm1", "1", "CLM", "CLM-1", "CLM1 ", "CNF1", "CLM\u0661"]


@pytest.mark.parametrize("name", [*NOT_IDS, "CLM1.0", "CLM1.", "CLM1.999", "CLM1.1.1", "a.b"])
@pytest.mark.parametrize("part", ["", "/citations"])
def test_a_claim_that_is_not_there_is_not_found(milia: TestClient, name: str, part: str) -> None:
    answer = milia.get(f"/claims/{name}{part}")

    assert answer.status_code == 404


# Versions.


def test_a_version_has_nothing_that_is_computed(milia: TestClient) -> None:
    claim = milia.get("/claims?conflict=true&limit=1").json()["data"][0]

    version = milia.get(f"/claims/{claim['id']}.{claim['version']}").json()

    assert version.keys().isdisjoint(COMPUTED)
    said = {name: part for name, part in claim.items() if name not in COMPUTED}
    assert version == said | {"withdrawn": None}


def test_a_version_never_changes(milia: TestClient, milia_sessions: Sessions) -> None:
    with milia_sessions.write.begin() as session:
        concept = make_concept(session)
        claim = make_claim(session, question="cause.origin", concept=concept)
        name = claim_id(claim)
    before = milia.get(f"/claims/{name}.1")
    with milia_sessions.write.begin() as session:
        session.merge(concept).label = "renamed"
        changed = session.merge(claim)
        changed.statement = "Another statement."
        set_status(session, changed, ClaimStatus.published)
        make_claim(session, question="cause.origin")

    after = milia.get(f"/claims/{name}.1")

    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])
    now = milia.get(f"/claims/{name}").json()
    assert (now["statement"], now["version"]) == ("Another statement.", 2)
    assert milia.get(f"/claims/{name}.2").json()["statement"] == "Another statement."
    assert milia.get(f"/claims/{name}.3").status_code == 404


def test_a_version_that_was_never_public_is_not_found(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    with milia_sessions.write.begin() as session:
        claim = make_claim(session, status=ClaimStatus.draft)
        set_status(session, claim, ClaimStatus.in_review)
        set_status(session, claim, ClaimStatus.published)
        name = claim_id(claim)

    statuses = [milia.get(f"/claims/{name}.{version}").status_code for version in (1, 2, 3)]

    assert statuses == [404, 404, 200]


# What is not public.

HIDDEN = [
    status for status in ClaimStatus if status not in {ClaimStatus.published, ClaimStatus.retracted}
]


@pytest.mark.parametrize("status", HIDDEN)
def test_what_was_never_published_is_nowhere(
    milia: TestClient,
    milia_sessions: Sessions,
    status: ClaimStatus,
) -> None:
    total = milia.get("/claims?limit=1").json()["meta"]["total"]
    with milia_sessions.write.begin() as session:
        concept = make_concept(session)
        claim = make_claim(session, concept=concept, subject=concept, status=status)
        name, key = claim_id(claim), concept.key

    for query in (
        "",
        f"concept={key}",
        f"subject={key}",
        "type=cause",
        "passage=milia-syndrome/p1",
    ):
        assert name not in ids_of(walk(milia, f"/claims?limit=100&{query}"))
    assert milia.get("/claims?limit=1").json()["meta"]["total"] == total
    for address in (name, f"{name}.1", f"{name}/citations"):
        assert milia.get(f"/claims/{address}").status_code == 404


def test_a_hidden_claim_cannot_be_told_from_one_that_never_was(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    with milia_sessions.write.begin() as session:
        name = claim_id(make_claim(session, status=ClaimStatus.draft))

    hidden, never = milia.get(f"/claims/{name}").json(), milia.get("/claims/CLM999999").json()

    for body in (hidden, never):
        body.pop("request_id")
    assert hidden == never


def test_a_retracted_claim_is_gone_but_its_public_versions_answer(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    with milia_sessions.write.begin() as session:
        claim = make_claim(session)
        set_status(session, claim, ClaimStatus.retracted)
        name = claim_id(claim)

    answers = [milia.get(f"/claims/{name}{part}") for part in ("", "/citations", ".1", ".2")]

    assert [answer.status_code for answer in answers] == [410, 410, 200, 404]
    assert answers[0].json()["code"] == "withdrawn"
    assert name not in ids_of(walk(milia, "/claims?limit=100"))


# Pages.


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_a_walk_gives_every_claim_once_and_ends(milia: TestClient, limit: int) -> None:
    query = "question=cause.origin&question=prevalence.frequency" if limit == 1 else ""
    total = milia.get(f"/claims?{query}").json()["meta"]["total"]

    rows = walk(milia, f"/claims?limit={limit}&{query}")

    assert len(ids_of(rows)) == len(set(ids_of(rows))) == total


@pytest.mark.parametrize(**named(LISTS))
def test_a_walk_through_any_list_gives_every_row_once_and_ends(
    milia: TestClient,
    operation: Operation,
) -> None:
    body = milia.get(operation.asked("limit=100")).json()

    rows = walk(milia, operation.asked("limit=10"))

    assert len(ids_of(rows)) == len(set(ids_of(rows))) == body["meta"]["total"]
    assert rows[:100] == body["data"]


def test_a_claim_added_behind_is_found_and_nothing_is_shown_twice(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    first = milia.get("/claims?limit=100").json()
    with milia_sessions.write.begin() as session:
        name = claim_id(make_claim(session))

    rest = walk(milia, first["page"]["next"])

    seen = ids_of([*first["data"], *rest])
    assert len(seen) == len(set(seen))
    assert seen[-1] == name


def test_the_last_page_has_no_next(milia: TestClient) -> None:
    answer = milia.get("/claims?question=prevalence.frequency&limit=100")

    assert answer.json()["page"] == {"limit": 100, "next_cursor": None, "next": None}
    assert 'rel="next"' not in answer.headers["link"]


def test_a_list_that_fills_its_last_page_has_no_empty_one_after_it(milia: TestClient) -> None:
    total = milia.get("/claims?question=prevalence.frequency").json()["meta"]["total"]

    answer = milia.get(f"/claims?question=prevalence.frequency&limit={total}")

    assert answer.json()["page"]["next"] is None


@pytest.mark.parametrize(**named(LISTS))
@pytest.mark.parametrize("limit", ["0", "-1", "101", "1.5", "", "9" * 30, "1e2", "+ 1"])
def test_a_limit_out_of_bounds_is_refused(
    milia: TestClient,
    operation: Operation,
    limit: str,
) -> None:
    answer = milia.get(operation.address, params={"limit": limit})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "limit"


def cursor_of(client: TestClient, address: str) -> str:
    return str(client.get(address).json()["page"]["next_cursor"])


@pytest.mark.parametrize(
    "address",
    [
        "/claims?type=cause&",
        "/claims?conflict=false&",
        "/claims?condition=milia&",
        "/claims?sort=-id&",
        "/conflicts?",
        "/concepts?",
        "/documents?",
        "/conditions?",
    ],
)
def test_a_cursor_is_refused_with_other_filters_or_on_another_list(
    milia: TestClient,
    address: str,
) -> None:
    cursor = cursor_of(milia, "/claims?limit=1")

    answer = milia.get(f"{address}cursor={cursor}")

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid-cursor"


def test_a_cursor_may_be_used_with_another_limit(milia: TestClient) -> None:
    every = ids_of(walk(milia, "/claims?limit=100"))
    cursor = cursor_of(milia, "/claims?limit=3")

    answer = milia.get("/claims", params={"cursor": cursor, "limit": 5})

    assert ids_of(answer.json()["data"]) == every[3:8]


@pytest.mark.parametrize(**named(LISTS))
def test_a_damaged_cursor_is_refused(milia: TestClient, operation: Operation) -> None:
    good = cursor_of(milia, "/claims?limit=1")
    position = base64.urlsafe_b64encode(json.dumps([[1]]).encode()).decode()

    for cursor in ("", "x", "====", good[:-2], good[1:], good + "AAAA", position, "é", "A" * 2_000):
        answer = milia.get(operation.address, params={"cursor": cursor})
        assert answer.status_code == 400, cursor
        assert answer.json()["code"] == "invalid-cursor"


FORGED: list[list[Any]] = [
    [10**30],
    [-(2**63) - 1],
    ["x"],
    [None],
    [True],
    [1.5],
    [[]],
    [{}],
    ["\x00"],
    ["\ud800"],
    [float("nan")],
]


@pytest.mark.parametrize("position", FORGED, ids=repr)
@pytest.mark.parametrize("address", ["/claims", "/concepts", "/claims?sort=created_at"])
def test_a_forged_cursor_is_never_a_fault_of_the_server(
    milia: TestClient,
    position: list[Any],
    address: str,
) -> None:
    path, _, query = address.partition("?")
    filters = dict([query.split("=")]) if query else {}
    places = [position[0], 1] if query else position
    cursor = write_cursor(list_fingerprint(path, filters), places)

    answer = milia.get(path, params={**filters, "cursor": cursor})

    assert answer.status_code in {200, 400}
    if answer.status_code == 200:
        assert isinstance(position[0], str)


def test_a_cursor_nested_beyond_reason_is_refused(milia: TestClient) -> None:
    cursor = nested_cursor(1_400)

    answer = milia.get("/claims", params={"cursor": cursor})

    assert answer.status_code == 400


def nested_cursor(depth: int) -> str:
    payload = b"[" * depth
    check = hashlib.sha256(list_fingerprint("/claims", {}).encode() + payload).digest()[:8]
    return base64.urlsafe_b64encode(check + payload).decode().rstrip("=")
