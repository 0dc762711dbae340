"""Exports: all that fits, in the formats of other tools, equal to what the API says."""

import csv
import io
import json
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from rdflib import RDF, RDFS, SKOS, Graph, Literal, Namespace, URIRef
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exports.tables import HEADINGS, unguarded
from app.models import Citation
from app.schemas.shared import Format
from app.vocabulary import ClaimStatus, ScopePart
from tests.api.operations import walk
from tests.exports.bulk import add_claims
from tests.factories import claim_id, make_claim

# rdflib itself still reads JSON-LD with a class that it calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")

SCHEMA = Namespace("https://schema.org/")
OA = Namespace("http://www.w3.org/ns/oa#")
PROV = Namespace("http://www.w3.org/ns/prov#")
CB = Namespace("http://testserver/vocabulary#")
BASE = "http://testserver"
MEDIA_TYPES = {
    Format.json: "application/json",
    Format.csv: "text/csv",
    Format.jsonl: "application/x-ndjson",
    Format.jsonld: "application/ld+json",
    Format.md: "text/markdown",
}
STREAMED = [format_ for format_ in Format if format_ is not Format.json]
QUERIES = [
    "",
    "type=cause&conflict=true",
    "condition=milia-syndrome&sort=-severity",
    "sort=-updated_at&passage=milia-syndrome/p3",
    "sort=passage_count",
    "q=gland",
    "q=gland&sort=id",
    "type__not=treatment&certainty=suspected",
    "condition=milia&exclude_passage=milia-syndrome/p10",
    "condition=milia&exclude_passage=milia-syndrome/p3&conflict=true&q=milia",
    "condition=milia&exclude_document=milia-syndrome",
    "q=nothinglikethis",
]
NASTY = "=HYPERLINK(\"http://evil.example\",'x')\r\n,;\t| # *<b>* ]]> \u2028 é \U0001f600"


def exported(client: TestClient, query: str) -> Any:
    answer = client.get(f"/claims/export?{query}")
    assert answer.status_code == 200, answer.text
    return answer


def lines_of(body: bytes) -> list[Any]:
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body[:-1].split(b"\n")]


def rows_of(body: bytes) -> list[dict[str, str]]:
    text = io.StringIO(body.decode("utf-8-sig"), newline="")
    return list(csv.DictReader(text, strict=True))


def graph_of(body: bytes) -> Graph:
    return Graph().parse(data=body, format="json-ld")


# Read back.


@pytest.mark.parametrize("query", QUERIES)
def test_json_lines_are_the_claims_of_the_list(milia: TestClient, query: str) -> None:
    *claims, last = lines_of(exported(milia, f"format=jsonl&{query}").content)

    assert claims == walk(milia, f"/claims?limit=100&{query}")
    assert last["trailer"] == {
        "claims": len(claims),
        "citations": sum(len(claim["citations"]) for claim in claims),
        "change": 1,
    }


@pytest.mark.parametrize("query", QUERIES)
def test_one_json_document_has_the_claims_of_the_list(milia: TestClient, query: str) -> None:
    body = exported(milia, f"format=json&{query}").json()

    claims = walk(milia, f"/claims?limit=100&{query}")
    assert body["data"] == claims
    assert list(body) == ["data", "included", "meta"]
    assert body["meta"]["claims"] == len(claims)
    assert body["meta"]["applied"] == milia.get(f"/claims?{query}").json()["meta"]["applied"]


@pytest.mark.parametrize("query", QUERIES)
def test_rows_of_csv_are_the_citations_of_the_list(milia: TestClient, query: str) -> None:
    rows = rows_of(exported(milia, f"format=csv&{query}").content)

    claims = walk(milia, f"/claims?limit=100&{query}")
    for claim in claims:
        claim["highlights"] = None
        del claim["replaced_by"], claim["merged"]  # of a published claim they say nothing
    assert claims_in(rows) == claims
    assert [row["row"] for row in rows] == [
        f"{number} of {len(rows)}" for number, _ in enumerate(rows, 1)
    ]


def claims_in(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The API's own records, put together again as decision 0014 tells."""
    claims: dict[str, dict[str, Any]] = {}
    for guarded in rows:
        row = {name: unguarded(cell) or None for name, cell in guarded.items()}
        claim = claims.setdefault(str(row["claim"]), claim_in(row))
        if row["citation"]:
            claim["citations"].append(citation_in(row))
    return list(claims.values())


def number(cell: str | None) -> Any:
    return None if cell is None else json.loads(cell)


def concept_in(row: dict[str, str | None], column: str) -> Any:
    return row[column] and {"key": row[column], "label": row[f"{column}_label"]}


def claim_in(row: dict[str, str | None]) -> dict[str, Any]:
    scope = {part.value: concept_in(row, f"scope_{part.value}") for part in ScopePart}
    scope |= {name: number(row[f"scope_{name}"]) for name in ("age_low", "age_high")}
    refs = [str(row[f"conflict_{part}"] or "").split() for part in ("ids", "kinds", "severities")]
    as_is = ("key", "status", "type", "question", "statement", "words", "polarity", "severity")
    numbers = ("version", "passage_count", "document_count")
    return {
        "id": row["claim"],
        **{name: row[name] for name in as_is},
        **{name: row[name] for name in ("created_at", "updated_at")},
        **{name: number(row[name]) for name in numbers},
        "condition": {"slug": row["condition"], "name": row["condition_name"]},
        "subject": concept_in(row, "subject"),
        "concept": concept_in(row, "concept"),
        "quantity": row["quantity_as_said"]
        and {
            "low": number(row["quantity_low"]),
            "high": number(row["quantity_high"]),
            "unit": row["quantity_unit"],
            "as_said": row["quantity_as_said"],
        },
        "scope": scope if any(value is not None for value in scope.values()) else None,
        "citations": [],
        "conflict": row["conflict"] == "true",
        "conflicts": [
            {"id": id_, "kind": kind, "severity": severity}
            for id_, kind, severity in zip(*refs, strict=True)
        ],
        "highlights": None,
    }


def citation_in(row: dict[str, str | None]) -> dict[str, Any]:
    as_is = (
        "quote",
        "locator",
        "certainty",
        "frequency",
        "exclusivity",
        "hedge",
        "subject_words",
        "verification",
    )
    return {
        "id": row["citation"],
        "document": {"id": row["document"], "key": row["document_key"]},
        "passage": {
            "id": row["passage"],
            "key": row["passage_key"],
            "heading": row["passage_heading"],
        },
        "start": number(row["start"]),
        "end": number(row["end"]),
        **{name: row[name] for name in as_is},
    }


@pytest.mark.parametrize("query", QUERIES)
def test_linked_data_has_the_claims_and_citations_of_the_list(
    milia: TestClient,
    query: str,
) -> None:
    graph = graph_of(exported(milia, f"format=jsonld&{query}").content)

    claims = walk(milia, f"/claims?limit=100&{query}")
    assert set(graph.subjects(RDF.type, SCHEMA.Claim)) == {at("claims", c["id"]) for c in claims}
    for claim in claims:
        node = at("claims", claim["id"])
        assert graph.value(node, SCHEMA.text) == Literal(claim["statement"])
        assert graph.value(node, SCHEMA.about) == at("conditions", claim["condition"]["slug"])
        assert graph.value(node, CB.severity) == Literal(claim["severity"])
        assert graph.value(node, CB.flagged) == Literal(claim["conflict"])
        if claim["concept"]:
            assert graph.value(node, CB.concept) == at("concepts", claim["concept"]["key"])
        conflicts = {at("conflicts", ref["id"]) for ref in claim["conflicts"]}
        assert set(graph.objects(node, CB.inConflict)) == conflicts
        assert citations_of(graph, node) == {
            (c["id"], at("documents", c["document"]["id"]), c["start"], c["end"], c["quote"])
            for c in claim["citations"]
        }
    [data_set] = graph.subjects(RDF.type, SCHEMA.Dataset)
    assert graph.value(data_set, CB.claims) == Literal(len(claims))
    assert graph.value(data_set, CB.change) == Literal(1)


def at(kind: str, name: str) -> URIRef:
    return URIRef(f"{BASE}/{kind}/{name}")


def citations_of(graph: Graph, claim: URIRef) -> set[tuple[Any, ...]]:
    """As the Web Annotation model has them: target, source, selectors."""
    found = set()
    for annotation in graph.subjects(OA.hasBody, claim):
        assert (annotation, RDF.type, OA.Annotation) in graph
        target = graph.value(annotation, OA.hasTarget)
        by_kind = {
            graph.value(selector, RDF.type): selector
            for selector in graph.objects(target, OA.hasSelector)
        }
        position = by_kind.get(OA.TextPositionSelector)
        quote = by_kind.get(OA.TextQuoteSelector)
        values = [
            graph.value(annotation, SCHEMA.identifier),
            graph.value(position, OA.start),
            graph.value(position, OA.end),
            graph.value(quote, OA.exact),
        ]
        id_, start, end, exact = (v.toPython() if isinstance(v, Literal) else v for v in values)
        found.add((id_, graph.value(target, OA.hasSource), start, end, exact))
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_markdown_has_every_claim_and_quote_of_the_list(milia: TestClient, query: str) -> None:
    text = plain(exported(milia, f"format=md&{query}").text)

    claims = walk(milia, f"/claims?limit=100&{query}")
    for claim in claims:
        assert f"- {claim['id']}: {one_line(claim['statement'])}" in text
        for citation in claim["citations"]:
            place = f"[{citation['passage']['key']}, {citation['start']}-{citation['end']}]"
            assert f"“{one_line(citation['quote'])}” {place}" in text
    number_of_citations = sum(len(claim["citations"]) for claim in claims)
    last = f"End of the export: {len(claims)} claims, {number_of_citations} citations, change 1."
    assert text.splitlines()[-1] == last


def plain(markdown: str) -> str:
    """Without the backslashes of escapes."""
    return re.sub(r"\\([^A-Za-z0-9\s])", r"\1", markdown)


def one_line(text: str) -> str:
    return " ".join(text.split())


# Never one-sided.


def test_markdown_begins_with_both_sides_of_rare_or_common(milia: TestClient) -> None:
    text = milia.get("/conditions/milia?format=md").text

    before, _, after = text.partition("## Claims about")
    assert "- **rare** (affirms" in before
    assert "- **common** (affirms" in before
    assert before.index("contradiction: ") < before.index("- **rare** (affirms")
    assert "#### " in after


def test_linked_data_has_both_sides_of_rare_or_common(milia: TestClient) -> None:
    graph = graph_of(exported(milia, "format=jsonld&question=prevalence.frequency").content)

    sides = [
        {
            str(graph.value(side, SCHEMA.name)): set(graph.objects(side, CB.claim))
            for side in graph.objects(conflict, CB.side)
        }
        for conflict in graph.subjects(RDF.type, CB.Conflict)
        if graph.value(conflict, CB.severity) == Literal("contradiction")
    ]
    [conflict] = [each for each in sides if {"rare", "common"} <= each.keys()]
    claims = set(graph.subjects(RDF.type, SCHEMA.Claim))
    assert conflict["rare"]
    assert conflict["common"]
    assert conflict["rare"] | conflict["common"] <= claims


@pytest.mark.parametrize("format_", list(Format))
def test_who_takes_one_side_away_is_given_the_other(milia: TestClient, format_: Format) -> None:
    query = "concept=rare&concept_narrower=false&question=prevalence.frequency"
    one_side = walk(milia, f"/claims?{query}")
    conflicts = milia.get(f"/claims?{query}").json()["included"]["conflicts"]
    [other] = {
        claim
        for conflict in conflicts
        for side in conflict["sides"]
        if side["label"] == "common"
        for claim in side["claims"]
    }
    assert other not in [claim["id"] for claim in one_side]

    text = exported(milia, f"format={format_}&{query}").text

    assert "common" in text
    assert re.search(rf"\b{other}\b", text)


@pytest.mark.parametrize("query", ["", "condition=milia&exclude_passage=milia-syndrome/p3"])
def test_json_lines_end_with_every_conflict_of_the_claims(milia: TestClient, query: str) -> None:
    body = exported(milia, f"format=jsonl&type=cause&{query}").content

    last = lines_of(body)[-1]
    shown = milia.get(f"/claims?limit=100&type=cause&{query}").json()["included"]["conflicts"]
    key = "id"
    found = sorted(last["included"]["conflicts"], key=lambda conflict: int(conflict[key][3:]))
    assert found == shown
    assert shown


# What linked data says beside the claims.


def test_a_position_is_two_integers_and_fits_its_quote(milia: TestClient) -> None:
    graph = graph_of(exported(milia, "format=jsonld").content)

    selectors = list(graph.subjects(RDF.type, OA.TextPositionSelector))
    assert len(selectors) > 300
    for selector in selectors:
        start, end = graph.value(selector, OA.start), graph.value(selector, OA.end)
        assert isinstance(start, Literal)
        assert isinstance(end, Literal)
        assert type(start.toPython()) is int
        target = graph.value(predicate=OA.hasSelector, object=selector)
        [quote] = [
            exact
            for other in graph.objects(target, OA.hasSelector)
            for exact in graph.objects(other, OA.exact)
        ]
        assert end.toPython() - start.toPython() == len(str(quote))


def test_a_condition_is_linked_to_others_ids_as_far_as_they_fit(milia: TestClient) -> None:
    graph = graph_of(milia.get("/conditions/milia?format=jsonld").content)

    node = at("conditions", "milia")
    lesion = URIRef("http://purl.obolibrary.org/obo/HP_0001056")
    eruptive = URIRef("http://purl.obolibrary.org/obo/MONDO_0008001")
    cyst = URIRef("http://id.nlm.nih.gov/mesh/D004814")
    assert (node, RDF.type, SCHEMA.MedicalCondition) in graph
    assert graph.value(node, SCHEMA.name) == Literal("Milia")
    assert (node, SKOS.exactMatch, lesion) in graph
    assert (node, SCHEMA.sameAs, lesion) in graph
    assert (node, SKOS.closeMatch, eruptive) in graph
    assert (node, SKOS.broadMatch, cyst) in graph
    assert (node, SCHEMA.sameAs, cyst) not in graph


def test_linked_data_says_where_it_came_from(milia: TestClient) -> None:
    graph = graph_of(exported(milia, "format=jsonld").content)

    [data_set] = graph.subjects(RDF.type, SCHEMA.Dataset)
    assert "creativecommons.org" in str(graph.value(data_set, SCHEMA.license))
    assert "medical advice" in str(graph.value(data_set, RDFS.comment))
    for claim in graph.subjects(RDF.type, SCHEMA.Claim):
        assert graph.value(claim, PROV.wasAttributedTo) == URIRef(f"{BASE}/")
        assert isinstance(graph.value(claim, PROV.generatedAtTime), Literal)
        for passage in graph.objects(claim, PROV.wasDerivedFrom):
            document = graph.value(passage, SCHEMA.isPartOf)
            assert (document, RDF.type, SCHEMA.CreativeWork) in graph
            assert graph.value(document, SCHEMA.sha256)


def test_linked_data_needs_nothing_from_elsewhere(milia: TestClient) -> None:
    body = exported(milia, "format=jsonld").json()

    assert isinstance(body["@context"], dict)
    assert body["@context"]["@version"] == 1.1
    graph = graph_of(json.dumps(body).encode())
    for node in graph.all_nodes():
        if isinstance(node, URIRef):
            assert re.match(r"https?://", node), node


# Text that means something to the tool that reads it.


def test_nasty_text_comes_back_as_it_was(milia: TestClient, milia_session: Session) -> None:
    claim = make_claim(milia_session)
    claim.statement = NASTY
    citation = milia_session.scalars(select(Citation).where(Citation.claim_id == claim.id)).one()
    citation.quote = citation.hedge = NASTY
    citation.subject_words = "-1+1"
    milia_session.commit()
    id_ = claim_id(claim)
    [expected] = [row for row in walk(milia, "/claims?limit=100") if row["id"] == id_]

    body = exported(milia, "format=csv").content
    lines = lines_of(exported(milia, "format=jsonl").content)
    graph = graph_of(exported(milia, "format=jsonld").content)

    assert [each for each in lines if each.get("id") == id_] == [expected]
    del expected["replaced_by"], expected["merged"]
    assert [each for each in claims_in(rows_of(body)) if each["id"] == id_] == [expected]
    assert graph.value(at("claims", id_), SCHEMA.text) == Literal(NASTY)
    numbers = re.compile(r"-?[\d.]+(e[+-]?\d+)?")
    for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")):
        for cell in row:
            bare = cell.lstrip("\"' \t\r\n")
            assert not bare.startswith(("=", "+", "-", "@")) or (
                cell.startswith("'") or numbers.fullmatch(cell)
            )


def test_csv_is_as_rfc_4180_has_it_with_a_byte_order_mark(milia: TestClient) -> None:
    body = exported(milia, "format=csv").content

    assert body.startswith(b"\xef\xbb\xbfclaim,key,version,")
    assert body.endswith(b"\r\n")
    assert rows_of(body)[0].keys() == set(HEADINGS)
    assert re.search(rb"(?<!\r)\n", body) is None


# Which claims.


@pytest.mark.parametrize("format_", list(Format))
@pytest.mark.parametrize(
    "status",
    [ClaimStatus.draft, ClaimStatus.in_review, ClaimStatus.rejected, ClaimStatus.retracted],
)
def test_what_is_not_published_is_in_no_export(
    milia: TestClient,
    milia_session: Session,
    format_: Format,
    status: ClaimStatus,
) -> None:
    claim = make_claim(milia_session, status=status)
    milia_session.commit()

    for address in ("/claims/export", "/conditions/milia"):
        text = milia.get(f"{address}?format={format_}").text
        assert not re.search(rf"\b{claim_id(claim)}\b", text)
        assert claim.statement not in text


def test_a_condition_is_exported_whole_however_large(
    milia: TestClient,
    milia_session: Session,
) -> None:
    add_claims(milia_session, 1_000)
    milia_session.commit()
    page = milia.get("/conditions/milia").json()

    *claims, last = lines_of(milia.get("/conditions/milia?format=jsonl").content)

    assert page["truncated"]
    assert len(claims) == page["counts"]["claims"] == last["trailer"]["claims"]


@pytest.mark.parametrize("format_", STREAMED)
def test_the_list_and_the_condition_give_the_same_exports(
    milia: TestClient,
    format_: Format,
) -> None:
    whole = milia.get(f"/claims/export?format={format_}&condition=milia")

    listed = milia.get(f"/claims?format={format_}&condition=milia")
    of_condition = milia.get(f"/conditions/milia?format={format_}")

    assert re.sub(rb"http://testserver/claims[?/][^\"]*", b"", listed.content) == re.sub(
        rb"http://testserver/claims[?/][^\"]*", b"", whole.content
    )
    assert of_condition.headers["claimbase-total"] == whole.headers["claimbase-total"]
    if format_ in {Format.csv, Format.jsonl}:
        ours = sorted(of_condition.content.splitlines()[1:-1])
        assert len(ours) == len(whole.content.splitlines()[1:-1])


def test_a_condition_without_some_sources_is_exported_so(milia: TestClient) -> None:
    query = "exclude_passage=milia-syndrome/p1&exclude_passage=milia-syndrome/p5"

    text = milia.get(f"/conditions/milia?format=md&{query}").text

    assert "[p1, " not in text
    assert "[p10, " in text


def test_an_alias_leads_to_the_export_of_its_condition(milia: TestClient) -> None:
    answer = milia.get("/conditions/milia-syndrome?format=csv")

    assert answer.status_code == 308
    assert answer.headers["location"] == "/conditions/milia?format=csv"


# Which format.


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Format.json),
        ("*/*", Format.json),
        ("application/json", Format.json),
        ("application/*", Format.json),
        ("text/html", Format.json),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.json),
        ("text/csv", Format.csv),
        ("TEXT/CSV; charset=utf-8", Format.csv),
        ("text/csv, */*", Format.csv),
        ("text/csv;q=0.5, text/markdown", Format.md),
        ("text/*, text/csv;q=0", Format.md),
        ("application/x-ndjson", Format.jsonl),
        ("application/jsonl", Format.jsonl),
        ("application/ld+json", Format.jsonld),
        ("application/json;q=0.1, application/ld+json;q=0.2", Format.jsonld),
        ("image/png, text/markdown", Format.md),
        ("nonsense", Format.json),
        (",;q=,", Format.json),
    ],
)
@pytest.mark.parametrize("address", ["/claims", "/conditions/milia"])
def test_accept_chooses_the_format(
    milia: TestClient,
    address: str,
    accept: str,
    expected: Format,
) -> None:
    answer = milia.get(address, headers={"Accept": accept})

    assert answer.status_code == 200
    sent = answer.headers["content-type"].partition(";")[0]
    assert sent == ("application/jsonl" if accept == "application/jsonl" else MEDIA_TYPES[expected])
    assert "Accept" in answer.headers["vary"].split(", ")


@pytest.mark.parametrize("format_", list(Format))
@pytest.mark.parametrize("address", ["/claims", "/conditions/milia"])
def test_format_goes_before_accept(milia: TestClient, address: str, format_: Format) -> None:
    answer = milia.get(f"{address}?format={format_}", headers={"Accept": "image/png"})

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(MEDIA_TYPES[format_])


@pytest.mark.parametrize("accept", ["image/png", "*/*;q=0", "text/html;q=0", "text/csv;q=2"])
@pytest.mark.parametrize("address", ["/claims", "/conditions/milia"])
def test_what_cannot_be_given_is_406_with_what_can(
    milia: TestClient,
    address: str,
    accept: str,
) -> None:
    answer = milia.get(address, headers={"Accept": accept})

    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"
    offered = {each["format"]: each["media_type"] for each in answer.json()["offered"]}
    assert offered.keys() == {format_.value for format_ in Format}


def test_json_of_the_list_stays_a_page(milia: TestClient) -> None:
    page = milia.get("/claims?format=json&limit=2").json()

    assert len(page["data"]) == 2
    assert page["page"]["next"]
    assert "format" not in page["meta"]["applied"]
    assert milia.get(page["page"]["next"]).status_code == 200


@pytest.mark.parametrize(
    "parameter",
    [
        "limit=10",
        "cursor=x",
        "facet=type",
        "fields=id",
        "include=none",
        "count=none",
        "group_by=type",
    ],
)
@pytest.mark.parametrize("how", ["format", "accept"])
def test_a_page_of_an_export_is_refused(milia: TestClient, parameter: str, how: str) -> None:
    address, headers = f"/claims?{parameter}", {"Accept": "text/csv"}
    if how == "format":
        address, headers = f"{address}&format=csv", {}

    answer = milia.get(address, headers=headers)

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["parameter"] == parameter.partition("=")[0]
    assert "complete" in error["detail"]


@pytest.mark.parametrize("parameter", ["limit=10", "cursor=x", "fields=id"])
def test_the_export_knows_no_pages(milia: TestClient, parameter: str) -> None:
    answer = milia.get(f"/claims/export?format=csv&{parameter}")

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["code"] == "unknown_parameter"


@pytest.mark.parametrize("query", ["", "format=xml", "format=CSV", "format=csv&type=caus"])
def test_an_export_of_something_unknown_is_refused(milia: TestClient, query: str) -> None:
    answer = milia.get(f"/claims/export?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize("query", ["concept=nothinglikeit", "exclude_passage=milia-syndrome/p1"])
def test_a_refusal_comes_before_anything_is_sent(milia: TestClient, query: str) -> None:
    answer = milia.get(f"/claims/export?format=csv&{query}")

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "content-disposition" not in answer.headers


# Headers.


@pytest.mark.parametrize("format_", list(Format))
def test_an_export_says_what_it_is(milia: TestClient, format_: Format) -> None:
    headers = exported(milia, f"format={format_}").headers

    name = rf'attachment; filename="claimbase-claims-\d{{4}}-\d\d-\d\d-change1\.{format_}"'
    assert re.fullmatch(name, headers["content-disposition"])
    assert headers["claimbase-change"] == "1"
    assert int(headers["claimbase-total"]) == milia.get("/claims").json()["meta"]["total"]
    assert headers["cache-control"] == "public, no-cache"
    assert {"Accept", "Accept-Encoding"} <= set(headers["vary"].split(", "))
    assert re.search(r'<https://creativecommons\.org/[^>]*>; rel="license"', headers["link"])
    assert f'</claims/export?format={format_}>; rel="self"' in headers["link"]


def test_the_export_of_a_condition_is_named_after_it(milia: TestClient) -> None:
    headers = milia.get("/conditions/milia?format=csv").headers

    assert 'filename="claimbase-milia-' in headers["content-disposition"]


@pytest.mark.parametrize("format_", list(Format))
@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "zstd"])
def test_the_tag_of_an_export_is_strong_and_answers_304(
    milia: TestClient,
    format_: Format,
    encoding: str,
) -> None:
    headers = {"Accept-Encoding": encoding}
    address = f"/claims/export?format={format_}"
    first = milia.get(address, headers=headers)

    again = milia.get(address, headers={**headers, "If-None-Match": first.headers["etag"]})

    assert re.fullmatch(r'"[a-z0-9-]+"', first.headers["etag"])
    assert first.headers.get("content-encoding", "identity") == encoding
    assert again.status_code == 304
    assert again.content == b""
    assert milia.get(address, headers=headers).content == first.content


@pytest.mark.parametrize("format_", STREAMED)
def test_the_tag_changes_with_what_is_exported(
    milia: TestClient,
    milia_session: Session,
    format_: Format,
) -> None:
    def tag(query: str = "") -> str:
        return str(exported(milia, f"format={format_}{query}").headers["etag"])

    before, filtered = tag(), tag("&type=cause")
    make_claim(milia_session)
    milia_session.commit()

    assert len({before, filtered, tag()}) == 3


@pytest.mark.parametrize("address", ["/claims", "/conditions/milia"])
def test_json_names_the_other_formats(milia: TestClient, address: str) -> None:
    link = milia.get(address).headers["link"]

    found = re.findall(r'<([^>]*)>; rel="alternate"; type="([^"]*)"', link)
    assert {kind for _, kind in found} == {MEDIA_TYPES[format_] for format_ in STREAMED}
    for target, kind in found:
        assert milia.get(target).headers["content-type"].startswith(kind)


def test_the_other_formats_are_of_the_same_filters(milia: TestClient) -> None:
    answer = milia.get("/claims?type=cause&type=sign&limit=3&facet=type&fields=id")

    found = re.findall(r'<([^>]*)>; rel="alternate"; type="text/csv"', answer.headers["link"])
    assert found == ["/claims?type=cause&type=sign&format=csv"]
    total = milia.get(found[0]).headers["claimbase-total"]
    assert int(total) == answer.json()["meta"]["total"]


def test_export_is_no_id_of_a_claim(milia: TestClient) -> None:
    assert milia.get("/claims/export?format=jsonl").status_code == 200
    assert milia.get("/claims/exports").status_code == 404


@pytest.mark.parametrize("format_", list(Format))
def test_an_empty_base_is_exported_too(client: TestClient, format_: Format) -> None:
    answer = exported(client, f"format={format_}")

    assert answer.headers["claimbase-total"] == "0"
    if format_ is Format.jsonl:
        assert [line["trailer"]["claims"] for line in lines_of(answer.content)] == [0]
    if format_ is Format.csv:
        assert rows_of(answer.content) == []
    if format_ is Format.jsonld:
        assert list(graph_of(answer.content).subjects(RDF.type, SCHEMA.Claim)) == []


def test_a_search_by_body_stays_json(milia: TestClient) -> None:
    answer = milia.post("/claims/search", json={}, headers={"Accept": "text/csv"})

    assert answer.headers["content-type"] == "application/json"
    assert milia.post("/claims/search", json={"format": "csv"}).status_code == 422
