"""Exports: everything that fits, streamed from one snapshot, in the formats of other tools."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.answers import DISCLAIMER, LICENCE_URL, answer_stream, own_address, query_without
from app.budgets import lift_budget
from app.deps import Past
from app.errors import InvalidRequestError
from app.exports import Edition, write_export
from app.formats import MEDIA_TYPES, Offer, negotiate
from app.problems import problem_responses
from app.queries.claim_stream import ClaimStream, open_stream
from app.queries.exclusions import view_of
from app.queries.records import Record
from app.schemas.claim_queries import ClaimExport
from app.schemas.shared import Format
from app.vocabulary import Vocabulary

router = APIRouter(prefix="/claims", tags=["claims"])

# What only pages have: it has no place in the links to exports, and is refused in them.
PAGE_PARAMETERS = ("limit", "cursor", "facet", "fields", "include", "count", "group_by")
NOT_OF_EXPORTS = frozenset({*PAGE_PARAMETERS, "format"})
# Link headers stay short enough for the servers on the way.
LONGEST_LINKED = 1_000
EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Successful Response",
        "content": {
            kinds[0]: {"schema": {"type": "object" if format_ is Format.jsonld else "string"}}
            for format_, kinds in MEDIA_TYPES.items()
            if format_ is not Format.json
        },
    },
}


@router.get(
    "/export",
    response_model=None,
    responses=EXPORTED | problem_responses(InvalidRequestError),
)
def export_claims(
    request: Request,
    past: Past,
    query: Annotated[ClaimExport, Query()],
) -> Response:
    """Take all claims that fit away, in one file and from one snapshot.

    `Claimbase-Change` is the number of the last change in it, `Claimbase-Total` the number of
    claims. A file that was cut off shows it: JSON and JSON-LD do not parse, JSON Lines is
    without its `trailer`, the last row of CSV is not `N of N`, Markdown is without its last
    line, which begins "End of the export".
    """
    asked = query.model_dump(exclude_unset=True, by_alias=True)
    session, vocabulary, _ = past.of_list(query.as_of, query.condition)
    view = view_of(session, asked, vocabulary, conditions=query.condition)
    group = query.format is Format.md
    stream = open_stream(session, asked, view, vocabulary, group=group)
    return answer_export(request, stream, negotiate(request, query.format), vocabulary)


def answer_export(
    request: Request,
    stream: ClaimStream,
    offer: Offer,
    vocabulary: Vocabulary,
    *,
    condition: Record | None = None,
) -> Response:
    """``condition`` is there where the export is the page of one."""
    lift_budget(stream.session)
    base = str(request.base_url).rstrip("/")
    edition = Edition(
        base=base,
        address=f"{base}{own_address(request)}",
        licence=LICENCE_URL,
        disclaimer=DISCLAIMER,
        vocabulary=vocabulary,
        condition=condition,
    )
    number, at = stream.change
    day = datetime.now(UTC).date().isoformat()
    name = f"claimbase-{condition['slug'] if condition else 'claims'}-{day}-change{number}"
    return answer_stream(
        request,
        write_export(offer.format, stream, edition),
        media_type=_media_type(offer),
        depends_on=[edition.address, offer.format, str(number), str(at)],
        headers={
            "Content-Disposition": f'attachment; filename="{name}.{offer.format.value}"',
            "Claimbase-Change": str(number),
            "Claimbase-Total": str(stream.totals.claims),
        },
    )


def _media_type(offer: Offer) -> str:
    parameters = {Format.csv: "; charset=utf-8; header=present", Format.md: "; charset=utf-8"}
    return offer.media_type + parameters.get(offer.format, "")


def alternates(request: Request, path: str) -> list[tuple[str, str]]:
    """Media types and addresses of the exports of what a page of JSON shows a part of."""
    asked = query_without(request, NOT_OF_EXPORTS)
    found = [
        (kinds[0], f"{path}?{asked}format={format_.value}")
        for format_, kinds in MEDIA_TYPES.items()
        if format_ is not Format.json
    ]
    return found if all(len(address) <= LONGEST_LINKED for _, address in found) else []
