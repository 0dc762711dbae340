"""A read that a replica gave up is made once more, on the primary.

A replica ends queries that stand in the way of what it has to replay, and can go away at any
time. It stands inside of everything that answers failures. Needed only where there is a replica.
"""

from collections.abc import Iterator

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.replicas import ReplicaFailedError


class ReplicasMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_signed_in = any(name == b"authorization" for name, _ in scope.get("headers", ()))
        if scope["type"] != "http" or is_signed_in:  # the primary answers
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        received: list[Message] = []
        has_begun = False

        async def receive_noting() -> Message:
            message = await receive()
            received.append(message)
            return message

        async def send_noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            if message["type"] == "http.response.start" and state.get("is_behind"):
                # Neither our memory nor a CDN's may show it to others.
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                del headers["CDN-Cache-Control"]
            await send(message)

        try:
            await self.app({**scope}, receive_noting, send_noting)
        except ReplicaFailedError:
            if has_begun:
                raise
            state["only_primary"] = True
            await self.app({**scope}, _again(received, receive), send_noting)


def _again(received: list[Message], receive: Receive) -> Receive:
    """What was received already, and then what comes."""
    before: Iterator[Message] = iter(received)

    async def receive_again() -> Message:
        for message in before:
            return message
        return await receive()

    return receive_again
