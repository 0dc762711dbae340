"""Accounts for tests: a client that shows the key of a role."""

from fastapi.testclient import TestClient

from app.commands.accounts import create_account, create_key
from app.commands.changes import ChangeDraft, finish_change
from app.db import Sessions
from app.policy import Role


def key_of(sessions: Sessions, role: Role = Role.curator, name: str | None = None) -> str:
    """The key of a new account of this role."""
    name = name or f"some-{role}"
    draft = ChangeDraft("system", "console", "create_account", "A test needs it.")
    with sessions.write.begin() as session:
        create_account(session, draft, name, role)
        new = create_key(session, draft, name, expires_at=None)
        finish_change(session, draft)
    return new.text


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def signed_in(
    client: TestClient, sessions: Sessions, role: Role = Role.curator, name: str | None = None
) -> TestClient:
    """Another client of the same application, which shows a key of this role."""
    headers = bearer(key_of(sessions, role, name))
    other = TestClient(client.app, headers=headers, follow_redirects=False)
    other.portal = client.portal  # of its own it would have a new one for each request
    return other
