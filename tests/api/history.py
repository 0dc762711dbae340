"""What a base answers, kept to be compared with what it says of itself later."""

from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.db import Sessions
from app.models import Change

Record = dict[str, Any]
# Of everything that a past can be read of; filters, words, facets and groups among it.
OF_CONDITION = (
    "/conditions/milia",
    "/conditions/milia/matrix",
    "/conditions/milia/matrix?by=document",
    "/conditions/milia/agreement",
    "/claims?condition=milia&limit=100&facet=type&facet=concept&facet=document&facet=severity",
    "/claims?condition=milia&conflict=true&sort=-updated_at",
    "/claims?condition=milia&q=comes&limit=100",
    "/claims?condition=milia-syndrome&group_by=type,severity",
    "/claims?condition=milia&exclude_passage=leaflet/p2&limit=100",
    "/conflicts?condition=milia&limit=100",
    "/conflicts?condition=milia&status=closed&limit=100",
)


def last_change(sessions: Sessions) -> int:
    with sessions.read() as session:
        return session.scalar(select(func.max(Change.number))) or 0


def without_moment(answer: Any) -> Any:
    """The body without what tells the moment, or is bound to how it was asked for."""
    if not isinstance(answer, dict):
        return answer
    kept = {name: part for name, part in answer.items() if name not in {"as_of", "withdrawn"}}
    if "meta" in kept:
        applied = {name: v for name, v in kept["meta"]["applied"].items() if name != "as_of"}
        kept["meta"] = without_moment(kept["meta"]) | {"applied": applied}
    return kept | ({"page": None} if "page" in kept else {})


def addresses(client: TestClient) -> list[str]:
    """Everything whose past can be read, one by one."""
    claims = client.get("/claims?condition=milia&limit=100").json()["data"]
    conflicts = client.get("/conflicts?condition=milia&limit=100").json()["data"]
    documents = client.get("/documents?limit=100").json()["data"]
    concepts = client.get("/concepts?limit=100").json()["data"]
    return [
        *OF_CONDITION,
        *(f"/claims/{claim['id']}" for claim in claims),
        *(f"/claims/{claim['id']}/citations" for claim in claims),
        *(f"/conflicts/{conflict['id']}" for conflict in conflicts),
        *(f"/documents/{document['id']}" for document in documents),
        *(f"/concepts/{concept['key']}" for concept in concepts),
    ]


def as_it_is(client: TestClient) -> dict[str, Any]:
    """Every answer of the present, by its address."""
    return {address: read(client, address) for address in addresses(client)}


def as_it_was(client: TestClient, known: dict[str, Any], as_of: int | str) -> dict[str, Any]:
    """The answers at the same addresses, of the past."""
    found = {}
    for address in known:
        joint = "&" if "?" in address else "?"
        found[address] = read(client, f"{address}{joint}as_of={as_of}")
    return found


def read(client: TestClient, address: str) -> Any:
    answer = client.get(address)
    return answer.status_code, without_moment(answer.json())
