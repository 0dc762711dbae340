"""What a line says and what a record says, in one shape, so that they can be compared."""

from collections.abc import Mapping
from typing import Any

from app.queries.records import Record
from app.schemas.imports import ConceptLine, ConditionLine, DocumentLine, Line
from app.schemas.seed import CITED, DESCRIBED
from app.vocabulary import ScopePart

DOCUMENT_FIELDS = tuple(name for name in DESCRIBED if name != "key")
CLAIM_FIELDS = ("question", "statement", "quantity", "words", "polarity")
AGES = ("age_low", "age_high")


def content_of_line(line: Line, record: Record) -> Record:
    """What the record would say; a line that is silent on some things leaves them as they are."""
    said = line.model_dump(mode="json")
    if isinstance(line, ConceptLine):
        said["xrefs"] = unique_xrefs(said["xrefs"])
        return _concept(said, sorted(line.broader))
    if isinstance(line, ConditionLine):
        said["xrefs"] = unique_xrefs(said["xrefs"])
        return _condition(said)
    if isinstance(line, DocumentLine):
        for name in ("sha256", "length"):
            said[name] = said[name] if said[name] is not None else record[name]
        return _document(said) | {"text_held": record["text_held"]}
    return {
        **{name: said[name] for name in CLAIM_FIELDS},
        "condition": line.condition,
        "subject": line.subject,
        "concept": line.concept,
        "scope": _present(said["scope"]),
        "citations": [
            {"passage": cited["passage"], **{name: cited[name] for name in CITED}}
            for cited in said["citations"]
        ],
        "status": said["status"] or record["status"],
    }


def content_of_record(type_: str, record: Record) -> Record:
    if type_ == "concept":
        return _concept(record, [part["key"] for part in record["broader"]])
    if type_ == "condition":
        return _condition(record)
    if type_ == "document":
        return _document(record) | {"text_held": record["text_held"]}
    scope = record["scope"] or {}
    named = {part.value: _key(scope.get(part.value)) for part in ScopePart}
    return {
        **{name: record[name] for name in CLAIM_FIELDS},
        "condition": record["condition"]["slug"],
        "subject": _key(record["subject"]),
        "concept": _key(record["concept"]),
        "scope": _present(named | {name: scope.get(name) for name in AGES}),
        "citations": [
            {
                "passage": f"{cited['document']['key']}/{cited['passage']['key']}",
                **{name: cited[name] for name in CITED},
            }
            for cited in record["citations"]
        ],
        "status": record["status"],
    }


def unique_xrefs(xrefs: list[Record]) -> list[Record]:
    return list({xref["id"]: xref for xref in xrefs}.values())


def _concept(said: Mapping[str, Any], broader: list[str]) -> Record:
    names = ("label", "kind", "description", "synonyms", "xrefs")
    return {name: said[name] for name in names} | {"broader": broader}


def _condition(said: Mapping[str, Any]) -> Record:
    aliases = sorted(said["aliases"], key=lambda alias: str(alias["slug"]))
    return {name: said[name] for name in ("name", "description", "xrefs")} | {"aliases": aliases}


def _document(said: Mapping[str, Any]) -> Record:
    passages = [
        {name: passage[name] for name in ("key", "heading", "start", "end")}
        for passage in said["passages"]
    ]
    fields = {name: said[name] for name in (*DOCUMENT_FIELDS, "uncited")}
    return fields | {"passages": passages}


def _present(scope: Mapping[str, Any]) -> Record:
    return {part: value for part, value in scope.items() if value is not None}


def _key(reference: Mapping[str, Any] | None) -> str | None:
    return None if reference is None else reference["key"]
