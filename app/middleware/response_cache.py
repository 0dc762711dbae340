"""Public answers kept as the bytes that were sent, for as long as the base does not change.

It stands outside of everything else: an answer from here costs neither routing nor threads.
Kept are whole answers to anonymous GETs that have an entity tag and say ``public``; each
representation (what is accepted, under which address, with or without CORS) by itself.
"""

import asyncio
import itertools
import os
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.freshness import Freshness
from app.metrics import CacheCounts
from app.middleware.surroundings import REQUEST_ID

OK = 200
LONGEST_NUMBER = 19
# Not kept, or not part of the 304.
OWN_OF_EACH = b"x-request-id"
NOT_IN_304 = (b"content-length", b"content-type", b"content-encoding")
LOOKED_AT = {
    b"host",
    b"accept",
    b"accept-encoding",
    b"if-none-match",
    b"x-request-id",
    b"origin",
    b"authorization",
    b"last-event-id",
    b"claimbase-change",
}
# A number of 128 bits that nobody else has, without asking the system for each request.
OF_THIS_PROCESS = os.urandom(10).hex().encode()
_numbers = itertools.count(1)
Headers = list[tuple[bytes, bytes]]
Key = tuple[Hashable, ...]


class Kept(NamedTuple):
    headers: Headers
    headers_304: Headers
    tag: bytes
    body: bytes

    @property
    def size(self) -> int:
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers)


class Asked(NamedTuple):
    """What of the request's headers matters here."""

    host: bytes = b""
    accept: bytes = b""
    encoding: bytes = b""
    known: bytes = b""
    request_id: bytes = b""
    has_origin: bool = False
    bypasses: bool = False
    least: bytes = b""


class ResponseCacheMiddleware:
    def __init__(
        self,
        app: ASGIApp,
        *,
        freshness: Freshness,
        max_bytes: int,
        counts: CacheCounts | None = None,
    ) -> None:
        self.app = app
        self._counts = counts or CacheCounts()
        self._freshness = freshness
        self._max_bytes = max_bytes
        self._largest = max_bytes // 4
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._bytes = 0
        self._stamp: Hashable | None = None
        self._loading: dict[Key, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        asked = _asked(scope["headers"])
        # What is asked for at least comes first: it holds for every later stamp.
        bypasses = asked.bypasses or (asked.least and not self._has(asked.least))
        stamp = None if bypasses else self._current_stamp()
        if stamp is None:
            await self.app(scope, receive, send)
            return
        key = (
            scope["scheme"],
            asked.host,
            scope["raw_path"],
            scope["query_string"],
            asked.accept,
            asked.encoding,
            asked.has_origin,
        )
        kept = self._kept.get(key)
        if kept is None:
            waited = self._loading.get(key)
            if waited is None:
                self._counts.misses += 1
                await self._load(key, stamp, asked, scope, receive, send)
                return
            # Somebody asks for the same: one answer is made, the others wait for it.
            await waited.wait()
            if self._current_stamp() != stamp or (kept := self._kept.get(key)) is None:
                await self.app(scope, receive, send)
                return
        self._kept.move_to_end(key)
        self._counts.hits += 1
        await _answer(kept, asked, send)

    def _has(self, least: bytes) -> bool:
        return len(least) < LONGEST_NUMBER and least.isdigit() and self._freshness.has(int(least))

    def _current_stamp(self) -> Hashable | None:
        stamp = self._freshness.stamp()
        if stamp != self._stamp:
            self._kept.clear()
            self._bytes, self._stamp = 0, stamp
        return stamp

    async def _load(  # noqa: PLR0917 - the three of ASGI, and what is asked
        self, key: Key, stamp: Hashable, asked: Asked, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Have the answer made, keep it if it may be, and send it.

        The stamp was read before: an answer that is newer than it is only dropped too early.
        """
        done = self._loading[key] = asyncio.Event()
        start: Message | None = None
        loaded: Kept | None = None

        async def take(message: Message) -> None:
            nonlocal start, loaded
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                begun, start = start, None
                if not message.get("more_body", False):
                    loaded = self._keepable(begun, message.get("body", b""))
                if loaded is not None:
                    return
                done.set()  # it is not kept: nobody has to wait for its end, which may not come
                await send(begun)
            if loaded is None:
                await send(message)

        try:
            # Whether the client has it already is decided here.
            headers = [pair for pair in scope["headers"] if pair[0] != b"if-none-match"]
            inner = scope if not asked.known else {**scope, "headers": headers}
            await self.app(inner, receive, take)
            if loaded is not None and self._stamp == stamp:
                self._keep(key, loaded)
        finally:
            del self._loading[key]
            done.set()
        if loaded is not None:
            await _answer(loaded, asked, send)

    def _keepable(self, start: Message, body: bytes) -> Kept | None:
        headers: Headers = [pair for pair in start["headers"] if pair[0] != OWN_OF_EACH]
        named = dict(headers)
        is_public = named.get(b"cache-control", b"").startswith(b"public")
        tag = named.get(b"etag")
        if start["status"] != OK or not is_public or tag is None or len(body) > self._largest:
            return None
        return Kept(headers, [h for h in headers if h[0] not in NOT_IN_304], tag, body)

    def _keep(self, key: Key, kept: Kept) -> None:
        self._kept[key] = kept
        self._bytes += kept.size
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size


def _asked(headers: Headers) -> Asked:
    host = accept = encoding = known = request_id = least = b""
    has_origin = bypasses = False
    for name, value in headers:
        if name not in LOOKED_AT:
            continue
        if name == b"host":
            host = value
        elif name == b"accept":
            accept += b"," + value
        elif name == b"accept-encoding":
            encoding += b"," + value
        elif name == b"if-none-match":
            known += b"," + value
        elif name == b"x-request-id":
            request_id = value
        elif name == b"origin":
            has_origin = True
        elif name == b"claimbase-change":
            bypasses, least = bypasses or bool(least), value
        else:
            bypasses = True
    return Asked(host, accept, encoding, known, request_id, has_origin, bypasses, least)


async def _answer(kept: Kept, asked: Asked, send: Send) -> None:
    request_id = asked.request_id
    if not request_id or not REQUEST_ID.fullmatch(request_id.decode("latin-1")):
        request_id = b"%s%012x" % (OF_THIS_PROCESS, next(_numbers))
    own = (OWN_OF_EACH, request_id)
    is_known = bool(asked.known) and _has(asked.known, kept.tag)
    headers = kept.headers_304 if is_known else kept.headers
    await send(
        {
            "type": "http.response.start",
            "status": 304 if is_known else OK,
            "headers": [*headers, own],
        },
    )
    await send({"type": "http.response.body", "body": b"" if is_known else kept.body})


def _has(known: bytes, tag: bytes) -> bool:
    """Weak comparison, as RFC 9110 has it for If-None-Match."""
    tags = {part.strip().removeprefix(b"W/") for part in known.split(b",")}
    return tag in tags or b"*" in tags
