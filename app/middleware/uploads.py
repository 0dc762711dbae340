from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

UPLOADS = {("POST", "/imports")}


class UploadsMiddleware:
    """A limit of their own for bodies that are written to disk as they arrive.

    It stands within the general limit, which takes the one of the innermost.
    """

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self._app = app
        self._limited = RequestBodyLimitMiddleware(app, max_body_size=max_body_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_upload = scope["type"] == "http" and (scope["method"], scope["path"]) in UPLOADS
        await (self._limited if is_upload else self._app)(scope, receive, send)
