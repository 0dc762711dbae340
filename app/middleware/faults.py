"""A fault on the way becomes a problem.

It stands inside of CORS, so that a front end elsewhere can read that the server failed.
"""

import logging
from contextlib import suppress

from sqlalchemy.exc import DBAPIError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import InternalError
from app.problems import answer_problem

logger = logging.getLogger("claimbase")


class FaultsMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        held: Message | None = None
        started = ended = False

        async def send_noting(message: Message) -> None:
            nonlocal held, started, ended
            if message["type"] == "http.response.start" and not _stays_open(message):
                held = message  # until there is something of the body: that is when reads fail
                return
            started = True
            if held is not None:
                begun, held = held, None
                await send(begun)
            await send(message)
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self.app(scope, receive, send_noting)
        except ClientDisconnect:
            return  # nobody is there to be told, and nothing failed
        except Exception as error:
            if ended:
                # What was read is right; a connection can be lost when it is given back.
                logger.warning("request %s failed after its answer", _id_of(scope), exc_info=error)
                return
            if started:
                logger.exception("request %s failed in the middle of its answer", _id_of(scope))
                raise
            response = await _answer(scope, error)
            if scope["method"] == "HEAD":
                response.body = b""  # its length stays that of the answer to GET
            await response(scope, receive, send)


def _stays_open(start: Message) -> bool:
    """Whether the body is a stream of events, of which the first may be long in coming."""
    return (b"content-type", b"text/event-stream") in [
        (name, value.partition(b";")[0]) for name, value in start["headers"]
    ]


async def _answer(scope: Scope, error: Exception) -> Response:
    """What the handlers of the application say; they are not asked once an answer has begun."""
    handlers = scope["app"].exception_handlers
    for failure in (error, error.__cause__):
        for kind in type(failure).__mro__:
            if kind in handlers:
                with suppress(DBAPIError):  # a handler does not take a fault of ours
                    response: Response = await handlers[kind](Request(scope), failure)
                    return response
    logger.error("request %s failed", _id_of(scope), exc_info=error)
    return answer_problem(InternalError(InternalError.explanation), _id_of(scope))


def _id_of(scope: Scope) -> str:
    return str(scope.get("claimbase.request_id", ""))
