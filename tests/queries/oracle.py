"""Which claims fit a query, worked out one by one from the API's own records.

Written from the documented meaning of the filters, not from their SQL.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

from fastapi.testclient import TestClient
from hypothesis import strategies as st

from app.schemas.claim_fields import SPEC_BY_NAME, SPECS, Kind
from tests.api.operations import walk

Record = dict[str, Any]
Asked = dict[str, Any]
OF_CONCEPTS = {"concept", "subject"} | {name for name in SPEC_BY_NAME if name.startswith("scope_")}
OF_CITATIONS = {"certainty", "frequency", "exclusivity", "verification"}
OPERATORS = {
    Kind.word: ("", "__not"),
    Kind.name: ("", "__not"),
    Kind.flag: ("",),
    Kind.number: ("", "__not", "__gte", "__lte"),
    Kind.time: ("", "__gte", "__lte"),
}
PARAMETERS = [
    f"{spec.name}{operator}"
    for spec in SPECS
    for operator in (*OPERATORS[spec.kind], *(["__missing"] if spec.optional else []))
]
MANY_VALUED = OF_CITATIONS | {"document", "passage", "publisher", "family", "conflict_kind"}


class World(NamedTuple):
    """What the API says of a base. Claims in the order of their ids."""

    claims: list[Record]
    concepts: dict[str, Record]
    conditions: dict[str, Record]
    documents: dict[str, Record]


def read_world(client: TestClient, claims: str = "/claims?limit=100") -> World:
    return World(
        claims=walk(client, claims),
        concepts={row["key"]: row for row in walk(client, "/concepts?limit=100")},
        conditions={row["slug"]: row for row in walk(client, "/conditions?limit=100")},
        documents={row["key"]: row for row in walk(client, "/documents?limit=100")},
    )


def values_of(world: World, claim: Record, field: str) -> set[Any]:
    """What a claim has in a field, as a facet shows it; nothing where it has none."""
    cited = claim["citations"]
    if field in OF_CITATIONS:
        return {citation[field] for citation in cited}
    if field in {"publisher", "family"}:
        found = {world.documents[citation["document"]["key"]][field] for citation in cited}
        return found - {None}
    if field in OF_CONCEPTS:
        scope = claim["scope"] or {}
        concept = scope.get(field.removeprefix("scope_")) if "scope" in field else claim[field]
        return {concept["key"]} if concept else set()
    ways: dict[str, Callable[[], set[Any]]] = {
        "condition": lambda: {claim["condition"]["slug"]},
        "value": lambda: {words_of(claim)},
        "document": lambda: {citation["document"]["key"] for citation in cited},
        "passage": lambda: {name_of_passage(citation) for citation in cited},
        "conflict_kind": lambda: {ref["kind"] for ref in claim["conflicts"]},
        "created_at": lambda: {claim["created_at"][:10]},
        "updated_at": lambda: {claim["updated_at"][:10]},
    }
    return ways[field]() if field in ways else {claim[field]}


def name_of_passage(citation: Record) -> str:
    return f"{citation['document']['key']}/{citation['passage']['key']}"


def words_of(claim: Record) -> str:
    quantity = claim["quantity"] and claim["quantity"]["as_said"]
    label = claim["concept"] and claim["concept"]["label"]
    return str(label or quantity or claim["words"])


def fits(world: World, claim: Record, asked: Mapping[str, Any]) -> bool:
    """Whether a claim fits every filter of ``asked``, and its nested parts."""
    narrower = asked.get("concept_narrower", True)
    return all(
        _fits_one(world, claim, name, wanted, narrower)
        for name, wanted in asked.items()
        if name.partition("__")[0] in SPEC_BY_NAME
    )


def fits_node(world: World, claim: Record, node: Mapping[str, Any], *, narrower: bool) -> bool:
    return (
        fits(world, claim, {**node, "concept_narrower": narrower})
        and all(fits_node(world, claim, part, narrower=narrower) for part in node.get("all", []))
        and (
            "any" not in node
            or any(fits_node(world, claim, part, narrower=narrower) for part in node["any"])
        )
        and ("not" not in node or not fits_node(world, claim, node["not"], narrower=narrower))
    )


def _fits_one(world: World, claim: Record, name: str, wanted: Any, narrower: bool) -> bool:
    field, _, operator = name.partition("__")
    own = values_of(world, claim, field)
    if operator == "missing":
        return (not own) is wanted
    if operator in {"gte", "lte"}:
        [value] = own
        if field.endswith("_at"):
            moment = datetime.fromisoformat(claim[field])
            first, last = _bounds(wanted)
            return moment >= first if operator == "gte" else moment <= last
        return bool(value >= wanted if operator == "gte" else value <= wanted)
    named = set[Any]().union(*(_meant(world, field, one, narrower) for one in _listed(wanted)))
    if field == "value":
        own = {value.lower() for value in own}
    return bool(own & named) is (operator == "")


def _listed(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _bounds(text: str) -> tuple[datetime, datetime]:
    """A day is meant whole: from its first moment, to its last."""
    if len(text) == len("2026-11-22"):
        first = datetime.combine(datetime.fromisoformat(text), time.min, UTC)
        return first, first + timedelta(days=1, microseconds=-1)
    moment = datetime.fromisoformat(text)
    return moment, moment


def _meant(world: World, field: str, name: Any, narrower: bool) -> set[Any]:
    """The values that a name in a filter stands for."""
    if field in OF_CONCEPTS:
        keys = concepts_called(world, name)
        return keys | below(world, keys) if field == "concept" and narrower else keys
    if field == "value":
        return {name.lower()}
    if field == "condition":
        return {
            slug
            for slug, row in world.conditions.items()
            if name in {slug, *(alias["slug"] for alias in row["aliases"])}
        }
    if field == "document":
        return {key for key, row in world.documents.items() if name in {key, row["id"]}}
    return {name}


def concepts_called(world: World, name: str) -> set[str]:
    if name in world.concepts:
        return {name}
    return {
        key
        for key, row in world.concepts.items()
        if name.lower() in {word.lower() for word in (row["label"], *row["synonyms"])}
        or name in {xref["id"] for xref in row["xrefs"]}
    }


def below(world: World, keys: set[str]) -> set[str]:
    """All concepts that are narrower than these, at any depth."""
    found: set[str] = set()
    while True:
        further = {
            key
            for key, row in world.concepts.items()
            if {each["key"] for each in row["broader"]} & (keys | found)
        }
        if further <= found:
            return found
        found |= further


def counts(world: World, claims: Sequence[Record], field: str) -> Counter[Any]:
    """How many claims have each value; None counts those without one, words have no case."""
    found: Counter[Any] = Counter()
    for claim in claims:
        own = values_of(world, claim, field)
        found.update({comparable(field, value) for value in own} or {None})
    return found


def comparable(field: str, value: Any) -> Any:
    return value.lower() if field == "value" and value is not None else value


def values_for(world: World, parameter: str) -> st.SearchStrategy[Any]:
    """Valid values for a filter: some that claims have, others that none has."""
    field, _, operator = parameter.partition("__")
    spec = SPEC_BY_NAME[field]
    if operator == "missing" or spec.kind is Kind.flag:
        return st.booleans()
    if operator in {"gte", "lte"}:
        return st.sampled_from(sorted(_bounds_for(world, field), key=str))
    known = sorted(_names_for(world, field), key=str)
    return st.lists(st.sampled_from(known), min_size=1, max_size=3)


def _bounds_for(world: World, field: str) -> Iterator[Any]:
    for claim in world.claims:
        if not field.endswith("_at"):
            yield from (claim[field], claim[field] + 1)
            continue
        moment = datetime.fromisoformat(claim[field])
        yield moment.isoformat()
        yield claim[field][:10]
        yield from (f"{claim[field][:19]}+05:30", f"{claim[field][:10]}T00:00:00-08:00")


def _names_for(world: World, field: str) -> Iterator[Any]:
    if field in OF_CONCEPTS:
        for key, row in world.concepts.items():
            yield from (key, row["label"].upper(), *row["synonyms"])
            yield from (xref["id"] for xref in row["xrefs"])
    elif field == "condition":
        for slug, row in world.conditions.items():
            yield from (slug, *(alias["slug"] for alias in row["aliases"]))
    elif field == "document":
        for key, row in world.documents.items():
            yield from (key, row["id"])
    else:
        yield from (value for claim in world.claims for value in values_of(world, claim, field))
        if field == "value":
            yield from (words_of(claim).upper() for claim in world.claims)
        yield from ABSENT.get(field, [])


ABSENT: dict[str, list[Any]] = {
    "value": ["no such value", "ÉLAN OF ITS OWN"],
    "type": ["prevention"],
    "question": ["prevention.measure"],
    "polarity": ["denies"],
    "publisher": ["Nobody"],
    "family": ["nobody"],
    "severity": ["tension"],
    "certainty": ["suspected"],
    "frequency": ["always"],
    "exclusivity": ["sole"],
    "verification": ["orphaned"],
    "passage_count": [0, 99],
    "document_count": [0, 99],
    "created_at": ["1999-01-01", "9999-12-31"],
    "updated_at": ["0001-01-01"],
    "conflict_kind": ["rival_answers"],
    "passage": ["leaflet/p1"],
}


def filters(world: World, *, most: int = 4) -> st.SearchStrategy[Asked]:
    """Any filters together, of different fields and operators."""
    chosen = st.lists(st.sampled_from(PARAMETERS), max_size=most, unique=True)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: values_for(world, name) for name in names}),
    )


def nodes(world: World) -> st.SearchStrategy[Asked]:
    """Nested queries, not too deep."""

    def around(inner: st.SearchStrategy[Asked]) -> st.SearchStrategy[Asked]:
        parts = st.fixed_dictionaries(
            {},
            optional={
                "all": st.lists(inner, min_size=1, max_size=2),
                "any": st.lists(inner, min_size=1, max_size=3),
                "not": inner,
            },
        )
        return st.tuples(filters(world, most=1), parts).map(lambda pair: pair[0] | pair[1])

    return around(around(filters(world, most=2)) | filters(world, most=2))
