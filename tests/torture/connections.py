"""A client that costs a third of httpx's CPU: one connection that is kept open, for one thread.

The harnesses ask hundreds of thousands of times, beside the service and on the same cores.
A request that meets a connection which the service is just closing has no answer, and that is
nobody's fault: an idle one is let go of before.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from json import dumps, loads
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from tests.startup.servers import PATIENCE

KEPT_OPEN = 2  # seconds; less than CLAIMBASE_KEEP_ALIVE_SECONDS
NO_ANSWER = (OSError, HTTPException)  # what is raised where none came, or not all of one


class Request(NamedTuple):
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


@dataclass(slots=True)
class Answer:
    status_code: int
    headers: Message
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.status_code < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_server_error(self) -> bool:
        return self.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR

    def json(self) -> Any:
        return loads(self.content)

    def raise_for_status(self) -> Self:
        assert self.is_success, f"{self.status_code} {self.text[:500]}"
        return self


class Connection:
    """``headers`` go with each request."""

    def __init__(self, base: str, headers: Mapping[str, str] | None = None) -> None:
        self.headers = dict(headers or {})
        self._http = HTTPConnection(urlsplit(base).netloc, timeout=PATIENCE)
        self._used_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.send(self.build_request("GET", path, headers=headers))

    def post(self, path: str, *, json: Any, headers: Mapping[str, str] | None = None) -> Answer:
        return self.send(self.build_request("POST", path, json=json, headers=headers))

    def patch(self, path: str, *, json: Any, headers: Mapping[str, str] | None = None) -> Answer:
        return self.send(self.build_request("PATCH", path, json=json, headers=headers))

    def build_request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Request:
        sent = self.headers | dict(headers or {})
        if json is not None:
            content = dumps(json).encode()
            sent["Content-Type"] = "application/json"
        return Request(method, path, content, sent)

    def send(self, request: Request) -> Answer:
        if time.monotonic() > self._used_at + KEPT_OPEN:
            self._http.close()
        try:
            self._http.request(*request)
            answer = self._http.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except NO_ANSWER:
            self._http.close()  # the next request opens another
            raise
        finally:
            self._used_at = time.monotonic()
