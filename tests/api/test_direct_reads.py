"""What is answered without the router is what the router answers."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from app import budgets
from app.answers import LONGEST_REMEMBERED
from app.config import Settings
from app.errors import ClaimbaseError, TooExpensiveError
from app.main import DIRECT_READS, create_app
from app.middleware.direct_reads import DirectRead, DirectReadsMiddleware
from app.policy import POLICY, Role
from app.routers import claims
from tests.databases import SERVER, seeded_database
from tools.fuzz_queries import Fuzzer

# The router answers who would have this; it is JSON all the same.
BY_THE_ROUTER = {"Accept": "application/json;q=0.9"}
SAME_ID = {"X-Request-ID": "1"}
LISTS = [
    "/claims",
    "/claims?type=cause&conflict=true&limit=50",
    "/claims?type=cause&type=symptom&sort=-updated_at&limit=3",
    "/claims?condition=milia&question=cause.origin&count=none",
    "/claims?condition=milia&fields=statement&fields=type&limit=5",
    "/claims?fields=statement&fields=conflict&include=none&sort=-updated_at&limit=5",
    "/claims?concept=inherited-cause&polarity=affirms",
    "/claims?passage_count__gte=3&severity__not=none&count=exact",
    "/claims?facet=type&facet=conflict",
    "/claims?type=cause&conflict=true&facet=question&facet=severity&limit=3",
    "/claims?type=diagnosis&polarity=denies&severity__not=none&facet=polarity",
]
HEAVY = [
    "/claims?facet=concept",
    "/claims?condition=milia&facet=type",
    "/claims?q=milia",
    "/claims?q=milia&facet=type&type=cause&sort=-updated_at",
    "/claims?q=nonsense",
]
REFUSED = [
    "/claims?limit=2&cursor=",
    "/claims?limit=0",
    "/claims?nonsense=1",
    "/claims?limit=1&limit=2",
    "/claims?type=nonsense",
    "/claims?condition=nowhere",
    "/claims?cursor=nonsense",
    "/claims?fields=nonsense",
    "/claims/CLM999999",
    "/conditions/nowhere",
]
OTHERS = ["/conditions/milium", "/conditions/milia-cysts"]


@contextmanager
def serving(name: str, folder: Path, **given: Any) -> Iterator[TestClient]:
    app = create_app(Settings(database_url=seeded_database(name, folder), cache_bytes=0))
    with TestClient(app, follow_redirects=False, **given) as client:
        yield client
    app.state.sessions.read.kw["bind"].dispose()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One that keeps nothing, so that every answer is made."""
    with serving("direct", tmp_path_factory.mktemp("direct"), headers=SAME_ID) as client:
        yield client


def shown(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    return answer.status_code, answer.content, dict(answer.headers)


def is_direct(
    service: TestClient, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> bool:
    """Whether such a request never comes to the router."""
    came: list[str] = []

    async def router(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's
        came.append(scope["path"])

    async def send(message: Any) -> None: ...

    async def receive() -> Any: ...

    named, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": named,
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "app": service.app,
    }
    asyncio.run(DirectReadsMiddleware(router, reads=DIRECT_READS)(scope, receive, send))
    return not came


def claims_of(service: TestClient) -> list[str]:
    data = service.get("/claims?limit=100").json()["data"]
    return [f"/claims/{claim['id']}" for claim in data]


def test_what_is_answered_directly_is_what_the_router_answers(service: TestClient) -> None:
    paths = [*LISTS, *HEAVY, *claims_of(service), "/conditions/milia", *REFUSED, *OTHERS]
    for path in paths:
        found = shown(service.get(path))

        assert found == shown(service.get(path, headers=BY_THE_ROUTER)), path


def test_random_queries_are_answered_alike_both_ways(service: TestClient) -> None:
    fuzzer = Fuzzer(service, seed=20_261_123)
    statuses = Counter[int]()
    for _ in range(300):
        asked, found = fuzzer.ask()
        if not asked.startswith("GET /claims"):
            continue
        statuses[found.status_code] += 1

        again = service.get(asked.removeprefix("GET "), headers=BY_THE_ROUTER)
        assert shown(found) == shown(again), asked
    assert statuses[200] > 30
    assert statuses[422] > 30


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "zstd"])
def test_a_direct_answer_is_compressed_and_revalidated_as_any(
    service: TestClient, encoding: str
) -> None:
    wanted = {"Accept-Encoding": encoding}
    for path in ("/claims?limit=50", "/conditions/milia"):
        answer = service.get(path, headers=wanted)
        known = {"If-None-Match": answer.headers["etag"]}

        assert shown(answer) == shown(service.get(path, headers=wanted | BY_THE_ROUTER)), path
        assert service.get(path, headers=wanted | known).status_code == 304
        head = service.head(path, headers=wanted)
        assert (head.content, head.headers["etag"]) == (b"", answer.headers["etag"])


def test_what_is_asked_for_most_is_answered_directly(service: TestClient) -> None:
    for path in [*LISTS, *HEAVY, *claims_of(service)[:3], "/conditions/milia"]:
        assert is_direct(service, path), path
        assert is_direct(service, path, {"Accept": "*/*"}), path


@pytest.mark.parametrize(
    "path",
    [
        *REFUSED,
        "/claims?format=csv",
        "/claims?group_by=type",
        "/claims?as_of=1",
        "/claims?exclude_passage=milia-syndrome/p10",
        "/claims/CLM1?as_of=1",
        "/claims/CLM1.1",
        "/claims/clm1",
        "/conditions/milia?format=md",
        "/conditions/milia/matrix",
        "/conditions",
    ],
)
def test_what_is_large_or_of_the_past_or_refused_is_left_to_the_router(
    service: TestClient, path: str
) -> None:
    assert not is_direct(service, path)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer nonsense"},
        {"Authorization": ""},
        {"Claimbase-Change": "1"},
        {"Accept": "text/csv"},
        {"Accept": "text/html,*/*;q=0.8"},
    ],
)
def test_who_is_no_plain_reader_is_left_to_the_router(
    service: TestClient, headers: dict[str, str]
) -> None:
    for path in ("/claims", "/conditions/milia"):
        assert not is_direct(service, path, headers)


def test_only_gets_are_answered_directly(service: TestClient) -> None:
    assert not is_direct(service, "/claims", method="POST")


@pytest.mark.parametrize("policy", [{}, {"read_claims": Role.contributor}])
def test_what_is_not_for_anybody_is_left_to_the_router(
    service: TestClient, monkeypatch: pytest.MonkeyPatch, policy: dict[str, Role]
) -> None:
    monkeypatch.delitem(POLICY, "read_claims")
    POLICY.update(policy)

    assert not is_direct(service, "/claims")
    assert service.get("/claims").status_code == (401 if policy else 403)


def test_where_there_is_a_prefix_the_router_knows_it(tmp_path: Path) -> None:
    with serving("prefix", tmp_path, root_path="/kb") as client:
        assert client.get("/kb/claims?limit=1").json()["data"]


@pytest.mark.skipif(SERVER is not None, reason="it may take a server less than the least limit")
def test_what_is_too_expensive_is_not_asked_again_by_the_router(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is broken off while the search opens its index, for the first time."""
    with serving("hasty", tmp_path, headers=SAME_ID) as service:
        state = service.app.state  # type: ignore[attr-defined]  # FastAPI's
        state.settings = state.settings.model_copy(update={"read_seconds": 0.000_001})
        monkeypatch.setattr(budgets, "STEPS", 5)

        with pytest.raises(TooExpensiveError):
            is_direct(service, "/claims?q=milia")
        answer = service.get("/claims?q=milia")

        assert (answer.status_code, answer.json()["code"]) == (503, "too-expensive")
        assert shown(answer) == shown(service.get("/claims?q=milia", headers=BY_THE_ROUTER))


def test_a_direct_answer_is_counted_by_its_route(service: TestClient) -> None:
    metrics = service.app.state.metrics  # type: ignore[attr-defined]  # FastAPI's
    service.get("/claims/CLM1")

    assert b'route="/claims/{claim_id}",status="2xx"' in metrics.write()


def list_of_claims() -> DirectRead:
    """Another one like that of the application, which remembers nothing yet."""
    return DirectRead("/claims", r"/claims", claims.read_claims, claims.ASKED.read)


def asked(service: TestClient, query: str) -> Request:
    scope = {"type": "http", "method": "GET", "headers": [], "query_string": query.encode()}
    return Request(scope | {"app": service.app})


def test_what_a_query_says_is_read_once_and_changed_by_nobody(service: TestClient) -> None:
    [direct] = [read for read in DIRECT_READS if read.route == "/claims"]
    queries = [path.partition("?")[2] for path in (*LISTS, *HEAVY)]
    for path in (*LISTS, *HEAVY) * 2:
        service.get(path)

    for query in queries:
        remembered = direct.asked(asked(service, query))
        assert remembered is not None
        assert remembered is direct.asked(asked(service, query))
        assert remembered == list_of_claims().asked(asked(service, query))


def test_what_is_refused_or_long_is_read_each_time(service: TestClient) -> None:
    direct = list_of_claims()
    for query in ("type=nonsense", "nonsense=1", "limit=1&limit=2"):
        for _ in range(2):
            with pytest.raises((ClaimbaseError, ValidationError)):
                direct.asked(asked(service, query))
    long = "q=" + "a" * LONGEST_REMEMBERED

    assert direct.asked(asked(service, long)) is not direct.asked(asked(service, long))


def test_no_more_queries_are_remembered_than_that(service: TestClient) -> None:
    direct = list_of_claims()
    first = direct.asked(asked(service, "limit=1"))
    for number in range(DirectRead.REMEMBERED):
        direct.asked(asked(service, f"q={number}"))

    assert direct.asked(asked(service, "limit=1")) is not first
