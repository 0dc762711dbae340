"""Every answer has a request id and security headers; every failure is a problem."""

import re
import uuid
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import MEDIA_TYPE, answer_problem, error_for_status

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# What a failure in a framework's words keeps of its headers.
KEPT = ("allow", "retry-after", "vary", "access-control-")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": (
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
}


class SurroundingsMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["claimbase.request_id"] = request_id
        replaced = False

        async def send_surrounded(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if _is_foreign_failure(message["status"], headers):
                    replaced = True
                    problem = error_for_status(message["status"])
                    problem.headers = {
                        name: headers[name] for name in headers if name.startswith(KEPT)
                    }
                    response = answer_problem(problem, request_id)
                    message["status"] = response.status_code
                    message["headers"] = response.raw_headers
                    _decorate(MutableHeaders(scope=message), request_id)
                    await send(message)
                    body = b"" if scope["method"] == "HEAD" else bytes(response.body)
                    await send({"type": "http.response.body", "body": body})
                    return
                _decorate(headers, request_id)
            elif replaced:
                return
            await send(message)

        await self.app(scope, receive, send_surrounded)


def _is_foreign_failure(status: int, headers: Headers) -> bool:
    """An error that a framework, not a problem handler, put into words."""
    kind = headers.get("content-type", "").partition(";")[0]
    return status >= HTTPStatus.BAD_REQUEST and kind != MEDIA_TYPE


_SENT = [
    (name.lower().encode("latin-1"), value.encode("latin-1"))
    for name, value in SECURITY_HEADERS.items()
]
_REQUEST_ID_HEADER = b"x-request-id"


def _decorate(headers: MutableHeaders, request_id: str) -> None:
    """What an answer says of its own security stands."""
    sent = headers.raw
    named = {name for name, _ in sent}
    if _REQUEST_ID_HEADER in named:
        headers["X-Request-ID"] = request_id
    else:
        sent.append((_REQUEST_ID_HEADER, request_id.encode("latin-1")))
    sent += [own for own in _SENT if own[0] not in named]
