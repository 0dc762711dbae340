"""JSON-LD 1.1: schema.org for conditions and claims, Web Annotation for citations, PROV.

One document with its context inside, so that nothing has to be fetched to read it. Terms of
our own stand under ``/vocabulary#``. A citation is an ``oa:Annotation`` whose body is the
claim and whose target is a selection of the document: by position (code points, half-open)
and by the quoted words. The last node is the data set itself with its counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic_core import to_json

from app.exports.curies import MATCHES, curie_address
from app.exports.edition import Edition
from app.queries.claim_stream import ClaimStream
from app.queries.records import Record, stamp

Node = dict[str, Any]


def write_jsonld(stream: ClaimStream, edition: Edition) -> Iterator[bytes]:
    graph = _Graph(edition)
    yield b'{"@context":' + to_json(_context(edition.base)) + b',"@graph":['
    yield to_json(graph.agent())
    parts: list[tuple[Iterator[list[Record]], Any]] = [
        (stream.conditions(), graph.condition),
        (stream.concepts(), graph.concept),
        (stream.claims(), graph.claim),
    ]
    for batches, node in parts:
        for batch in batches:
            yield _more(node(record) for record in batch)
    for batch in stream.conflicts():
        places = stream.documents_of_passages(_passages_of(batch))
        yield _more(graph.conflict(record, places) for record in batch)
    for batch in stream.documents():
        yield _more(graph.document(record) for record in batch)
    yield _more([graph.data_set(stream)]) + b"]}\n"


def _more(nodes: Iterable[Node]) -> bytes:
    return b"".join(b"," + to_json(node) for node in nodes)


def _passages_of(conflicts: Sequence[Record]) -> list[str]:
    sides = [side for conflict in conflicts for side in conflict["sides"]]
    return sorted({passage for side in sides for passage in side["passages"]})


def _context(base: str) -> Node:
    links = {
        name: {"@id": name, "@type": "@id"}
        for name in (
            "cb:claim",
            "cb:concept",
            "cb:inConflict",
            "cb:passage",
            "cb:question",
            "cb:subject",
            "dcterms:isPartOf",
            "oa:hasBody",
            "oa:hasSource",
            "oa:motivatedBy",
            "prov:wasAttributedTo",
            "prov:wasDerivedFrom",
            "schema:about",
            "schema:appearance",
            "schema:isPartOf",
            "schema:sameAs",
            "schema:url",
            "skos:broader",
            *(f"skos:{name}" for name in MATCHES.values()),
        )
    }
    times = {
        name: {"@id": name, "@type": "xsd:dateTime"}
        for name in ("prov:generatedAtTime", "schema:dateCreated", "schema:dateModified")
    }
    return {
        "@version": 1.1,
        "cb": f"{base}/vocabulary#",
        "dcterms": "http://purl.org/dc/terms/",
        "oa": "http://www.w3.org/ns/oa#",
        "prov": "http://www.w3.org/ns/prov#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "schema": "https://schema.org/",
        "skos": "http://www.w3.org/2004/02/skos/core#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "citations": {"@reverse": "oa:hasBody"},
        **links,
        **times,
    }


class _Graph:
    """Nodes by record; addresses are those under which the service answers."""

    def __init__(self, edition: Edition) -> None:
        self._base = edition.base
        self._edition = edition

    def agent(self) -> Node:
        return {
            "@id": f"{self._base}/",
            "@type": ["prov:Agent", "prov:SoftwareAgent"],
            "schema:name": "Claimbase",
        }

    def condition(self, record: Record) -> Node:
        return _filled(
            {
                "@id": self._at("conditions", record["slug"]),
                "@type": "schema:MedicalCondition",
                "schema:identifier": record["id"],
                "schema:name": record["name"],
                "schema:alternateName": [alias["name"] for alias in record["aliases"]],
                "schema:description": record["description"],
                "schema:sameAs": _addresses(record["xrefs"], "exact"),
                **_matches(record["xrefs"]),
            },
        )

    def concept(self, record: Record) -> Node:
        return _filled(
            {
                "@id": self._at("concepts", record["key"]),
                "@type": "skos:Concept",
                "schema:identifier": record["id"],
                "skos:prefLabel": record["label"],
                "skos:altLabel": record["synonyms"],
                "skos:definition": record["description"],
                "skos:broader": [self._at("concepts", each["key"]) for each in record["broader"]],
                "cb:kind": record["kind"],
                **_matches(record["xrefs"]),
            },
        )

    def claim(self, record: Record) -> Node:
        address = self._at("claims", record["id"])
        passages = dict.fromkeys(self._passage(each) for each in record["citations"])
        documents = dict.fromkeys(
            self._at("documents", each["document"]["id"]) for each in record["citations"]
        )
        return _filled(
            {
                "@id": address,
                "@type": ["schema:Claim", "prov:Entity"],
                "schema:identifier": record["id"],
                "schema:version": record["version"],
                "schema:text": record["statement"],
                "schema:about": self._at("conditions", record["condition"]["slug"]),
                "schema:appearance": list(documents),
                "cb:type": record["type"],
                "cb:question": self._term(record["question"]),
                "cb:polarity": record["polarity"],
                "cb:subject": self._concept(record["subject"]),
                "cb:concept": self._concept(record["concept"]),
                "cb:quantity": _quantity(record["quantity"]),
                "cb:words": record["words"],
                "cb:scope": self._scope(record["scope"]),
                "cb:flagged": record["conflict"],
                "cb:severity": record["severity"],
                "cb:inConflict": [
                    self._at("conflicts", each["id"]) for each in record["conflicts"]
                ],
                "schema:dateCreated": record["created_at"],
                "schema:dateModified": record["updated_at"],
                "prov:generatedAtTime": record["updated_at"],
                "prov:wasAttributedTo": f"{self._base}/",
                "prov:wasDerivedFrom": list(passages),
                "citations": [self._citation(address, each) for each in record["citations"]],
            },
        )

    def _citation(self, claim: str, record: Record) -> Node:
        selectors: list[Node] = []
        if record["start"] is not None:
            selectors = [
                {
                    "@type": "oa:TextPositionSelector",
                    "oa:start": record["start"],
                    "oa:end": record["end"],
                },
                {"@type": "oa:TextQuoteSelector", "oa:exact": record["quote"]},
            ]
        return _filled(
            {
                "@id": f"{claim}/citations#{record['id']}",
                "@type": "oa:Annotation",
                "schema:identifier": record["id"],
                "oa:motivatedBy": "oa:describing",
                "oa:hasTarget": _filled(
                    {
                        "@type": "oa:SpecificResource",
                        "oa:hasSource": self._at("documents", record["document"]["id"]),
                        "dcterms:isPartOf": self._passage(record),
                        "oa:hasSelector": selectors,
                        "cb:locator": record["locator"],
                    },
                ),
                "cb:certainty": record["certainty"],
                "cb:frequency": record["frequency"],
                "cb:exclusivity": record["exclusivity"],
                "cb:hedge": record["hedge"],
                "cb:subjectWords": record["subject_words"],
                "cb:verification": record["verification"],
                "prov:wasAttributedTo": f"{self._base}/",
                "prov:wasDerivedFrom": self._passage(record),
            },
        )

    def conflict(self, record: Record, places: dict[str, str]) -> Node:
        address = self._at("conflicts", record["id"])
        return _filled(
            {
                "@id": address,
                "@type": "cb:Conflict",
                "schema:identifier": record["id"],
                "schema:version": record["version"],
                "schema:about": self._at("conditions", record["condition"]["slug"]),
                "schema:description": record["explanation"],
                "cb:question": self._term(record["question"]),
                "cb:subject": self._concept(record["subject"]),
                "cb:rule": record["rule"],
                "cb:kind": record["kind"],
                "cb:severity": record["severity"]["effective"],
                "cb:computedSeverity": record["severity"]["computed"],
                "cb:flagged": record["conflict"],
                "prov:generatedAtTime": record["updated_at"],
                "prov:wasAttributedTo": f"{self._base}/",
                "cb:side": [
                    {
                        "@id": f"{address}#side-{number}",
                        "@type": "cb:Side",
                        "schema:name": side["label"],
                        "cb:polarity": side["polarity"],
                        "cb:question": self._term(side["question"]),
                        "cb:claim": [self._at("claims", claim) for claim in side["claims"]],
                        "cb:passage": [
                            f"{self._at('documents', places[passage])}#{passage}"
                            for passage in side["passages"]
                        ],
                    }
                    for number, side in enumerate(record["sides"], 1)
                ],
            },
        )

    def document(self, record: Record) -> Node:
        address = self._at("documents", record["id"])
        publisher = record["publisher"]
        return _filled(
            {
                "@id": address,
                "@type": ["schema:CreativeWork", "prov:Entity"],
                "schema:identifier": record["id"],
                "schema:name": record["title"],
                "schema:url": record["url"],
                "schema:inLanguage": record["language"],
                "schema:license": record["licence"],
                "schema:datePublished": record["published_on"],
                "schema:sha256": record["sha256"],
                "cb:retrievedOn": record["retrieved_on"],
                "cb:length": record["length"],
                "cb:family": record["family"],
                "prov:wasAttributedTo": publisher
                and {
                    "@type": ["prov:Agent", "schema:Organization"],
                    "schema:name": publisher,
                },
                "schema:hasPart": [
                    _filled(
                        {
                            "@id": f"{address}#{passage['id']}",
                            "@type": ["schema:CreativeWork", "prov:Entity"],
                            "schema:identifier": passage["key"],
                            "schema:name": passage["heading"],
                            "schema:isPartOf": address,
                            "cb:start": passage["start"],
                            "cb:end": passage["end"],
                        },
                    )
                    for passage in record["passages"]
                ],
            },
        )

    def data_set(self, stream: ClaimStream) -> Node:
        at = stream.change.at
        return _filled(
            {
                "@id": self._edition.address,
                "@type": ["schema:Dataset", "prov:Entity"],
                "schema:name": "Claims of Claimbase",
                "schema:license": {"@id": self._edition.licence},
                "rdfs:comment": self._edition.disclaimer,
                "prov:wasAttributedTo": f"{self._base}/",
                "prov:generatedAtTime": at and stamp(at),
                "cb:change": stream.change.number,
                "cb:claims": stream.totals.claims,
                "cb:citations": stream.totals.citations,
            },
        )

    def _at(self, kind: str, name: str) -> str:
        return f"{self._base}/{kind}/{name}"

    def _term(self, key: str) -> str:
        return f"{self._base}/vocabulary#{key}"

    def _concept(self, reference: Record | None) -> str | None:
        return self._at("concepts", reference["key"]) if reference else None

    def _passage(self, citation: Record) -> str:
        document = self._at("documents", citation["document"]["id"])
        return f"{document}#{citation['passage']['id']}"

    def _scope(self, scope: Record | None) -> Node | None:
        if scope is None:
            return None
        parts: Node = {"@type": "cb:Scope"}
        for name, value in scope.items():
            if isinstance(value, dict):
                parts[f"cb:{name}"] = {"@id": self._concept(value)}
            elif value is not None:
                parts[f"cb:{name}"] = value
        return parts


def _quantity(quantity: Record | None) -> Node | None:
    if quantity is None:
        return None
    return _filled(
        {
            "@type": "schema:QuantitativeValue",
            "schema:minValue": quantity["low"],
            "schema:maxValue": quantity["high"],
            "schema:unitText": quantity["unit"],
            "schema:description": quantity["as_said"],
        },
    )


def _matches(xrefs: Sequence[Record]) -> Node:
    return {f"skos:{relation}": _addresses(xrefs, fit) for fit, relation in MATCHES.items()}


def _addresses(xrefs: Sequence[Record], fit: str) -> list[str]:
    return [curie_address(each["id"]) for each in xrefs if each["fit"] == fit]


def _filled(node: Node) -> Node:
    """Without what has no value: a triple says something or is not there."""
    return {name: value for name, value in node.items() if value is not None and value != []}
