from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class UploadsMiddleware:
    """Limits of their own for imports, which are written to disk as they arrive, and for texts.

    It stands within the general limit, which takes the one of the innermost.
    """

    def __init__(self, app: ASGIApp, max_import_size: int, max_text_size: int) -> None:
        self._app = app
        self._imports = RequestBodyLimitMiddleware(app, max_body_size=max_import_size)
        self._texts = RequestBodyLimitMiddleware(app, max_body_size=max_text_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app_for(scope)(scope, receive, send)

    def _app_for(self, scope: Scope) -> ASGIApp:
        called = (scope["method"], scope["path"]) if scope["type"] == "http" else ("", "")
        if called == ("POST", "/imports"):
            return self._imports
        brings_text = called[0] == "PUT" and called[1].startswith("/documents/")
        return self._texts if brings_text or called == ("POST", "/documents") else self._app
