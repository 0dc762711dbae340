"""OPTIONS on every address, and a 405 that names all of its methods."""

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus

from fastapi.routing import iter_route_contexts
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class MethodsMiddleware:
    def __init__(self, app: ASGIApp, *, routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self._routes = routes
        self._methods: list[tuple[re.Pattern[str], frozenset[str]]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if scope["method"] == "OPTIONS" and (allow := self._allow(path)):
            answer = Response(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": allow})
            await answer(scope, receive, send)
            return

        async def send_allow(message: Message) -> None:
            refused = HTTPStatus.METHOD_NOT_ALLOWED
            if message["type"] == "http.response.start" and message["status"] == refused:
                MutableHeaders(scope=message)["Allow"] = self._allow(path)
            await send(message)

        await self.app(scope, receive, send_allow)

    def _allow(self, path: str) -> str:
        return ", ".join(sorted(self.methods_of(path)))

    def methods_of(self, path: str) -> set[str]:
        """All methods that an address answers to; none if there is nothing there."""
        if self._methods is None:  # routes are added after the middleware
            self._methods = list(_read_methods(self._routes))
        found = {m for pattern, methods in self._methods if pattern.match(path) for m in methods}
        if "GET" in found:
            found.add("HEAD")
        return found | {"OPTIONS"} if found else found


def _read_methods(
    routes: Sequence[BaseRoute],
) -> Iterator[tuple[re.Pattern[str], frozenset[str]]]:
    for context in iter_route_contexts(routes):
        if isinstance(context.original_route, Mount):
            yield context.original_route.path_regex, frozenset({"GET"})
        else:
            yield getattr(context, "path_regex"), frozenset(context.methods or ())  # noqa: B009
