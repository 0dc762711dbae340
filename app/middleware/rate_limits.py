"""Refuses with 429 who asks too much; only there while a limit is on.

It stands outside of everything, the cache included. Addresses are those that the server tells:
forwarded ones from trusted proxies alone (CLAIMBASE_TRUSTED_PROXIES). What an account may ask is
counted by ``app.deps.authorise``, which knows the account; its headers are added here.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.middleware.response_cache import WRITE_WHOLE
from app.middleware.surroundings import SurroundingsMiddleware
from app.problems import answer_problem, too_many_requests
from app.rate_limits import Quota, RateLimits, network_of


class RateLimitsMiddleware:
    def __init__(self, app: ASGIApp, *, limits: RateLimits, cors: Mapping[str, Any]) -> None:
        self.app = app
        self._limits = limits
        # Refusals have what every answer has, without a way through all of the application.
        self._refuse = SurroundingsMiddleware(CORSMiddleware(_refuse, **cors))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        who = network_of((scope.get("client") or ("unknown",))[0])
        shows_key = any(name == b"authorization" for name, _ in scope["headers"])
        limits = self._limits
        quota = limits.failures.look(who) if shows_key else limits.anonymous.take(who)
        state = scope.setdefault("state", {})
        scope.pop(WRITE_WHOLE, None)  # headers are added to what is sent
        if quota is not None and quota.wait:
            state["quota"] = quota
            await self._refuse(scope, receive, send)
            return
        if not shows_key:
            state["quota"] = quota

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                if shows_key and message["status"] == HTTPStatus.UNAUTHORIZED:
                    state["quota"] = limits.failures.take(who)
                message = _with_headers(message, state.get("quota"))
            await send(message)

        await self.app(scope, receive, send_counted)


def _with_headers(message: Message, quota: Quota | None) -> Message:
    if quota is None:
        return message
    added = [(name.lower().encode(), value.encode()) for name, value in quota.headers.items()]
    return {**message, "headers": [*message["headers"], *added]}


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    quota: Quota = scope["state"]["quota"]
    problem = too_many_requests(quota)
    problem.headers = {**problem.headers, **quota.headers}
    response = answer_problem(problem, str(scope["claimbase.request_id"]))
    if scope["method"] == "HEAD":
        response.body = b""
    await response(scope, receive, send)
