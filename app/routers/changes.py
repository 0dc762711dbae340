"""The change feed: everything that happened, in commit order, read or followed."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from app.answers import JSON, answer_stream, cache_control
from app.deps import AtLeast, Reader, reading
from app.errors import InvalidRequestError, NotAcceptableError, UnavailableError
from app.exports.changes import write_lines, write_page
from app.formats import JSON_LINES, best_media_type
from app.problems import problem_responses
from app.queries.changes import changes_after, last_number
from app.schemas.changes import ChangeList, ChangesQuery
from app.streams import Streams

router = APIRouter(prefix="/changes", tags=["changes"])
EVENT_STREAM = "text/event-stream"
KINDS = (JSON, *JSON_LINES, EVENT_STREAM)
FORMATS = {"json": JSON, "jsonl": JSON_LINES[0]}
WRITTEN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Successful Response",
        "content": {kind: {"schema": {"type": "string"}} for kind in KINDS if kind != JSON},
    },
}
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern=r"^[0-9]{1,18}$",
        description="Of an event stream that broke off: it goes on behind this number.",
    ),
]


@router.get(
    "",
    response_model=ChangeList,
    responses=WRITTEN
    | problem_responses(NotAcceptableError, InvalidRequestError, UnavailableError),
)
def read_changes(
    request: Request,
    reader: Reader,
    query: Annotated[ChangesQuery, Query()],
    last_event_id: LastEventId = None,
    at_least: AtLeast = None,
) -> Response:
    """Read what happened after a change, in the order of commits and without gaps.

    Who keeps a copy takes the records by their ids, removes those whose record is null, and
    asks on from the last number. A change that is not public is only its number. With
    `Accept: text/event-stream` the answer stays open and new changes follow as they come.
    """
    kind = FORMATS[query.format] if query.format else best_media_type(request, KINDS)
    if kind == EVENT_STREAM:
        after = query.after if last_event_id is None else int(last_event_id)
        return _stream(request, after, reader)
    with reading(request, query.after, at_least) as session:
        changes = changes_after(session, query.after, query.limit)
        last = last_number(session)
    following = None
    if changes and changes[-1].number < last:
        named = f"&format={query.format}" if query.format else ""
        following = f"/changes?after={changes[-1].number}&limit={query.limit}{named}"
    rest = {"page": {"limit": query.limit, "next": following}, "meta": {"last": last}}

    def pieces() -> Iterator[bytes]:
        # What happened stays as it is.
        with reading(request, changes[-1].number if changes else 0) as session:
            if kind == JSON:
                yield from write_page(session, changes, reader, rest)
            else:
                yield from write_lines(session, changes, reader)

    return answer_stream(
        request,
        pieces(),
        media_type=kind,
        depends_on=[
            str(reader.role if reader else None),
            str(rest),
            *(change.digest for change in changes),
        ],
        headers={"Claimbase-Change": str(changes[-1].number if changes else last)},
    )


def _stream(request: Request, after: int, reader: Reader) -> Response:
    streams: Streams = request.app.state.streams
    streams.refuse_too_many()
    caching = "private, no-store" if reader else cache_control(request.app.state.settings)
    return StreamingResponse(
        streams.follow(request, after, reader),
        media_type=EVENT_STREAM,
        headers={
            "Cache-Control": caching,
            "Vary": "Accept, Authorization",
            "X-Accel-Buffering": "no",
        },
    )
