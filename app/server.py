"""The HTTP server's own refusals, in the shape of every other problem."""

import uuid
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.errors import MalformedRequestError
from app.middleware.surroundings import SECURITY_HEADERS
from app.problems import answer_problem


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose answer to what is no HTTP would be plain text.

    Streams that would never end by themselves can ask whether the server stops.
    """

    is_stopping = False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extra = {"claimbase.is_stopping": lambda: self.is_stopping}
        self.scope.update(extra)  # type: ignore[typeddict-item]

    def shutdown(self) -> None:
        self.is_stopping = True
        super().shutdown()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the signature is uvicorn's
        status = HTTPStatus.BAD_REQUEST
        request_id = uuid.uuid4().hex
        problem = MalformedRequestError("The request cannot be read as HTTP/1.1.")
        response = answer_problem(problem, request_id)
        response.headers.update(SECURITY_HEADERS | {"X-Request-ID": request_id})
        response.headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        lines += [name + b": " + value for name, value in response.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()
