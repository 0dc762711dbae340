"""Who asks too much is told to wait; nobody else is, and nobody while no limit is set."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from app.config import Settings
from app.db import Sessions
from app.keys import make_key
from app.rate_limits import FAILURES_PER_MINUTE, RateLimiter, network_of
from tests.accounts import bearer, key_of
from tests.apps import document, make_app
from tests.conftest import SEED_FILE
from tests.databases import seeded_database
from tests.startup.servers import PATIENCE, serving


@contextmanager
def limited(sessions: Sessions, **settings: Any) -> Iterator[TestClient]:
    with TestClient(make_app(sessions, **settings), follow_redirects=False) as client:
        yield client


def at(client: TestClient, address: str) -> TestClient:
    """A client of the same application at another address."""
    return TestClient(client.app, client=(address, 50_000))


def left_of(answer: Any) -> int:
    found = re.fullmatch(r'"[a-z-]+";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found is not None
    return int(found[1])


def test_without_a_limit_nobody_is_counted(milia: TestClient) -> None:
    answers = [milia.get("/version") for _ in range(100)]

    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit" not in answers[-1].headers


def test_a_reader_who_asks_too_much_is_told_when_to_come_again(milia_sessions: Sessions) -> None:
    with limited(milia_sessions, rate_limit=5) as client:
        granted = [client.get("/claims?limit=1") for _ in range(5)]

        refused = client.get("/claims?limit=1", headers={"Origin": "https://a.example"})

    assert [answer.status_code for answer in granted] == [200] * 5
    assert [left_of(answer) for answer in granted] == [4, 3, 2, 1, 0]
    assert granted[0].headers["ratelimit-policy"] == '"anonymous";q=5;w=60'
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too-many-requests"
    assert refused.json()["request_id"] == refused.headers["x-request-id"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert left_of(refused) == 0
    assert refused.headers["cache-control"] == "no-store"
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "ratelimit" in refused.headers["access-control-expose-headers"].lower()


def test_each_address_has_its_own_allowance(milia_sessions: Sessions) -> None:
    with limited(milia_sessions, rate_limit=1) as client:
        one, other = at(client, "192.0.2.1"), at(client, "192.0.2.2")

        statuses = [each.get("/version").status_code for each in (one, one, other)]

    assert statuses == [200, 429, 200]


def test_an_account_has_one_allowance_for_all_of_its_keys_and_addresses(
    milia_sessions: Sessions,
) -> None:
    first, other = key_of(milia_sessions, name="jane"), key_of(milia_sessions, name="joan")
    with limited(milia_sessions, rate_limit=1, rate_limit_key=2) as client:
        near, far = at(client, "192.0.2.1"), at(client, "192.0.2.2")

        granted = [each.get("/accounts/me", headers=bearer(first)) for each in (near, far)]
        refused = near.get("/accounts/me", headers=bearer(first))
        others = near.get("/accounts/me", headers=bearer(other))

    assert [answer.status_code for answer in granted] == [200, 200]
    assert granted[1].headers["ratelimit-policy"] == '"account";q=2;w=60'
    assert left_of(granted[1]) == 0
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["ratelimit-policy"] == '"account";q=2;w=60'
    assert others.status_code == 200


def test_wrong_keys_of_one_address_are_looked_up_a_few_times_only(
    milia_sessions: Sessions,
) -> None:
    key = key_of(milia_sessions)
    with limited(milia_sessions, rate_limit=100) as client:
        guesser, other = at(client, "192.0.2.1"), at(client, "192.0.2.2")
        guesses = [
            guesser.get("/claims", headers=bearer(make_key().text)).status_code
            for _ in range(FAILURES_PER_MINUTE + 3)
        ]

        elsewhere = other.get("/accounts/me", headers=bearer(key))
        without = guesser.get("/version")

    assert guesses == [401] * FAILURES_PER_MINUTE + [429] * 3
    assert elsewhere.status_code == 200
    assert without.status_code == 200


def test_a_good_key_is_no_failure(milia_sessions: Sessions) -> None:
    headers = bearer(key_of(milia_sessions))
    with limited(milia_sessions, rate_limit=1) as client:
        statuses = {
            client.get("/accounts/me", headers=headers).status_code
            for _ in range(FAILURES_PER_MINUTE + 5)
        }

    assert statuses == {200}


def test_head_and_refused_addresses_count_too(milia_sessions: Sessions) -> None:
    with limited(milia_sessions, rate_limit=2) as client:
        statuses = [
            client.head("/version").status_code,
            client.get("/nothing").status_code,
            client.head("/version").status_code,
        ]

    assert statuses == [200, 404, 429]


def test_answers_that_are_kept_count_too(tmp_path: Path) -> None:
    url = seeded_database("limited", tmp_path)
    given: dict[str, Any] = {"database_url": url, "seed_file": SEED_FILE}
    with serving(**given, rate_limit=10, trusted_proxies="127.0.0.0/8,::1") as server:
        server.wait()

        def asked(forwarded: str) -> httpx.Response:
            headers = {"X-Forwarded-For": forwarded}
            return httpx.get(f"{server.base}/version", headers=headers, timeout=PATIENCE)

        answers = [asked("192.0.2.1")]
        while answers[-1].status_code == 200:
            answers.append(asked("192.0.2.1"))
        # The last address that no proxy of ours added is who asked.
        cheated = asked("203.0.113.7, 192.0.2.1")
        other = asked("192.0.2.2")

    assert answers[-1].status_code == 429
    assert len(answers) > 10
    assert answers[1].headers["etag"] == answers[0].headers["etag"]
    assert left_of(answers[1]) == left_of(answers[0]) - 1
    assert (cheated.status_code, other.status_code) == (429, 200)


def test_forwarded_addresses_are_not_believed_of_everybody(tmp_path: Path) -> None:
    url = seeded_database("direct", tmp_path)
    given: dict[str, Any] = {"database_url": url, "seed_file": SEED_FILE}
    with serving(**given, rate_limit=10) as server:
        server.wait()

        left = []
        for number in range(3):
            headers = {"X-Forwarded-For": f"192.0.2.{number}", "X-Forwarded-Proto": "https"}
            answer = httpx.get(f"{server.base}/version", headers=headers, timeout=PATIENCE)
            left.append(left_of(answer))

    assert left[1:] == [left[0] - 1, left[0] - 2]


@pytest.mark.parametrize("given", ["nonsense", "10.0.0.0/99", "*", "10.0.0.1/8"])
def test_a_trusted_proxy_is_a_network(given: str) -> None:
    with pytest.raises(ValidationError):
        Settings(trusted_proxies=given)


def test_openapi_is_the_same_with_limits(milia_sessions: Sessions) -> None:
    with limited(milia_sessions, rate_limit=100) as client:
        assert client.get("/openapi.json").json() == document()


# The rule by itself.


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_an_allowance_comes_back_evenly() -> None:
    clock = Clock()
    limiter = RateLimiter("p", 6, clock=clock)

    def granted() -> int:
        count = 0
        while (quota := limiter.take("a")) is not None and not quota.wait:
            count += 1
        return count

    counts = []
    for seconds in (0, 10, 5, 5, 60, 3_600):
        clock.now += seconds
        counts.append(granted())

    assert counts == [6, 1, 0, 1, 6, 6]


def test_whoever_waits_as_told_is_granted_one() -> None:
    for per_minute in (1, 7, 60, 61, 1_000):
        clock = Clock()
        limiter = RateLimiter("p", per_minute, clock=clock)
        while not (quota := limiter.take("a") or pytest.fail("off")).wait:
            pass

        clock.now += quota.wait

        again = limiter.take("a")
        assert again is not None
        assert again.wait == 0


def test_refusals_do_not_put_the_next_turn_off() -> None:
    clock = Clock()
    limiter = RateLimiter("p", 1, clock=clock)
    limiter.take("a")
    for _ in range(59):
        clock.now += 1
        limiter.take("a")
    clock.now += 1

    quota = limiter.take("a")

    assert quota is not None
    assert quota.wait == 0


def test_the_table_is_bounded_and_forgets_who_was_not_seen_for_longest() -> None:
    limiter = RateLimiter("p", 1, clock=Clock(), max_known=100)
    for number in range(1_000):
        limiter.take(str(number))

    quotas = [limiter.look(who) for who in ("0", "999")]

    assert [quota and quota.left for quota in quotas] == [1, 0]
    assert len(limiter._rested_at) == 100  # noqa: SLF001 - memory is the fact


@pytest.mark.parametrize(
    ("host", "who"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("x" * 1_000, "x" * 100),
    ],
)
def test_an_address_stands_for_its_network(host: str, who: str) -> None:
    assert network_of(host) == who
