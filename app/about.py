"""Which answers are made of one condition alone, so that they survive changes of others.

Whoever answers says so before it returns, and reads how the condition stands in the session that
it answers from. Nothing is read where nothing would be kept, neither here nor by a CDN.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request

from app.identifiers import Prefix, number_of
from app.queries.names import condition_ids, slug_of
from app.queries.past_reading import Reading
from app.queries.stamps import OF_CONDITION, About, about_condition, condition_of_conflict

NOTE = "claimbase.about"  # what the scope of a request calls it
# Where the state of a writing request has the numbers of the conditions that it changed.
EDITED = "edited"
# What may be asked of one condition without its page being made of anything else.
OF_PAGE = {"condition", "format"}
# Fields of claims and citations, without those that names of other records are looked up for.
OF_LIST = {
    "type",
    "question",
    "polarity",
    "certainty",
    "frequency",
    "exclusivity",
    "verification",
    "conflict",
    "severity",
    "conflict_kind",
    "passage_count",
    "document_count",
    "created_at",
    "updated_at",
}
SHAPES = {"condition", "format", "sort", "limit", "cursor", "count", "fields", "include"}


def note_page(
    request: Request, reading: Reading, condition_id: int, asked: Mapping[str, Any]
) -> None:
    """The page of a condition."""
    if _is_wanted(request, reading) and asked.keys() <= OF_PAGE:
        _note(request, reading, condition_id)


def note_claim(request: Request, reading: Reading, condition_id: int) -> None:
    """A claim of the condition, with its conflicts."""
    if _is_wanted(request, reading):
        _note(request, reading, condition_id)


def note_conflict(request: Request, reading: Reading, id_: str) -> None:
    """A conflict that is there."""
    if _is_wanted(request, reading):
        number = number_of(Prefix.conflict, id_)
        _note(request, reading, condition_of_conflict(reading.session, number))


def note_list(request: Request, reading: Reading, asked: Mapping[str, Any]) -> None:
    """A list of claims, facets and groups of one condition."""
    if _is_wanted(request, reading) and _is_of_one_condition(asked):
        [condition_id] = condition_ids(reading.session, "condition", asked["condition"])
        _note(request, reading, condition_id)


def _note(request: Request, reading: Reading, condition_id: int) -> None:
    note: Callable[[About], None] | None = request.scope.get(NOTE)
    if note is not None:
        note(about_condition(reading.session, condition_id))
    if _is_for_a_cdn(request):
        request.scope[OF_CONDITION] = slug_of(reading.session, condition_id)


def _is_wanted(request: Request, reading: Reading) -> bool:
    return reading.moment is None and (NOTE in request.scope or _is_for_a_cdn(request))


def _is_for_a_cdn(request: Request) -> bool:
    return request.app.state.settings.shared_max_age is not None


def _is_of_one_condition(asked: Mapping[str, Any]) -> bool:
    if len(asked.get("condition") or ()) != 1:
        return False
    # A facet ignores its own filter: one of conditions counts all of them.
    counted = {*(asked.get("facet") or ()), *(asked.get("group_by") or "").split(",")} - {""}
    others = asked.keys() - SHAPES - {"facet", "group_by"}
    return counted | {name.partition("__")[0] for name in others} <= OF_LIST
