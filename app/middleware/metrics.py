"""Each request that reaches the application is measured, and told in the log."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import access, log_access, request_id
from app.metrics import METHODS, Metrics
from app.middleware.renewals import RENEWAL

LONGEST_PATH = 200
# Files that are mounted have no route of their own.
MOUNTED = "/assets/"
UNMATCHED = "unmatched"


class MetricsMiddleware:
    """Stands inside of what gives the request its id, and outside of all that answers."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or RENEWAL in scope:  # which the cache counts
            await self.app(scope, receive, send)
            return
        request_id.set(scope.get("claimbase.request_id", ""))
        # Middlewares on the way copy the scope, but not this: app.deps leaves the route in it.
        scope.setdefault("state", {})
        started = time.perf_counter()
        begun: float | None = None
        status, size = 500, 0  # of what fails before it answers

        async def send_noting(message: Message) -> None:
            nonlocal begun, status, size
            if message["type"] == "http.response.start":
                begun, status = time.perf_counter(), message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        finally:
            ended = time.perf_counter()
            route = _template(scope)
            self._metrics.observe(scope["method"], route, status, (begun or ended) - started)
            if access.isEnabledFor(logging.INFO):
                actor = scope["state"].get("actor")
                log_access(
                    method=scope["method"] if scope["method"] in METHODS else "other",
                    route=route,
                    path=scope["path"][:LONGEST_PATH],
                    status=status,
                    seconds=ended - started,
                    size=size,
                    account=actor.account if actor is not None else None,
                )


def _template(scope: Scope) -> str:
    template = scope["state"].get("route") or getattr(scope.get("route"), "path", None)
    if isinstance(template, str):
        return template
    return MOUNTED if scope["path"].startswith(MOUNTED) else UNMATCHED
