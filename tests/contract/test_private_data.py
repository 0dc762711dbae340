"""What is not public is told to nobody without a key: no word of it, no count, no other tag."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, inspect, select
from sqlalchemy.orm import Session

from app.models import ApiKey, Change, Claim, IdempotentAnswer, Import
from app.models.base import Model
from app.schemas.claim_fields import FACETS
from app.schemas.claim_queries import CLAIM_FIELDS, SORTS
from tests.api.curation import REASON, body_of, drafted, moved, patched, published, tag
from tests.api.operations import READS, Operation
from tests.api.sources import Desk, desk_at, done, leaflet
from tests.apps import make_app
from tests.conftest import rolled_back

CANARY = "qxprivate"
QUOTED = "Lime helps against milia."
TEXT = f"{QUOTED} The {CANARY} rest of the text is nobody's to read."
WHY = f"A {CANARY} reason."
CITED = [{"passage": "leaflet/p1", "locator": "line 1"}]
# What a change of private records alone does change: the number of the last one.
MOVES_ON = ("/changes", "/health/", "/metrics")


class Base(NamedTuple):
    desk: Desk
    before: dict[str, Any]
    hidden: list[str]
    secrets: set[str]

    @property
    def last(self) -> int:
        number: int = self.desk.public.get("/changes?limit=1").json()["meta"]["last"]
        return number


def claim_of(value: str, **parts: Any) -> dict[str, Any]:
    return body_of(value) | {"citations": CITED} | parts


def private_claim(number: int) -> dict[str, Any]:
    cited = {"passage": "leaflet/p2", "locator": f"{CANARY} place", "hedge": f"{CANARY} maybe"}
    return claim_of(
        f"{CANARY} value {number}",
        key=f"{CANARY}/claim/{number}",
        statement=f"A {CANARY} statement {number}.",
        citations=[cited | {"subject_words": f"{CANARY} milia"}],
        reason=WHY,
    )


def say_in_public(desk: Desk) -> None:
    """Public records with a past, and with parts, that are not public."""
    passages = [{"key": "p1", "start": 0, "end": len(TEXT)}]
    done(desk.admin.post("/documents", json=leaflet(text=TEXT, passages=passages)), 201)
    quote = {"passage": "flyer/p1", "start": 0, "end": len(QUOTED), "quote": QUOTED}
    published(desk.admin, claim_of("lime", citations=[quote]))
    # A public claim that was something else as a draft.
    record = drafted(desk.contributor, private_claim(0) | {"key": "milia/lemon"})
    record = patched(
        desk.contributor,
        record,
        words="lemon",
        statement="People can look after milia with lemon.",
        citations=CITED,
    )
    moved(desk.curator, moved(desk.contributor, record, "submit"), "publish")
    # One that was public, and was changed after it was not any more.
    gone = moved(desk.curator, published(desk.admin, claim_of("plum")), "retract")
    restored = moved(desk.curator, gone, "restore")
    if restored["status"] == "draft":
        patched(desk.curator, restored, statement=f"After it, {CANARY}.")


def act_in_private(desk: Desk) -> list[str]:
    """Everything that is done and not told; the claims that nobody may see."""
    drafts = [drafted(desk.contributor, private_claim(number)) for number in (1, 2, 3, 4)]
    patched(desk.contributor, drafts[1], statement=f"Another {CANARY} statement.")
    submitted = moved(desk.contributor, drafts[2], "submit", reason=WHY)
    moved(desk.curator, submitted, "reject", reason=WHY)
    gone = desk.contributor.request(
        "DELETE",
        f"/claims/{drafts[3]['id']}",
        params={"reason": WHY},
        headers=tag(drafts[3]),
    )
    assert gone.status_code < 500
    propose(desk)
    administer(desk)
    headers = {"Idempotency-Key": CANARY}
    kept = desk.contributor.post("/claims", json=private_claim(5), headers=headers)
    assert kept.status_code == 201
    line = {"type": "claim", "status": "draft", **private_claim(6)}
    del line["reason"]
    imported = desk.curator.post(
        "/imports",
        content=json.dumps(line),
        headers={"Content-Type": "application/jsonl", "Idempotency-Key": f"{CANARY}2"},
    )
    assert imported.status_code == 201, imported.text
    names = desk.sessions.read
    with names() as session:
        found = session.scalars(select(Claim.id).where(Claim.key.startswith(CANARY)))
        public = {row["id"] for row in desk.public.get("/claims?limit=100").json()["data"]}
        return [f"CLM{number}" for number in found if f"CLM{number}" not in public]


def propose(desk: Desk) -> None:
    """Proposals of every fate that changes nothing in public."""
    record = desk.claim("gene")
    for fate in (None, "decline", "withdraw"):
        made = desk.contributor.patch(
            f"/claims/{record['id']}",
            json={"statement": f"A proposed {CANARY} {fate}.", "reason": WHY},
            headers=tag(record),
        )
        assert made.status_code == 202, made.text
        if fate is not None:
            client = desk.curator if fate == "decline" else desk.contributor
            address = f"/proposals/{made.json()['id']}/{fate}"
            done(client.post(address, json={"reason": WHY}, headers=tag(made.json())))


def administer(desk: Desk) -> None:
    body = {"name": f"{CANARY}-person", "role": "curator", "reason": WHY}
    done(desk.admin.post("/accounts", json=body), 201)
    done(desk.admin.post(f"/accounts/{CANARY}-person/keys", json={"reason": WHY}), 201)


def secrets_of(session: Session) -> set[str]:
    keys = session.execute(select(ApiKey.key_id, ApiKey.digest)).all()
    imports = session.scalars(select(Import.digest)).all()
    answers = session.scalars(select(IdempotentAnswer.digest)).all()
    assert keys
    assert imports
    assert answers
    chain = session.scalars(select(Change.digest)).all()
    found = {CANARY, "some-contributor", "some-curator", "some-admin", *imports, *answers}
    return found | {word for key in keys for word in key} | set(chain)


@pytest.fixture(scope="module")
def base(empty_engine: Engine) -> Iterator[Base]:
    """It is only read."""
    with rolled_back(empty_engine) as sessions, TestClient(make_app(sessions)) as client:
        desk = desk_at(client, sessions)
        say_in_public(desk)
        before = {address: client.get(address) for address in addresses(desk)}
        hidden = act_in_private(desk)
        with sessions.read() as session:
            secrets = secrets_of(session)
        yield Base(desk, before, hidden, secrets)


def examples(desk: Desk) -> dict[str, list[str]]:
    """What the parameters in paths can be, of all that is public."""

    def named(address: str, part: str) -> list[str]:
        rows = desk.public.get(f"{address}?limit=100").json()["data"]
        return [str(row[part]) for row in rows]

    return {
        "claim_id": named("/claims", "id"),
        "conflict_id": named("/conflicts", "id"),
        "document_id": named("/documents", "id"),
        "key": named("/concepts", "key"),
        "slug": named("/conditions", "slug"),
        "version": ["1", "2", "3", "4"],
        "code": ["not-found"],
    }


def filled(operation: Operation, given: dict[str, list[str]]) -> Iterator[str]:
    paths = [operation.path]
    for parameter in operation.path_parameters:
        name = parameter["name"]
        paths = [path.replace(f"{{{name}}}", v) for path in paths for v in given[name]]
    query = operation.address.partition("?")[2]
    yield from (f"{path}?{query}" if query else path for path in paths)


def addresses(desk: Desk) -> list[str]:
    """Every public address of every record, every way to list, count, order and take away."""
    given = examples(desk)
    found = [address for operation in READS for address in filled(operation, given)]
    for operation in READS:
        if operation.path_parameters or operation.path == "/claims/export":
            continue
        for parameter in operation.query_parameters:
            name = parameter["name"]
            if name not in {"cursor", "limit", "as_of", "format"}:
                found.append(operation.asked(f"{name}={CANARY}"))
    lists = "/claims?limit=100"
    found += [f"{lists}&facet={name}" for name in FACETS]
    found += [f"/claims?group_by={name}" for name in FACETS]
    found += [f"{lists}&sort={sign}{name}" for name in SORTS for sign in ("", "-")]
    found += [f"{lists}&fields={name}" for name in CLAIM_FIELDS]
    found += [f"{lists}&q={words}" for words in (CANARY, "statement", "lime", f"{CANARY[:4]}*")]
    found += [f"{lists}&value={CANARY} value {number}" for number in range(1, 7)]
    kinds = ("json", "jsonl", "csv", "jsonld", "md")
    found += [f"/claims/export?format={kind}" for kind in kinds]
    found += [f"/conditions/milia?format={kind}" for kind in kinds]
    found += ["/changes?limit=100", "/changes?format=jsonl", "/conflicts?status=closed"]
    return list(dict.fromkeys(found))


def assert_tells_nothing(answer: Any, base: Base, asked: str) -> None:
    """Only what was asked may be repeated."""
    told = answer.text.replace(asked, "") + str(answer.headers).replace(asked, "")
    for secret in base.secrets:
        if secret in asked:
            continue
        assert secret not in told, (asked, secret, told[max(0, told.find(secret) - 300) :][:600])
    for name in base.hidden:
        assert f'"{name}"' not in told, (asked, name)


def test_no_public_address_tells_of_what_is_private(base: Base) -> None:
    client = base.desk.public
    asked = addresses(base.desk)

    assert len(asked) > 300
    for address in asked:
        assert_tells_nothing(client.get(address), base, address)


def test_nothing_public_changes_when_something_private_is_added(base: Base) -> None:
    client = base.desk.public
    for address, before in base.before.items():
        if address.startswith(MOVES_ON):
            continue
        after = client.get(address)
        assert after.status_code == before.status_code, address
        total = "Claimbase-Total"
        assert after.headers.get(total) == before.headers.get(total), address
        if after.status_code == 200 and total not in after.headers:  # exports name the last change
            assert after.text == before.text, address
            assert after.headers.get("etag") == before.headers.get("etag"), address


def test_the_past_tells_nothing_either(base: Base) -> None:
    client = base.desk.public
    for number in range(1, base.last + 1):
        for path in (
            "/conditions/milia",
            "/conditions/milia/matrix",
            "/conditions/milia/agreement",
            "/claims?condition=milia&limit=100",
            "/conflicts?condition=milia&limit=100",
            "/claims/export?condition=milia&format=csv",
            "/claims/export?condition=milia&format=jsonl",
        ):
            address = f"{path}{'&' if '?' in path else '?'}as_of={number}"
            answer = client.get(address)
            assert answer.status_code in {200, 404, 422}, (address, answer.text)
            assert_tells_nothing(answer, base, address)


def test_what_is_hidden_is_not_there(base: Base) -> None:
    assert len(base.hidden) >= 4
    for name in base.hidden:
        for tail in ("", ".1", ".2", "/citations", "/revisions", f"?as_of={base.last}"):
            answer = base.desk.public.get(f"/claims/{name}{tail}")
            assert answer.status_code == 404, (name, tail, answer.text)
            assert CANARY not in answer.text


def test_a_duplicate_of_a_draft_is_not_told_to_who_may_not_see_it(base: Base) -> None:
    answer = base.desk.public.post("/claims", json=private_claim(1))

    assert answer.status_code == 401
    assert CANARY not in answer.text


def test_whoever_has_a_key_sees_them(base: Base) -> None:
    """Otherwise the tests above could not fail."""
    feed = base.desk.admin.get("/changes?limit=100").text

    assert CANARY in feed
    assert "some-contributor" in feed
    document = base.desk.document("flyer")
    assert CANARY in base.desk.contributor.get(f"/documents/{document['id']}/text").text
    assert base.desk.curator.get(f"/claims/{base.hidden[0]}").status_code == 200


def test_no_text_of_a_document_is_told(base: Base) -> None:
    document = base.desk.document("flyer")

    answer = base.desk.public.get(f"/documents/{document['id']}/text")

    assert answer.status_code == 401
    assert CANARY not in answer.text


# Names that are nobody's business, as filters, orders, fields, facets.


def private_names() -> set[str]:
    """Every column and relationship of every table, and a few that others have."""
    mapped = list(Model.registry.mappers)
    found = {name for mapper in mapped for name in inspect(mapper).attrs.keys()}  # noqa: SIM118
    tables = {mapper.local_table.name for mapper in mapped}  # type: ignore[attr-defined]
    others = {"password", "is_admin", "role", "claims.status", "accounts__name", "status__not"}
    return found | tables | others


def test_no_private_name_is_a_filter_an_order_a_field_or_a_facet(base: Base) -> None:
    client = base.desk.public
    [claims] = [each for each in READS if each.path == "/claims"]
    known = {each["name"] for each in claims.query_parameters}
    names = private_names()
    assert {"digest", "identity", "status", "snapshot"} <= names
    for name in names:
        tried = [f"/claims?{name}=x"] if name not in known else []
        tried += [f"/claims?{name}__gte=1"] if f"{name}__gte" not in known else []
        tried += [f"/claims?sort={name}"] if name not in SORTS else []
        tried += [f"/claims?fields={name}"] if name not in CLAIM_FIELDS else []
        tried += [f"/claims?facet={name}", f"/claims?group_by={name}"] if name not in FACETS else []
        for address in tried:
            answer = client.get(address)
            assert answer.status_code == 422, address
            assert_tells_nothing(answer, base, name)
        if name not in known:
            body = {"filter": {name: ["x"]}}
            assert client.post("/claims/search", json=body).status_code == 422, name


def test_an_edited_cursor_opens_nothing(base: Base) -> None:
    client = base.desk.public
    for path in ("/claims", "/conflicts", "/documents", "/concepts", "/claims?sort=-updated_at"):
        first = client.get(f"{path}{'&' if '?' in path else '?'}limit=1").json()
        cursor = first["page"]["next_cursor"]
        if cursor is None:
            continue
        for place in range(0, len(cursor), 3):
            edited = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
            address = f"{path}{'&' if '?' in path else '?'}limit=100&cursor={edited}"
            answer = client.get(address)
            assert answer.status_code in {200, 400, 422}
            assert_tells_nothing(answer, base, edited)


def test_no_private_name_can_be_written(base: Base) -> None:
    body = claim_of("grape")
    fields = set(body) | {"key", "subject", "concept", "quantity", "polarity", "scope"}
    for name in private_names() - fields:
        answer = base.desk.contributor.post("/claims", json=body | {name: 1})
        assert answer.status_code == 422, name
    assert REASON not in base.desk.public.get("/claims?q=grape").text
