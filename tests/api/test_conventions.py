"""What holds for every operation: parameters, tags, methods, headers, problems."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import sessionmaker
from starlette.routing import Mount

from app.config import Settings
from app.db import Sessions
from app.main import create_app
from tests.api.operations import (
    BY_PARAMETER,
    LISTS,
    OPERATIONS,
    READS,
    Operation,
    named,
)
from tests.apps import make_app

UNCACHED = {"/health/live", "/health/ready"}
CACHED = [each for each in READS if each.path not in UNCACHED and not each.needs_query]
# Long enough to be worth compressing.
LARGE = [
    "/conditions/milia",
    "/claims",
    "/conflicts",
    "/concepts",
    "/documents/DOC1",
    "/vocabulary",
]
ENCODINGS = ["identity", "gzip", "br", "zstd"]
STATIC = ["/assets/docs.js", "/assets/page.css", "/assets/swagger-ui/swagger-ui-bundle.js"]
PAGES = ["/docs", "/openapi.json"]
SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
PROBLEM_FIELDS = {"type", "title", "status", "detail", "code", "request_id"}
ELSEWHERE = {"Origin": "https://front-end.example"}


def assert_problem(answer: Any, status: int) -> dict[str, Any]:
    """The exact shape of RFC 9457 as this service sends it."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    body: dict[str, Any] = answer.json()
    assert body.keys() - {"errors", "suggestions"} == PROBLEM_FIELDS
    assert body["status"] == status
    assert body["type"] == f"/problems/{body['code']}"
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert len(body.get("errors", [])) <= 20
    return body


def test_the_document_describes_every_route_and_no_other() -> None:
    app = create_app(Settings(database_url="sqlite://"))

    routes = {
        (method, context.path)
        for context in iter_route_contexts(app.routes)
        if not isinstance(context.original_route, Mount)
        for method in context.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }

    assert routes - {("GET", page) for page in PAGES} == {
        (each.method, each.path) for each in OPERATIONS
    }


# Parameters.


@pytest.mark.parametrize(**named(READS))
def test_an_unknown_parameter_is_refused(milia: TestClient, operation: Operation) -> None:
    answer = milia.get(operation.asked("nonsense=1"))

    [error] = assert_problem(answer, 422)["errors"]
    assert (error["in"], error["code"]) == ("query", "unknown_parameter")
    assert error["parameter"] == "nonsense"


@pytest.mark.parametrize(**named([each for each in READS if each.query_parameters]))
def test_a_mistyped_parameter_is_refused_with_the_right_one(
    milia: TestClient,
    operation: Operation,
) -> None:
    right = operation.query_parameters[-1]["name"]

    answer = milia.get(operation.asked(f"{right}x=1"))

    [error] = assert_problem(answer, 422)["errors"]
    assert error["detail"] == f"Unknown parameter. Did you mean '{right}'?"


@pytest.mark.parametrize(**named([each for each in READS if each.query_parameters]))
def test_a_single_parameter_given_twice_is_refused(
    milia: TestClient,
    operation: Operation,
) -> None:
    for parameter in operation.query_parameters:
        if "array" in json.dumps(parameter["schema"]):
            continue
        name = parameter["name"]
        answer = milia.get(operation.asked(f"{name}=1&{name}=1"))
        [error] = assert_problem(answer, 422)["errors"]
        assert (error["parameter"], error["code"]) == (name, "repeated_parameter")


@pytest.mark.parametrize(**named(LISTS))
def test_a_parameter_is_known_by_its_exact_name(milia: TestClient, operation: Operation) -> None:
    for name in ("LIMIT", "limit ", "limit[]", "limit\x00"):
        assert_problem(milia.get(operation.address, params={name: "1"}), 422)


def test_at_most_twenty_errors_are_named(milia: TestClient) -> None:
    query = "&".join(f"unknown{number}=1" for number in range(500))

    answer = milia.get(f"/claims?{query}")

    assert len(assert_problem(answer, 422)["errors"]) == 20


@pytest.mark.parametrize(
    "query",
    [
        "limit=SECRETWORD",
        "type=SECRETWORD",
        "condition=SECRETWORD",
        "concept=SECRETWORD",
        "document=SECRETWORD",
        "passage=SECRETWORD/SECRETWORD",
        "conflict=SECRETWORD",
        "cursor=SECRETWORD",
        "updated_at__gte=SECRETWORD",
        "group_by=SECRETWORD",
        "%3Cscript%3ESECRETWORD=1",
        "a%0d%0aSECRETWORD=1",
    ],
)
def test_a_refusal_never_repeats_what_was_sent(milia: TestClient, query: str) -> None:
    answer = milia.get(f"/claims?{query}")

    assert answer.status_code in {400, 422}
    assert "SECRETWORD" not in answer.text
    assert "SECRETWORD" not in str(answer.headers)


@pytest.mark.parametrize(**named(BY_PARAMETER))
def test_what_is_not_found_is_not_repeated(milia: TestClient, operation: Operation) -> None:
    for parameter in operation.path_parameters:
        answer = milia.get(operation.with_path_parameter(parameter["name"], "SECRETWORD"))
        assert_problem(answer, 404)
        assert "SECRETWORD" not in answer.text


# Tags.


@pytest.mark.parametrize(**named(CACHED))
def test_a_tag_is_strong_and_answers_304(milia: TestClient, operation: Operation) -> None:
    first = milia.get(operation.address)
    tag = first.headers["etag"]
    assert re.fullmatch(r'"[A-Za-z0-9._-]+"', tag)

    for known in (tag, f'"other", {tag}', f"W/{tag}", f' "a" ,W/{tag} ', "*"):
        again = milia.get(operation.address, headers={"If-None-Match": known})
        assert again.status_code == 304, known
        assert again.content == b""
        for name in ("etag", "cache-control", "vary", "x-request-id"):
            assert name in again.headers
        assert again.headers["etag"] == tag
        assert "content-type" not in again.headers


@pytest.mark.parametrize(**named(CACHED))
def test_another_tag_gets_the_answer(milia: TestClient, operation: Operation) -> None:
    tag = milia.get(operation.address).headers["etag"]

    for known in ('"other"', tag.strip('"'), tag[:-2] + '"', "", '""', "W/"):
        answer = milia.get(operation.address, headers={"If-None-Match": known})
        assert answer.status_code == 200, known


@pytest.mark.parametrize("address", LARGE)
def test_each_encoding_has_a_tag_of_its_own(milia: TestClient, address: str) -> None:
    tags = set()
    for encoding in ENCODINGS:
        with milia.stream("GET", address, headers={"Accept-Encoding": encoding}) as answer:
            assert answer.headers.get("content-encoding", "identity") == encoding
            assert "Accept-Encoding" in answer.headers["vary"]
            tags.add(answer.headers["etag"])
    assert len(tags) == len(ENCODINGS)


@pytest.mark.parametrize("address", LARGE)
def test_the_tag_of_one_encoding_is_not_that_of_another(milia: TestClient, address: str) -> None:
    tags = {
        encoding: milia.get(address, headers={"Accept-Encoding": encoding}).headers["etag"]
        for encoding in ENCODINGS
    }

    for encoding in ENCODINGS:
        for other, tag in tags.items():
            headers = {"Accept-Encoding": encoding, "If-None-Match": tag}
            status = milia.get(address, headers=headers).status_code
            assert status == (304 if encoding == other else 200), (encoding, other)


@pytest.mark.parametrize("address", ["/claims/CLM1", "/conflicts/CNF1", "/documents/DOC1"])
def test_the_tag_of_a_record_begins_with_its_version(milia: TestClient, address: str) -> None:
    tag = milia.get(address).headers["etag"]

    assert tag.startswith(f'"{address.rpartition("/")[2]}.1-')


@pytest.mark.parametrize(**named(READS))
def test_a_refusal_has_no_tag_and_is_no_match(milia: TestClient, operation: Operation) -> None:
    answer = milia.get(operation.asked("nonsense=1"), headers={"If-None-Match": "*"})

    assert_problem(answer, 422)


# Methods.


@pytest.mark.parametrize("address", [*(each.address for each in READS), *STATIC, *PAGES, "/none"])
def test_head_is_get_without_the_body(milia: TestClient, address: str) -> None:
    headers = {"Accept-Encoding": "identity", "X-Request-ID": "same"}
    got = milia.get(address, headers=headers)

    answer = milia.head(address, headers=headers)

    assert answer.status_code == got.status_code
    assert answer.content == b""
    assert dict(answer.headers) == dict(got.headers)


@pytest.mark.parametrize("address", [*(each.address for each in READS), *STATIC, *PAGES])
def test_options_lists_every_method(milia: TestClient, address: str) -> None:
    answer = milia.options(address)

    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["allow"] == allowed_at(address)


@pytest.mark.parametrize("address", [*(each.address for each in READS), *STATIC, *PAGES])
def test_a_method_that_is_not_there_is_refused_with_those_that_are(
    milia: TestClient,
    address: str,
) -> None:
    allowed = allowed_at(address)

    for method in {"POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - {*allowed.split(", ")}:
        answer = milia.request(method, address)
        assert_problem(answer, 405)
        assert answer.headers["allow"] == allowed


def allowed_at(address: str) -> str:
    app = create_app(Settings(database_url="sqlite://"))
    matching = [
        context.methods or set()
        for context in iter_route_contexts(app.routes)
        if not isinstance(context.original_route, Mount)
        and getattr(context, "path_regex").match(address)  # noqa: B009 - of some contexts only
    ]
    methods = set().union(*matching) or {"GET"}
    return ", ".join(sorted(methods | {"HEAD", "OPTIONS"}))


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
@pytest.mark.parametrize("address", ["/nothing", "/claims/", "//claims", "/claims/CLM1/nothing"])
def test_an_address_without_anything_is_not_found_by_any_method(
    milia: TestClient,
    method: str,
    address: str,
) -> None:
    assert_problem(milia.request(method, f"http://testserver{address}"), 404)


# Headers.

ANSWERS = {
    200: "/claims?limit=1",
    308: "/conditions/Milia",
    400: "/claims?cursor=x",
    404: "/nothing",
    422: "/claims?nonsense=1",
}


@pytest.mark.parametrize("address", [*ANSWERS.values(), *STATIC, *PAGES])
def test_every_answer_has_the_security_headers(milia: TestClient, address: str) -> None:
    assert_secure(milia.get(address))


def test_304_405_413_and_500_have_the_security_headers_too(
    milia: TestClient,
    faulty: TestClient,
) -> None:
    tag = milia.get("/claims").headers["etag"]

    assert_secure(milia.get("/claims", headers={"If-None-Match": tag}))
    assert_secure(milia.put("/claims"))
    assert_secure(milia.post("/claims", content=b"x" * 1_000_001))
    assert_secure(faulty.get("/fault"))


def assert_secure(answer: Any) -> None:
    assert SECURITY.items() <= dict(answer.headers).items()
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "permissions-policy" in answer.headers
    assert "server" not in answer.headers
    assert answer.headers["x-request-id"]


EXPOSED = {
    "Claimbase-Change",
    "Claimbase-Total",
    "Content-Disposition",
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "X-Request-ID",
    "RateLimit",
    "RateLimit-Policy",
}


@pytest.mark.parametrize("address", [*ANSWERS.values(), *STATIC, *PAGES])
def test_a_front_end_elsewhere_may_read_every_answer(milia: TestClient, address: str) -> None:
    assert_readable_elsewhere(milia.get(address, headers=ELSEWHERE))


def test_a_front_end_elsewhere_may_read_why_it_failed(
    milia: TestClient,
    faulty: TestClient,
) -> None:
    assert_readable_elsewhere(milia.post("/claims", headers=ELSEWHERE))
    assert_readable_elsewhere(milia.post("/claims", headers=ELSEWHERE, content=b"x" * 1_000_001))
    assert_readable_elsewhere(faulty.get("/fault", headers=ELSEWHERE))


def assert_readable_elsewhere(answer: Any) -> None:
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= EXPOSED


@pytest.mark.parametrize("address", [each.address for each in READS])
def test_a_front_end_elsewhere_may_ask_with_tags(milia: TestClient, address: str) -> None:
    asked = {
        **ELSEWHERE,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "if-none-match, x-request-id",
    }

    answer = milia.options(address, headers=asked)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "GET" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert "if-none-match" in allowed
    assert "x-request-id" in allowed


@pytest.mark.parametrize(**named(OPERATIONS))
def test_a_front_end_elsewhere_may_use_every_operation(
    milia: TestClient,
    operation: Operation,
) -> None:
    asked = {
        **ELSEWHERE,
        "Access-Control-Request-Method": operation.method,
        "Access-Control-Request-Headers": "content-type",
    }

    assert milia.options(operation.address, headers=asked).status_code == 200


def test_a_preflight_that_is_refused_is_a_problem_like_any_other(milia: TestClient) -> None:
    asked = {**ELSEWHERE, "Access-Control-Request-Method": "BREW"}

    answer = milia.options("/claims", headers=asked)

    assert assert_problem(answer, 400)["code"] == "malformed-request"


@pytest.mark.parametrize(**named(CACHED))
def test_a_read_is_public_and_revalidated(milia: TestClient, operation: Operation) -> None:
    answer = milia.get(operation.address)

    assert answer.headers["cache-control"] == "public, no-cache"
    vary = {name.strip() for name in answer.headers["vary"].split(",")}
    assert {"Accept", "Accept-Encoding"} <= vary


@pytest.mark.parametrize("address", sorted(UNCACHED))
def test_health_is_never_cached(milia: TestClient, address: str) -> None:
    answer = milia.get(address)

    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


def test_a_cdn_that_is_purged_may_be_allowed_to_keep_answers(milia_sessions: Sessions) -> None:
    app = make_app(milia_sessions, shared_max_age=60)

    with TestClient(app) as client:
        answer = client.get("/claims?limit=1")

    assert answer.headers["cache-control"] == "public, no-cache, s-maxage=60"


def links_of(answer: Any) -> dict[str, str]:
    found = re.findall(r'<([^<>]*)>; rel="([a-z]+)"', answer.headers["link"])
    return {relation: target for target, relation in found}


@pytest.mark.parametrize(**named(CACHED))
def test_a_read_links_to_itself_and_its_licence(milia: TestClient, operation: Operation) -> None:
    answer = milia.get(operation.address)

    links = links_of(answer)
    assert links["self"] == operation.address
    assert links["license"].startswith("https://creativecommons.org/")
    assert milia.get(links["self"]).content == answer.content


@pytest.mark.parametrize(**named(LISTS))
def test_the_link_to_the_next_page_is_the_one_in_the_body(
    milia: TestClient,
    operation: Operation,
) -> None:
    answer = milia.get(operation.asked("limit=1"))

    assert links_of(answer).get("next") == answer.json()["page"]["next"]


def test_the_next_page_keeps_the_filters(milia: TestClient) -> None:
    answer = milia.get("/claims?type=cause&type=treatment&concept_narrower=true&limit=2")

    following = answer.json()["page"]["next"]
    assert following.startswith("/claims?type=cause&type=treatment&concept_narrower=true&limit=2&")
    assert milia.get(following).json()["meta"] == answer.json()["meta"]


@pytest.mark.parametrize("given", ["a", "trace-1.b_C", "x" * 64])
def test_a_sane_request_id_is_echoed(milia: TestClient, given: str) -> None:
    for address in ANSWERS.values():
        answer = milia.get(address, headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "<script>", "ä", "a;b", "a\x00b"])
def test_any_other_request_id_is_replaced(milia_sessions: Sessions, given: str) -> None:
    app = make_app(milia_sessions)

    status, headers, _ = call(
        app, b"/version", headers=[(b"x-request-id", given.encode("latin-1"))]
    )

    assert status == 200
    assert re.fullmatch(rb"[0-9a-f]{32}", headers[b"x-request-id"])


def test_a_request_id_cannot_split_the_answer(milia_sessions: Sessions) -> None:
    app = make_app(milia_sessions)

    _, headers, _ = call(app, b"/version", headers=[(b"x-request-id", b"a\r\nSet-Cookie: b=c")])

    assert re.fullmatch(rb"[0-9a-f]{32}", headers[b"x-request-id"])


# Failures.


@pytest.fixture
def faulty(milia_sessions: Sessions) -> Iterator[TestClient]:
    """The application with one more route, which fails."""
    with TestClient(app_with_a_fault(milia_sessions)) as client:
        yield client


def app_with_a_fault(sessions: Sessions) -> FastAPI:
    app = make_app(sessions)

    @app.get("/fault", name="read_version")
    def fault() -> None:
        raise RuntimeError("SECRETWORD at /srv/secret.py")

    return app


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_fault_is_a_problem_that_tells_nothing_of_the_inside(
    faulty: TestClient,
    method: str,
) -> None:
    answer = faulty.request(method, "/fault", headers={"X-Request-ID": "mine"})

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "mine"
    assert "SECRETWORD" not in answer.text + str(answer.headers)
    if method == "HEAD":
        assert answer.content == b""
    else:
        assert assert_problem(answer, 500)["code"] == "internal-error"


def test_a_fault_is_logged_with_its_request_id(
    faulty: TestClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    faulty.get("/fault", headers={"X-Request-ID": "mine"})

    [record] = caplog.records
    assert "mine" in record.getMessage()
    assert record.exc_info


@contextmanager
def without_database() -> Iterator[TestClient]:
    """A service whose database is away; it is not started, so nothing checks it first."""
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    factory = sessionmaker(engine)
    yield TestClient(make_app(Sessions(factory, factory)))
    engine.dispose()


@pytest.mark.parametrize(
    "address", ["/claims", "/conditions/milia", "/health/ready", "/claims/CLM1"]
)
def test_a_database_that_is_away_is_503_with_retry_after(address: str) -> None:
    with without_database() as client:
        answer = client.get(address)

    assert assert_problem(answer, 503)["code"] == "unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert "127.0.0.1" not in answer.text


def test_a_process_without_its_database_still_lives() -> None:
    with without_database() as client:
        assert client.get("/health/live").status_code == 200


def test_a_full_disk_is_507(milia_sessions: Sessions) -> None:
    app = make_app(milia_sessions)

    @app.get("/full", name="read_version")
    def full() -> None:
        raise OperationalError("SECRETWORD", {}, Exception("database or disk is full"))

    with TestClient(app) as client:
        answer = client.get("/full")

    assert assert_problem(answer, 507)["code"] == "storage-full"
    assert "SECRETWORD" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_a_body_that_is_too_large_is_a_problem(
    milia: TestClient,
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    answer = milia.request(method, "/claims", content=b"x" * 1_000_001)

    assert assert_problem(answer, 413)["code"] == "body-too-large"
    assert not caplog.records


def test_a_body_that_fits_is_no_reason_to_refuse(milia: TestClient) -> None:
    assert milia.request("GET", "/claims", content=b"x" * 1_000_000).status_code == 200


def test_a_range_beyond_a_file_is_a_problem_whose_status_is_the_answers(milia: TestClient) -> None:
    answer = milia.get("/assets/docs.js", headers={"Range": "bytes=999999-"})

    assert answer.status_code in {400, 416}
    assert_problem(answer, answer.status_code)


def test_no_file_outside_the_assets_is_served(milia_sessions: Sessions) -> None:
    app = make_app(milia_sessions)

    for path in (
        b"/assets/../main.py",
        b"/assets/..%2fmain.py",
        b"/assets//etc/passwd",
        b"/assets/",
    ):
        status, _, body = call(app, path)
        assert status == 404, path
        assert b"create_app" not in body


# Hostile input.

HOSTILE = [
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%FF%FE",
    "%F0%9F%98%80",
    "a" * 10_000,
    "9" * 400,
    str(2**63),
    str(2**64),
    "-1",
    "1e999",
    "NaN",
    "'%20OR%201=1--",
    "%22;DROP%20TABLE%20claims;--",
    "%25",
    "_%25_",
    "a%20NEAR(b)%20AND%20*",
    "%22unbalanced",
    "(((((",
    "^col:*",
    "%E2%80%AEmilia%E2%80%AC",
    "%D9%A1",
    "%0d%0aSet-Cookie:%20a=b",
    "..%2f..%2fetc%2fpasswd",
    "%7B%22%24ne%22:1%7D",
    "%EF%BF%BE",
    "%CC%81" * 300,
    "%EF%B7%BA" * 60,
    "0001-01-01",
    "9999-12-31",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00%2B23:59",
]


def prefixed(value: str) -> list[str]:
    """The value, and the value behind what makes it look like an id or a name of something."""
    return [value, f"CLM{value}", f"CNF{value}", f"DOC{value}", f"PSG{value}", f"HP:{value}"]


@pytest.mark.parametrize(**named(BY_PARAMETER))
def test_no_hostile_path_is_a_fault_of_the_server(
    milia: TestClient,
    operation: Operation,
) -> None:
    for parameter in operation.path_parameters:
        for value in HOSTILE:
            for written in prefixed(value):
                answer = milia.get(operation.with_path_parameter(parameter["name"], written))
                assert answer.status_code in {308, 400, 404, 422}, (parameter["name"], written[:60])
                assert answer.headers.get("location", "").isascii()
                assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(**named([each for each in READS if each.query_parameters]))
def test_no_hostile_value_is_a_fault_of_the_server(
    milia: TestClient,
    operation: Operation,
) -> None:
    for parameter in operation.query_parameters:
        schema = json.dumps(parameter["schema"])
        takes_any_text = "enum" not in schema and '"string"' in schema
        for value in HOSTILE if takes_any_text else HOSTILE[:8]:
            answer = milia.get(operation.asked(f"{parameter['name']}={value}"))
            assert answer.status_code in {200, 400, 422}, (parameter["name"], value[:60])
            if answer.status_code != 200:
                assert_problem(answer, answer.status_code)


@pytest.mark.parametrize("name", ["document", "passage", "concept", "condition"])
def test_no_hostile_name_behind_a_prefix_is_a_fault_of_the_server(
    milia: TestClient,
    name: str,
) -> None:
    for value in HOSTILE:
        for written in prefixed(value):
            answer = milia.get(f"/claims?{name}={written}")
            assert answer.status_code == 422, written[:60]


@pytest.mark.parametrize(**named(READS))
def test_no_hostile_parameter_name_is_a_fault_of_the_server(
    milia: TestClient,
    operation: Operation,
) -> None:
    for name in HOSTILE:
        assert_problem(milia.get(operation.asked(f"{name}=1")), 422)


def test_a_flood_of_unknown_parameters_is_refused_without_much_work(
    milia_sessions: Sessions,
) -> None:
    app = make_app(milia_sessions)
    app.openapi()
    query = b"&".join(b"scope_body_site__no%d=1" % number for number in range(2_500))
    started = time.process_time()

    status, _, body = call(app, b"/claims", query=query)

    assert (status, len(json.loads(body)["errors"])) == (422, 20)
    assert time.process_time() - started < 1


RAW = [
    b"q=\xe6\x97\xa5",
    b"q=\xff\xfe",
    b'q=a>; rel="next", <https://evil.example/',
    b"q=a\r\nSet-Cookie: b=c",
    b"q=%",
    b"q=%zz",
    b"&&&",
    b"=",
    b"q",
    b";limit=1",
]


@pytest.mark.parametrize("query", RAW, ids=repr)
def test_no_raw_bytes_in_a_query_are_a_fault_of_the_server(
    milia_sessions: Sessions,
    query: bytes,
) -> None:
    app = make_app(milia_sessions)

    for path in (b"/claims", b"/version", b"/conditions/Milia"):
        status, headers, body = call(app, path, query=query)
        assert status in {200, 308, 422, 400}
        for value in headers.values():
            assert b"\r" not in value
            assert b"\n" not in value
            assert b'rel="next", <https://evil' not in value
        assert b"\\u0000" not in body


def call(
    app: FastAPI,
    path: bytes,
    *,
    query: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
) -> tuple[int, dict[bytes, bytes], bytes]:
    """A request as the server hands it over, with bytes that no client library would send."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path.decode("utf-8", "replace").replace("%2f", "/"),
        "raw_path": path,
        "root_path": "",
        "query_string": query,
        "headers": headers or [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    start, *rest = sent
    body = b"".join(message.get("body", b"") for message in rest)
    return start["status"], dict(start["headers"]), body
