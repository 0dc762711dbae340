"""How claims are asked for: filters, words, nested criteria, order, facets, groups."""

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, ValidationInfo, field_validator, model_validator

from app.schemas.claim_fields import FACETS, make_criteria
from app.schemas.shared import Exclusions, Format, FormatIn, PageIn
from app.search_text import MAX_TERMS, parse_query

MAX_FACETS = 10
MAX_GROUPING = 2
MAX_DEPTH = 6
MAX_NODES = 60
MAX_QUERY = 500
SORTS = ("id", "created_at", "updated_at", "severity", "passage_count", "document_count")
CLAIM_FIELDS = (
    "id",
    "key",
    "version",
    "status",
    "condition",
    "type",
    "question",
    "statement",
    "subject",
    "concept",
    "quantity",
    "words",
    "polarity",
    "scope",
    "citations",
    "replaced_by",
    "merged",
    "created_at",
    "updated_at",
    "conflict",
    "severity",
    "conflicts",
    "passage_count",
    "document_count",
    "highlights",
)
if TYPE_CHECKING:
    Sort: TypeAlias = str
    Facet: TypeAlias = str
    ClaimField: TypeAlias = str
else:
    Sort = Literal[*SORTS, *(f"-{name}" for name in SORTS), "relevance"]
    Facet = Literal[*FACETS]
    ClaimField = Literal[*CLAIM_FIELDS]

_Criteria = make_criteria(
    "Criteria",
    "Filters by the fields of a claim: a list is OR, different fields are AND.",
    in_body=True,
)
_Filters = make_criteria(
    "Filters",
    "Filters as query parameters: a repeated key is OR, different keys are AND.",
    in_body=False,
)


class Asked(Exclusions):
    """Which claims are asked for beside the filters, and in which order."""

    q: Annotated[
        str | None,
        Field(
            max_length=MAX_QUERY,
            description=(
                'Words to search for: all of them, "a phrase", -excluded, prefix*. In '
                "statements, concept labels and synonyms, and quotes. Case and accents do not "
                "count, and a word stands for its forms (cyst, cysts). Any text is valid, with "
                f"at most {MAX_TERMS} terms; blank is no search, punctuation alone finds nothing."
            ),
            examples=["blocked glands"],
        ),
    ] = None
    concept_narrower: Annotated[
        bool,
        Field(description="Whether `concept` takes narrower concepts in."),
    ] = True
    sort: Annotated[
        Sort | None,
        Field(description="Order; `-` for descending. By relevance where `q` is given, else id."),
    ] = None

    @field_validator("q")
    @classmethod
    def _has_few_terms(cls, words: str | None) -> str | None:
        if words is not None and len(parse_query(words).terms) > MAX_TERMS:
            raise ValueError(f"at most {MAX_TERMS} terms")
        return words

    @field_validator("sort")
    @classmethod
    def _relevance_needs_words(cls, sort: str | None, info: ValidationInfo) -> str | None:
        # An invalid q is missing here and told by itself.
        if sort == "relevance" and "q" in info.data and not (info.data["q"] or "").strip():
            raise ValueError("relevance is of words: give them as q")
        return sort


class Words(PageIn, Asked):
    """What a page of claims is asked beside its filters."""

    facet: Annotated[
        list[Facet],
        Field(
            max_length=MAX_FACETS,
            description="Count the values of these fields; each ignores its own filter.",
            examples=[["type"]],
        ),
    ] = []
    fields: Annotated[
        list[ClaimField],
        Field(max_length=len(CLAIM_FIELDS), description="Only these parts of each claim."),
    ] = []
    include: Annotated[
        Literal["conflicts", "none"],
        Field(
            description="What stands beside the claims: `conflicts` is every open conflict of the "
            "claims on the page with all its sides; with `none`, `included` is null.",
        ),
    ] = "conflicts"
    count: Annotated[
        Literal["capped", "exact", "none"],
        Field(
            description="How the total is counted. `capped` stops at 10,000 where that is not "
            "known anyway, and `total_is_exact` tells; `exact` counts all; `none` nothing.",
        ),
    ] = "capped"


class _Grouped(Words):
    group_by: Annotated[
        str | None,
        Field(
            max_length=100,
            description=(
                "Instead of claims, how many there are for each value of one field, or of two "
                "with a comma between them."
            ),
            examples=["type,severity"],
        ),
    ] = None

    @field_validator("group_by")
    @classmethod
    def _names_fields(cls, group_by: str | None) -> str | None:
        names = [] if group_by is None else group_by.split(",")
        if len(names) > MAX_GROUPING or len(set(names)) < len(names):
            raise ValueError("one field, or two different ones with a comma between them")
        for name in names:
            if name not in FACETS:
                near = difflib.get_close_matches(name.lower(), FACETS, n=1)
                hint = f"did you mean '{near[0]}'?" if near else ", ".join(FACETS)
                raise ValueError(f"only fields can be grouped by: {hint}")
        return group_by


class ClaimFilters(_Grouped, _Filters):  # type: ignore[misc, valid-type]
    """A repeated key is OR, different keys are AND."""

    format: FormatIn = None


class ClaimExport(Asked, _Filters):  # type: ignore[misc, valid-type]
    """What an export is asked: the filters of the list, without what shapes a page."""

    format: Annotated[Format, Field(description="What to write.", examples=["csv"])]


class ClaimNode(_Criteria):  # type: ignore[misc, valid-type]
    """A nested query: own criteria AND all of `all` AND any of `any` AND not `not`."""

    all: Annotated[list["ClaimNode"], Field(min_length=1, max_length=MAX_NODES)] = []
    any: Annotated[list["ClaimNode"], Field(min_length=1, max_length=MAX_NODES)] = []
    not_: Annotated["ClaimNode | None", Field(alias="not")] = None


class ClaimSearch(Words):
    """What `GET /claims` takes as parameters, as a body, with nested criteria."""

    filter: Annotated[
        ClaimNode | None,
        Field(
            description=f"At most {MAX_DEPTH} levels and {MAX_NODES} nodes.",
            examples=[{"all": [{"type": ["cause"]}, {"not": {"certainty": ["suspected"]}}]}],
        ),
    ] = None
    group_by: Annotated[
        list[Facet],
        Field(max_length=MAX_GROUPING),
    ] = []

    @model_validator(mode="before")
    @classmethod
    def _is_bounded(cls, data: Any) -> Any:
        """Before anything is built: a deep or wide query is refused as a whole."""
        if isinstance(data, dict):
            depths = list(_depths(data.get("filter"), 1))
            if len(depths) > MAX_NODES or max(depths, default=0) > MAX_DEPTH:
                raise ValueError(f"at most {MAX_DEPTH} levels and {MAX_NODES} nodes")
        return data

    @model_validator(mode="after")
    def _groups_differ(self) -> Self:
        if len(set(self.group_by)) < len(self.group_by):
            raise ValueError("group_by names two different fields")
        return self


def _depths(node: Any, depth: int) -> Iterator[int]:
    """The depth of every node, cut off where it is too deep anyway."""
    if not isinstance(node, dict) or depth > MAX_DEPTH + 1:
        return
    yield depth
    for key in ("all", "any"):
        parts = node.get(key)
        for part in parts if isinstance(parts, list) else [parts]:
            yield from _depths(part, depth + 1)
    yield from _depths(node.get("not"), depth + 1)
