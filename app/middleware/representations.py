"""Entity tags by representation, 304 for one that the client has, HEAD without a body.

It stands outside of compression: a compressed representation has a tag of its own, and
whether the client has it is decided by that tag.
"""

from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOT_IN_304 = ("content-length", "content-type", "content-encoding")


class RepresentationsMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        without_body = scope["method"] == "HEAD"
        known = Headers(scope=scope).getlist("if-none-match")

        async def send_representation(message: Message) -> None:
            nonlocal without_body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                _mark_encoding(headers)
                if message["status"] == HTTPStatus.OK and _has(known, headers.get("etag")):
                    message["status"] = int(HTTPStatus.NOT_MODIFIED)
                    for name in NOT_IN_304:
                        del headers[name]
                    without_body = True
                await send(message)
            elif not without_body:
                await send(message)
            elif not message.get("more_body", False):
                await send({"type": "http.response.body", "body": b""})

        inner = {
            **scope,
            "method": "GET",
            # A stream asks, so that it is not written on for nobody.
            "claimbase.body_is_wanted": lambda: not without_body,
        }
        await self.app(inner, receive, send_representation)


def _mark_encoding(headers: MutableHeaders) -> None:
    tag = headers.get("etag")
    if tag is None:
        return
    if "accept-encoding" not in headers.get("vary", "").lower():
        headers.add_vary_header("Accept-Encoding")
    encoding = headers.get("content-encoding")
    if encoding:
        headers["etag"] = f'{tag[:-1]}-{encoding}"'


def _has(known: list[str], tag: str | None) -> bool:
    """Weak comparison, as RFC 9110 has it for If-None-Match."""
    if tag is None:
        return False
    tags = {part.strip().removeprefix("W/") for line in known for part in line.split(",")}
    return tag in tags or "*" in tags
