"""Getting in: accounts, keys, and who may do what."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from app.db import Sessions
from app.keys import digest_of, key_id_of, make_key
from app.models import Account, ApiKey, Change, Revision
from app.models.base import utc_now
from app.policy import POLICY, Role
from tests.accounts import bearer, key_of, signed_in
from tests.api.operations import OPERATIONS

REASON = "A test needs it."


@pytest.fixture
def admin(milia: TestClient, milia_sessions: Sessions) -> TestClient:
    return signed_in(milia, milia_sessions, Role.admin, "root")


def new_key(admin: TestClient, name: str = "some-curator", **parts: object) -> str:
    answer = admin.post(f"/accounts/{name}/keys", json={"reason": REASON} | parts)
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key


def new_account(admin: TestClient, name: str = "some-curator", role: str = "curator") -> str:
    answer = admin.post("/accounts", json={"name": name, "role": role, "reason": REASON})
    assert answer.status_code == 201, answer.text
    return answer.headers["etag"]


def test_a_key_is_recognisable_and_has_256_random_bits_and_a_checksum() -> None:
    keys = [make_key() for _ in range(50)]

    assert all(key.text.startswith(f"clb_{key.key_id}_") for key in keys)
    assert len({key.text.split("_", 2)[2][:43] for key in keys}) == 50
    assert all(key_id_of(key.text) == key.key_id for key in keys)


@pytest.mark.parametrize("place", [4, 20, 40, 60])
def test_a_mistyped_key_is_told_by_its_checksum(place: int) -> None:
    text = make_key().text
    wrong = text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]

    assert key_id_of(wrong) is None


def test_a_key_is_shown_once_and_stored_as_a_digest(
    admin: TestClient, milia_sessions: Sessions
) -> None:
    new_account(admin)

    text = new_key(admin)

    with milia_sessions.read() as session:
        row = session.scalars(select(ApiKey).where(ApiKey.key_id == key_id_of(text))).one()
        revisions = session.scalars(select(Revision.snapshot)).all()
    assert row.digest == digest_of(text)
    assert text not in admin.get("/accounts").text
    assert row.digest not in str(revisions) + admin.get("/accounts").text


def test_several_keys_open_one_account(admin: TestClient, milia: TestClient) -> None:
    new_account(admin)

    for key in (new_key(admin), new_key(admin)):
        answer = milia.get("/accounts/me", headers=bearer(key))
        assert answer.json()["name"] == "some-curator"


def test_a_revoked_key_is_refused_on_the_next_request(admin: TestClient, milia: TestClient) -> None:
    new_account(admin)
    key = new_key(admin)
    assert milia.get("/accounts/me", headers=bearer(key)).status_code == 200

    answer = admin.post(f"/keys/{key_id_of(key)}/revoke", json={"reason": REASON})

    assert answer.status_code == 200
    assert milia.get("/accounts/me", headers=bearer(key)).status_code == 401


def test_an_expired_key_is_refused(
    admin: TestClient, milia: TestClient, milia_sessions: Sessions
) -> None:
    new_account(admin)
    soon = (utc_now() + timedelta(hours=1)).isoformat()
    key = new_key(admin, expires_at=soon)
    assert milia.get("/accounts/me", headers=bearer(key)).status_code == 200

    with milia_sessions.write.begin() as session:
        session.execute(update(ApiKey).values(expires_at=utc_now() - timedelta(seconds=1)))

    assert milia.get("/accounts/me", headers=bearer(key)).status_code == 401


def test_no_key_of_a_disabled_account_opens_anything(admin: TestClient, milia: TestClient) -> None:
    etag = new_account(admin)
    key = new_key(admin)

    answer = admin.patch(
        "/accounts/some-curator",
        json={"disabled": True, "reason": REASON},
        headers={"If-Match": etag},
    )

    assert answer.json()["disabled_at"] is not None
    assert milia.get("/accounts/me", headers=bearer(key)).status_code == 401


def test_a_changed_role_holds_from_the_next_request(admin: TestClient, milia: TestClient) -> None:
    etag = new_account(admin)
    key = new_key(admin)
    assert milia.get("/accounts", headers=bearer(key)).status_code == 403

    admin.patch(
        "/accounts/some-curator",
        json={"role": "admin", "reason": REASON},
        headers={"If-Match": etag},
    )

    assert milia.get("/accounts", headers=bearer(key)).status_code == 200


def test_an_edit_of_an_old_account_changes_nothing(admin: TestClient) -> None:
    etag = new_account(admin)
    patch = {"role": "admin", "reason": REASON}
    headers = {"If-Match": etag}
    assert admin.patch("/accounts/some-curator", json=patch, headers=headers).status_code == 200

    answer = admin.patch("/accounts/some-curator", json=patch, headers=headers)

    assert answer.status_code == 412


@pytest.mark.parametrize("expiry", ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00", "soon"])
def test_an_expiry_is_a_time_to_come_with_its_offset(admin: TestClient, expiry: str) -> None:
    new_account(admin)

    answer = admin.post(
        "/accounts/some-curator/keys", json={"reason": REASON, "expires_at": expiry}
    )

    assert answer.status_code == 422


def test_the_tag_of_the_own_account_is_one_to_change_it_with(admin: TestClient) -> None:
    headers = {"If-Match": admin.get("/accounts/me").headers["etag"]}

    answer = admin.patch(
        "/accounts/root", json={"role": "admin", "reason": REASON}, headers=headers
    )

    assert answer.status_code == 200


def test_the_last_use_of_a_key_is_known(admin: TestClient) -> None:
    account = admin.get("/accounts/me").json()

    assert account["keys"][0]["last_used_at"] is not None


def test_accounts_and_keys_are_on_record(admin: TestClient, milia_sessions: Sessions) -> None:
    new_account(admin)
    key = new_key(admin)

    with milia_sessions.read() as session:
        last = session.scalars(select(Change).order_by(Change.number.desc()).limit(1)).one()
    assert (last.actor, last.action, last.reason) == ("root", "create_key", REASON)
    assert last.key_id == key_id_of(admin.headers["authorization"].removeprefix("Bearer "))
    assert key_id_of(key) != last.key_id


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Basic dTpw",
        pytest.param(f"Bearer {make_key().text}", id="unknown"),
        "Bearer clb_aaaaaaaaaa_" + "A" * 43 + "00000000",
        "clb",
        "Bearer " + "x" * 5_000,
        "Bearer \x00",
    ],
)
def test_what_is_no_key_is_refused_even_for_public_reads(milia: TestClient, header: str) -> None:
    answer = milia.get("/claims", headers={"Authorization": header})

    assert answer.status_code == 401
    assert "Bearer" in answer.headers["www-authenticate"]
    assert answer.json()["code"] == "unauthorized"


def test_an_answer_to_a_key_is_not_for_shared_caches(admin: TestClient) -> None:
    answer = admin.get("/conditions/milia")

    assert answer.headers["cache-control"] == "private, no-store"
    assert "Authorization" in answer.headers["vary"]


def test_the_bare_use_of_a_key_is_no_change(admin: TestClient, milia_sessions: Sessions) -> None:
    with milia_sessions.read() as session:
        before = session.scalar(select(Change.number).order_by(Change.number.desc()).limit(1))

    admin.get("/accounts/me")

    with milia_sessions.read() as session:
        after = session.scalar(select(Change.number).order_by(Change.number.desc()).limit(1))
    assert after == before


# The policy.


def test_every_route_has_a_row_and_every_row_a_route(milia: TestClient) -> None:
    assert isinstance(milia.app, FastAPI)
    routed = {
        context.route.name
        for context in iter_route_contexts(milia.app.routes)
        if isinstance(context.route, APIRoute)
    }

    assert routed == set(POLICY)
    described = {each.described["operationId"] for each in OPERATIONS}
    assert described <= routed


def test_a_route_without_a_row_is_refused_to_everybody(
    milia: TestClient, admin: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(POLICY, "read_claims")

    assert milia.get("/claims").status_code == 403
    assert admin.get("/claims").status_code == 403


def test_the_first_account_is_made_on_the_console_only(
    milia: TestClient, milia_sessions: Sessions
) -> None:
    with milia_sessions.read() as session:
        assert session.scalars(select(Account)).all() == []

    body = {"name": "me", "role": "admin", "reason": REASON}
    assert milia.post("/accounts", json=body).status_code == 401


def test_a_key_of_another_base_opens_nothing(milia: TestClient, milia_sessions: Sessions) -> None:
    key_of(milia_sessions)

    assert milia.get("/accounts/me", headers=bearer(make_key().text)).status_code == 401
