"""API keys: ``clb_<key id>_<secret><checksum>``.

The prefix makes a leaked key recognisable, the checksum tells a mistyped one without a look
into the database, and the secret has 256 random bits, so that a plain digest is enough.
"""

import base64
import hashlib
import re
import secrets
import zlib
from typing import NamedTuple

PREFIX = "clb"
SECRET_BYTES = 32
_PATTERN = re.compile(r"clb_([a-z2-7]{10})_([A-Za-z0-9_-]{43})([0-9a-f]{8})")


class NewKey(NamedTuple):
    """``text`` is shown once and never stored."""

    key_id: str
    text: str
    digest: str


def make_key() -> NewKey:
    key_id = base64.b32encode(secrets.token_bytes(10)).decode().lower()[:10]
    secret = base64.urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).decode().rstrip("=")
    body = f"{PREFIX}_{key_id}_{secret}"
    text = body + _checksum(body)
    return NewKey(key_id, text, digest_of(text))


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def key_id_of(text: str) -> str | None:
    """The key's id if ``text`` has the form and the checksum of a key."""
    match = _PATTERN.fullmatch(text)
    if match is None or _checksum(text[:-8]) != match[3]:
        return None
    return match[1]


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
