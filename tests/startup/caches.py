"""The cache by itself: what stands for the base, and for the application that it asks."""

from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Scope, Send

from app.about import NOTE
from app.commands.changes import TouchedBy
from app.freshness import Stamp
from app.middleware.response_cache import ResponseCacheMiddleware
from app.queries.stamps import About


class Always:
    """A base that changes when the test says so; ``standing`` are conditions that did not."""

    knows_conditions = True

    def __init__(self) -> None:
        self.now: int | None = 1
        self.base = 0
        self.standing: set[int] = set()

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def note_own_commit(
        self, change: int | None = None, touched: TouchedBy | None = None
    ) -> None: ...
    def has(self, change: int) -> bool:
        return self.now is not None and change <= self.now

    def stamp(self) -> Stamp | None:
        return None if self.now is None else Stamp(self.base, self.now)

    def stands(self, about: About, since: Stamp) -> bool:
        assert self.now is not None
        assert since < Stamp(self.base, self.now)
        return about.condition_id in self.standing


class Inner:
    """Answers with how often it was called, after ``before`` was awaited."""

    def __init__(self, size: int = 10, cache_control: bytes = b"public, no-cache") -> None:
        self.calls = 0
        self.size = size
        self.cache_control = cache_control
        self.before: Callable[[], Awaitable[None]] | None = None
        self.condition: int | None = None  # that the answers are about

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.calls += 1
        if self.condition is not None and NOTE in scope:
            scope[NOTE](About(self.condition, frozenset()))
        body = str(self.calls).encode().ljust(self.size)
        if self.before is not None:
            await self.before()
        headers = [
            (b"etag", b'"%d"' % self.calls),
            (b"cache-control", self.cache_control),
            (b"content-type", b"text/plain"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def asked(cache: ResponseCacheMiddleware, path: str = "/", method: str = "GET") -> bytes:
    scope: Scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        messages.append(message)

    await cache(scope, receive, send)
    body: bytes = messages[-1]["body"].strip()
    return body
