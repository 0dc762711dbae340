"""Public answers kept as the bytes that were sent, for as long as the base does not change.

It stands outside of everything else: an answer from here costs neither routing nor threads.
Kept are whole answers to anonymous GETs that have an entity tag and say ``public``; each
representation (what is accepted, under which address, with or without CORS) by itself. An answer
about one condition (``app.about``) outlives commits that changed nothing of this condition. Pages
that were read are made anew with the edit that changes them (``app.middleware.renewals``).
"""

import asyncio
import itertools
import logging
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.about import EDITED, NOTE
from app.freshness import Freshness, Stamp
from app.metrics import CacheCounts
from app.middleware.renewals import RENEWAL, WAITS_SECONDS, Key, Renewals, no_body, to_nobody
from app.middleware.surroundings import REQUEST_ID
from app.queries.stamps import About

logger = logging.getLogger("claimbase")
OK = 200
SUCCESS = range(200, 300)
LONGEST_NUMBER = 19
# Not kept, or not part of the 304.
OWN_OF_EACH = b"x-request-id"
NOT_IN_304 = (b"content-length", b"content-type", b"content-encoding")
NOT_IN_HEADERS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# What the scope calls the server's way to send what is written out already.
WRITE_WHOLE = "claimbase.write_whole"
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


@dataclass(slots=True)
class Kept:
    """``head`` and ``head_304`` are the headers as they are sent.

    ``is_read`` tells whether anybody asked for it since it was made.
    """

    headers: Headers
    headers_304: Headers
    head: bytes
    head_304: bytes
    tag: bytes
    body: bytes
    size: int
    about: About | None
    since: Stamp  # read before it was made
    is_read: bool = True


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
    """``_kept`` has what is good for ``_stamp``, ``_unsure`` what was good for an earlier one and
    is about a condition that may still be as it was; both in the order in which it was used, and
    whatever is in the second was used before whatever is in the first.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        freshness: Freshness,
        max_bytes: int,
        counts: CacheCounts | None = None,
        is_page: Callable[[str], bool] = lambda _path: False,
    ) -> None:
        self.app = app
        self._renewals = Renewals(is_page)
        self._renewing: set[asyncio.Task[None]] = set()
        self._counts = counts or CacheCounts()
        self._freshness = freshness
        self._max_bytes = max_bytes
        self._largest = max_bytes // 4
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._unsure: OrderedDict[Key, Kept] = OrderedDict()
        self._bytes = 0  # of both
        self._stamp: Stamp | None = None
        self._loading: dict[Key, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._pass(scope, receive, send)
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
        kept = self._kept.get(key) or self._find(key)
        if kept is None:
            waited = self._loading.get(key)
            if waited is None:
                self._counts.misses += 1
                await self._load(key, stamp, asked, scope, receive, send)
                return
            # Somebody asks for the same: one answer is made, the others wait for it.
            await waited.wait()
            self._current_stamp()
            kept = self._find(key)
            if kept is None:
                await self.app(scope, receive, send)
                return
        self._kept.move_to_end(key)
        self._counts.hits += 1
        kept.is_read = True
        await _answer(kept, asked, scope, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is no read; pages that it changed are made anew before it is answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def send_after_pages(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in SUCCESS:
                await self._renew(state.pop(EDITED, ()))
            await send(message)

        await self.app(scope, receive, send_after_pages)

    async def _renew(self, conditions: Collection[int]) -> None:
        found = self._renewals.of(conditions)
        if found:
            task = asyncio.create_task(self._make_anew(found))
            self._renewing.add(task)  # else nobody holds it
            task.add_done_callback(self._renewing.discard)
            await asyncio.wait({task}, timeout=WAITS_SECONDS)

    async def _make_anew(self, pages: list[tuple[Key, Scope]]) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + WAITS_SECONDS
        try:
            for key, scope in pages:
                await asyncio.sleep(0)  # others are waiting, too
                if loop.time() > ends_at:
                    return
                await self._make_page(key, scope)
        except Exception:  # the edit is done, and its answer is not about this
            logger.exception("a page was not made anew after an edit")

    async def _make_page(self, key: Key, scope: Scope) -> None:
        stamp = self._current_stamp()
        kept = self._unsure.get(key)
        if stamp is None or kept is None or not kept.is_read:
            return  # who is having it made has taken it out
        del self._unsure[key]
        self._bytes -= kept.size
        await self._load(key, stamp, Asked(), scope, no_body, to_nobody)
        self._counts.renewals += key in self._kept or key in self._unsure

    def _has(self, least: bytes) -> bool:
        return len(least) < LONGEST_NUMBER and least.isdigit() and self._freshness.has(int(least))

    def _current_stamp(self) -> Stamp | None:
        stamp = self._freshness.stamp()
        if stamp != self._stamp:
            self._go_on_to(stamp)
        return stamp

    def _go_on_to(self, stamp: Stamp | None) -> None:
        """Something was committed: what is about no condition is dropped."""
        if stamp is None or self._stamp is None or stamp.base != self._stamp.base:
            self._unsure.clear()
            self._bytes = 0
        else:
            for key, kept in self._kept.items():
                if kept.about is None:
                    self._bytes -= kept.size
                else:
                    self._unsure[key] = kept
        self._kept.clear()
        self._stamp = stamp

    def _find(self, key: Key) -> Kept | None:
        """What is good now; of what was good before, if its condition is still as it was."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        kept = self._unsure.pop(key, None)
        if kept is None:
            return None
        if kept.about is None or not self._freshness.stands(kept.about, kept.since):
            self._bytes -= kept.size
            return None
        self._kept[key] = kept
        return kept

    async def _load(  # noqa: PLR0917 - the three of ASGI, and what is asked
        self, key: Key, stamp: Stamp, asked: Asked, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Have the answer made, keep it if it may be, and send it.

        The stamp was read before: an answer that is newer than it is only dropped too early.
        """
        done = self._loading[key] = asyncio.Event()
        start: Message | None = None
        loaded: Kept | None = None
        notes: list[About] = []

        async def take(message: Message) -> None:
            nonlocal start, loaded
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                begun, start = start, None
                if not message.get("more_body", False):
                    loaded = self._keepable(begun, message.get("body", b""), notes, stamp)
                if loaded is not None:
                    return
                done.set()  # it is not kept: nobody has to wait for its end, which may not come
                await send(begun)
            if loaded is None:
                await send(message)

        try:
            await self.app(self._inner(scope, asked, notes), receive, take)
            if loaded is not None:
                loaded.is_read = RENEWAL not in scope
                self._keep(key, loaded)
                self._renewals.note(loaded.about, key, scope)
        finally:
            del self._loading[key]
            done.set()
        if loaded is not None:
            await _answer(loaded, asked, scope, send)

    def _inner(self, scope: Scope, asked: Asked, notes: list[About]) -> Scope:
        inner = {**scope}
        if asked.known:  # whether the client has it already is decided here
            inner["headers"] = [pair for pair in scope["headers"] if pair[0] != b"if-none-match"]
        if self._freshness.knows_conditions:
            inner[NOTE] = notes.append
        return inner

    def _keepable(
        self, start: Message, body: bytes, notes: list[About], stamp: Stamp
    ) -> Kept | None:
        headers: Headers = [pair for pair in start["headers"] if pair[0] != OWN_OF_EACH]
        named = dict(headers)
        is_public = named.get(b"cache-control", b"").startswith(b"public")
        tag = named.get(b"etag")
        if start["status"] != OK or not is_public or tag is None or len(body) > self._largest:
            return None
        if any(NOT_IN_HEADERS.search(value) for value in named.values()):
            return None  # the server refuses to send it
        if b"content-length" not in named:  # of a stream that was compressed in one piece
            headers.append((b"content-length", b"%d" % len(body)))
        size = len(body) + sum(len(name) + len(value) for name, value in headers)
        shorter = [pair for pair in headers if pair[0] not in NOT_IN_304]
        about = notes[-1] if notes else None
        heads = _head(headers), _head(shorter)
        return Kept(headers, shorter, *heads, tag, body, size, about, stamp)

    def _keep(self, key: Key, kept: Kept) -> None:
        stamp = kept.since
        if stamp == self._stamp:
            self._kept[key] = kept
        elif self._stamp is not None and stamp.base == self._stamp.base and kept.about is not None:
            self._unsure[key] = kept  # its condition may be as it was
        else:
            return
        self._bytes += kept.size
        while self._bytes > self._max_bytes:
            _, oldest = (self._unsure or self._kept).popitem(last=False)
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


def _head(headers: Headers) -> bytes:
    return b"".join(b"%s: %s\r\n" % pair for pair in headers)


async def _answer(kept: Kept, asked: Asked, scope: Scope, send: Send) -> None:
    request_id = asked.request_id
    if not request_id or not REQUEST_ID.fullmatch(request_id.decode("latin-1")):
        request_id = b"%s%012x" % (OF_THIS_PROCESS, next(_numbers))
    is_known = bool(asked.known) and _has(asked.known, kept.tag)
    status, body = (304, b"") if is_known else (OK, kept.body)
    write = scope.get(WRITE_WHOLE)
    if write is not None:
        head = kept.head_304 if is_known else kept.head
        if write(status, b"%s%s: %s\r\n" % (head, OWN_OF_EACH, request_id), body):
            return
    headers = kept.headers_304 if is_known else kept.headers
    own = (OWN_OF_EACH, request_id)
    await send({"type": "http.response.start", "status": status, "headers": [*headers, own]})
    await send({"type": "http.response.body", "body": body})


def _has(known: bytes, tag: bytes) -> bool:
    """Weak comparison, as RFC 9110 has it for If-None-Match."""
    tags = {part.strip().removeprefix(b"W/") for part in known.split(b",")}
    return tag in tags or b"*" in tags
