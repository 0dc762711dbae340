"""Which format an answer takes: what ``format`` says, else the best that ``Accept`` allows."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fastapi import Request

from app.errors import InvalidRequestError, NotAcceptableError
from app.schemas.shared import Format

# The first media type of a format is the one that is sent unless another was asked for.
MEDIA_TYPES: dict[Format, tuple[str, ...]] = {
    Format.json: ("application/json",),
    Format.csv: ("text/csv",),
    Format.jsonl: ("application/x-ndjson", "application/jsonl"),
    Format.jsonld: ("application/ld+json",),
    Format.md: ("text/markdown",),
}
BROWSERS = {"text/html", "application/xhtml+xml"}
MAX_RANGES = 50


class Offer(NamedTuple):
    format: Format
    media_type: str


class Range(NamedTuple):
    """One part of ``Accept``; either half of ``media_type`` may be ``*``."""

    media_type: str
    quality: float

    def fits(self, media_type: str) -> bool:
        kind, _, subtype = self.media_type.partition("/")
        return self.media_type in {"*/*", media_type} or (
            subtype == "*" and media_type.startswith(f"{kind}/")
        )

    @property
    def precision(self) -> int:
        return 2 - self.media_type.count("*")


JSON_LINES = MEDIA_TYPES[Format.jsonl]
OFFERS = tuple(Offer(format_, kind) for format_, kinds in MEDIA_TYPES.items() for kind in kinds)


def negotiate(request: Request, wanted: Format | None) -> Offer:
    """``format`` wins. Raises NotAcceptableError, which lists what there is."""
    if wanted is not None:
        return Offer(wanted, MEDIA_TYPES[wanted][0])
    by_kind = {offer.media_type: offer for offer in OFFERS}
    return by_kind[best_media_type(request, list(by_kind))]


def best_media_type(request: Request, kinds: Sequence[str]) -> str:
    """What of ``kinds`` the request would rather have, the first one if it does not say.

    Raises NotAcceptableError, which lists them.
    """
    ranges = list(_read_accept(", ".join(request.headers.getlist("accept"))))
    if not ranges:
        return kinds[0]
    chosen = _best(ranges, kinds)
    if chosen is not None:
        return chosen
    if any(each.media_type in BROWSERS and each.quality > 0 for each in ranges):
        return kinds[0]
    formats = {kind: format_.value for format_, own in MEDIA_TYPES.items() for kind in own}
    offered = [{"format": formats.get(kind), "media_type": kind} for kind in kinds]
    raise NotAcceptableError(
        "None of the media types in Accept is offered here; `offered` has those that are.",
        offered=offered,
        headers={"Vary": "Accept"},
    )


def _best(ranges: Sequence[Range], kinds: Sequence[str]) -> str | None:
    """The highest quality; of equals the one that is named most precisely, then our order."""
    best, best_rank = None, (0.0, -1)
    for kind in kinds:
        fitting = [each for each in ranges if each.fits(kind)]
        if not fitting:
            continue
        closest = max(fitting, key=lambda each: each.precision)
        rank = (closest.quality, closest.precision)
        if closest.quality > 0 and rank > best_rank:
            best, best_rank = kind, rank
    return best


def _read_accept(text: str) -> Iterator[Range]:
    """What can be read of it; the rest says nothing."""
    for part in text.split(",")[:MAX_RANGES]:
        media_type, *parameters = (word.strip().lower() for word in part.split(";"))
        kind, slash, subtype = media_type.partition("/")
        if not (kind and slash and subtype) or (kind == "*" and subtype != "*"):
            continue
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                quality = _read_quality(value.strip())
        yield Range(media_type, quality)


def _read_quality(text: str) -> float:
    """0 to 1; what is no such number is no wish for it."""
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


def refuse_page_parameters(asked: dict[str, Any], names: Sequence[str], offer: Offer) -> None:
    """An export is complete: what shapes a page has no place in it."""
    given = [name for name in names if name in asked]
    if not given:
        return
    detail = f"An export ({offer.format.value}) is complete: this is for pages of json only."
    raise InvalidRequestError(
        f"{', '.join(given)}: an export ({offer.format.value}) is complete and has no pages. "
        "Leave it out, or ask for format=json.",
        errors=[
            {"in": "query", "parameter": name, "code": "not_in_exports", "detail": detail}
            for name in given
        ],
    )
