"""What may be asked next of a record that was answered: the links of the OpenAPI document.

Each operation on one record is linked from each answer that is such a record: the parts of its
address come from the body, its ``If-Match`` from the answer's entity tag.
"""

from collections.abc import Iterator
from typing import Any

# Where a record says what it is called in addresses: parameter -> JSON pointer.
CLAIM = {"claim_id": "/id", "version": "/version", "citation_id": "/citations/0/id"}
CONCEPT = {"key": "/key"}
CONDITION = {"slug": "/slug"}
CONFLICT = {"conflict_id": "/id"}
DOCUMENT = {"document_id": "/id"}
NAMES = {
    "OneClaim": CLAIM,
    "ReadClaim": CLAIM,
    "OneConcept": CONCEPT,
    "ReadConcept": CONCEPT,
    "ConditionBase": CONDITION,
    "ConditionPage": CONDITION,
    "ConflictOut": CONFLICT,
    "OneConflict": CONFLICT,
    "OneDocument": DOCUMENT,
    "ReadDocument": DOCUMENT,
    "AnchoredDocument": DOCUMENT,
    "AccountOut": {"name": "/name"},
    "NewKeyOut": {"key_id": "/key_id"},
    "ImportOut": {"import_id": "/id"},
    "ProposalOut": {"proposal_id": "/id"},
}

Described = dict[str, Any]


def link_records(document: Described) -> None:
    """Put the links into the document."""
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]
    links: Described = {}
    for operation in operations:
        for status, answer in operation["responses"].items():
            names = _names_in(answer)
            followed = [each for each in operations if _leads_to(each, names)]
            if status.startswith("2") and followed:
                answer["links"] = {
                    each["operationId"]: {"$ref": f"#/components/links/{each['operationId']}"}
                    for each in followed
                }
                links |= {each["operationId"]: _link(each, names) for each in followed}
    document["components"]["links"] = dict(sorted(links.items()))


def _names_in(answer: Described) -> dict[str, str]:
    """Of the record that an answer is; nothing where it is none."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    for each in schema.get("anyOf", [schema]):
        names = NAMES.get(each.get("$ref", "").rpartition("/")[2])
        if names is not None:
            return names
    return {}


def _leads_to(operation: Described, names: dict[str, str]) -> bool:
    needed = set(_parameters(operation, "path"))
    return bool(needed) and needed <= names.keys()


def _link(operation: Described, names: dict[str, str]) -> Described:
    parameters = {
        f"path.{name}": f"$response.body#{names[name]}" for name in _parameters(operation, "path")
    }
    if "If-Match" in _parameters(operation, "header"):
        parameters["header.If-Match"] = "$response.header.ETag"
    return {"operationId": operation["operationId"], "parameters": parameters}


def _parameters(operation: Described, place: str) -> Iterator[str]:
    for each in operation.get("parameters", []):
        if each["in"] == place:
            yield each["name"]
