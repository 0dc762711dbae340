"""What can go wrong in the knowledge base, each with its HTTP status.

Commands and queries raise these; ``app.problems`` turns them into answers. ``title`` is
the same for every occurrence, ``explanation`` is what ``/problems/{code}`` says.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class ClaimbaseError(Exception):
    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"
    explanation: ClassVar[str] = "The server met a fault of its own. Nothing was changed."

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.extra = extra


class MalformedRequestError(ClaimbaseError):
    status = 400
    code = "malformed-request"
    title = "Malformed request"
    explanation = "The body is not valid JSON, or the request cannot be read as HTTP."


class InvalidCursorError(ClaimbaseError):
    status = 400
    code = "invalid-cursor"
    title = "Invalid cursor"
    explanation = (
        "A cursor is taken unchanged from `page.next_cursor` and used with the same filters "
        "and sort as the page that gave it. Start again without one."
    )


class UnauthorizedError(ClaimbaseError):
    status = 401
    code = "unauthorized"
    title = "Unauthorized"
    explanation = (
        "The operation needs a key, `Authorization: Bearer clb_...`, and none was sent, or it is "
        "not valid: mistyped, unknown, expired, revoked, or of a disabled account."
    )


class ForbiddenError(ClaimbaseError):
    status = 403
    code = "forbidden"
    title = "Forbidden"
    explanation = "The key is valid, but its account may not do this. `detail` names the role."


class NotFoundError(ClaimbaseError):
    status = 404
    code = "not-found"
    title = "Not found"
    explanation = "There is nothing at this address. `suggestions` names what is near it."


class MethodNotAllowedError(ClaimbaseError):
    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"
    explanation = "The address exists, but not with this method. `Allow` lists those it has."


class NotAcceptableError(ClaimbaseError):
    status = 406
    code = "not-acceptable"
    title = "Not acceptable"
    explanation = "None of the formats that `Accept` names can be given here."


class RequestTimeoutError(ClaimbaseError):
    status = 408
    code = "request-timeout"
    title = "Request timeout"
    explanation = "The request did not arrive in the time that the server waits for one."


class ConflictingStateError(ClaimbaseError):
    status = 409
    code = "refused-by-state"
    title = "Refused by the present state"
    explanation = "The request is well-formed, but the records as they stand do not allow it."


class WithdrawnError(ClaimbaseError):
    status = 410
    code = "withdrawn"
    title = "Withdrawn"
    explanation = "The record was public and was withdrawn. Its public versions still answer."


class StaleError(ClaimbaseError):
    status = 412
    code = "stale"
    title = "Stale"
    explanation = (
        "The record was changed since the version that `If-Match` names. `current` is the record "
        "as it stands, `differing` names the fields that differ. Look, and send the change again."
    )


class BodyTooLargeError(ClaimbaseError):
    status = 413
    code = "body-too-large"
    title = "Body too large"
    explanation = "The body is larger than the server accepts."


class UnsupportedMediaTypeError(ClaimbaseError):
    status = 415
    code = "unsupported-media-type"
    title = "Unsupported media type"
    explanation = "The body's content type is not one that this operation reads."


class InvalidRequestError(ClaimbaseError):
    status = 422
    code = "invalid-request"
    title = "Invalid request"
    explanation = (
        "The request can be read, but a parameter or a part of the body is unknown or not "
        "valid. `errors` names the first twenty places."
    )


class PreconditionRequiredError(ClaimbaseError):
    status = 428
    code = "if-match-required"
    title = "If-Match required"
    explanation = (
        "A change of an existing record names the version that it was made from: send the entity "
        'tag that was read, or the version (`If-Match: "CLM42.3"`).'
    )


class TooManyRequestsError(ClaimbaseError):
    status = 429
    code = "too-many-requests"
    title = "Too many requests"
    explanation = (
        "More was asked from this address, or with this account, than the server allows. "
        "`Retry-After` says after how many seconds to ask again, `RateLimit-Policy` how much "
        "is allowed."
    )


class HeadersTooLargeError(ClaimbaseError):
    status = 431
    code = "headers-too-large"
    title = "Headers too large"
    explanation = "The address and the headers of a request may have 64 kB together."


class InternalError(ClaimbaseError):
    pass


class UnavailableError(ClaimbaseError):
    status = 503
    code = "unavailable"
    title = "Unavailable"
    explanation = "The database is locked or away. Try again after `Retry-After` seconds."


class TooExpensiveError(ClaimbaseError):
    status = 503
    code = "too-expensive"
    title = "Too expensive"
    explanation = "The database would take too long for this. Ask for less, or export it all."


class StorageFullError(ClaimbaseError):
    status = 507
    code = "storage-full"
    title = "Storage full"
    explanation = "The disk is full. Nothing was changed."


class SeedError(ClaimbaseError):
    """The seed was refused, whole. ``detail`` names the place by JSON pointer."""

    status = 422
    code = "invalid-seed"
    title = "Invalid seed"
    explanation = "The seed file is not valid. Nothing of it was loaded."


class ImportRefusedError(ClaimbaseError):
    """Lines of a bulk import are at fault; ``faults`` has them all, up to a limit."""

    status = 422
    code = "import-refused"
    title = "Import refused"
    explanation = (
        "Lines of the import are not valid, or contradict each other or the base. Nothing of it "
        "was written. `faults` names each line, the place in it and the reason, up to a thousand; "
        "`faults_total` says how many there are."
    )


class BaseFileError(ClaimbaseError):
    """The file of a whole base was refused: cut off, altered, or into a base that is in use."""

    status = 422
    code = "invalid-base-file"
    title = "Invalid base file"
    explanation = (
        "The file is not a whole export of a base as it was written, or the base that it was to be "
        "imported into is not empty. Nothing was written."
    )


def all_errors() -> list[type[ClaimbaseError]]:
    """Every kind of problem that an answer can have, by status and code."""
    return sorted(ClaimbaseError.__subclasses__(), key=lambda error: (error.status, error.code))
