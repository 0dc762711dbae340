"""A fault on the way becomes a problem.

It stands inside of CORS, so that a front end elsewhere can read that the server failed.
"""

import logging

from starlette.requests import ClientDisconnect
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
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        except ClientDisconnect:
            return  # nobody is there to be told, and nothing failed
        except Exception:
            request_id = str(scope.get("claimbase.request_id", ""))
            logger.exception("request %s failed", request_id)
            if started:
                raise
            response = answer_problem(InternalError(InternalError.explanation), request_id)
            if scope["method"] == "HEAD":
                response.body = b""  # its length stays that of the answer to GET
            await response(scope, receive, send)
