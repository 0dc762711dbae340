"""Parts that several answers have in common."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.schemas.base import Fit, Out, without_nul
from app.vocabulary import load_vocabulary

T = TypeVar("T")
Time = Annotated[
    str,
    Field(
        description="UTC, ISO 8601 with microseconds and Z.",
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
        examples=["2026-11-22T18:00:00.000000Z"],
    ),
]


TYPES = [row.key for row in load_vocabulary().types]
QUESTIONS = [row.key for row in load_vocabulary().questions]
MAX_VALUES = 50
NameIn = Annotated[str, AfterValidator(without_nul), Field(min_length=1, max_length=200)]


class PageIn(BaseModel):
    """Where in a list to be."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100, description="Rows on a page.")] = 25
    cursor: Annotated[
        str | None,
        Field(max_length=2_000, description="`page.next_cursor` of the page before, unchanged."),
    ] = None


def _written_out(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _is_moment(text: str) -> str:
    """A number of a change, or a time that says where on the globe it is meant."""
    if text.isdecimal() and text.isascii():
        return text
    wanted = "a change number, or a time with its offset such as 2026-11-22T18:00:00Z"
    try:
        at = datetime.fromisoformat(text)
        at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(wanted) from error
    if at.tzinfo is None:
        raise ValueError(wanted)
    return text


class AsOf(BaseModel):
    """When."""

    model_config = ConfigDict(extra="forbid")

    as_of: Annotated[
        Annotated[str, BeforeValidator(_written_out), AfterValidator(_is_moment)] | None,
        Field(
            max_length=40,
            description=(
                "Read the past: a change number, or a time (the last change committed by then). "
                "Lists need exactly one `condition`."
            ),
            examples=["1"],
        ),
    ] = None


class Exclusions(AsOf):
    """Sources to leave out, and when to look."""

    exclude_document: Annotated[
        list[NameIn],
        Field(
            max_length=50,
            description=(
                "As if these documents did not exist: flags and conflicts are computed anew. "
                "In lists this needs exactly one `condition`."
            ),
        ),
    ] = []
    exclude_passage: Annotated[
        list[NameIn],
        Field(max_length=50, description="The same for single passages."),
    ] = []


class Format(StrEnum):
    """What an answer is written in."""

    json = "json"
    csv = "csv"
    jsonl = "jsonl"
    jsonld = "jsonld"
    md = "md"


FormatIn = Annotated[
    Format | None,
    Field(
        description=(
            "What to answer in; instead of `Accept`, before which it goes. All but `json` are "
            "complete exports."
        ),
        examples=["md"],
    ),
]


class FormattedExclusions(Exclusions):
    """Sources to leave out, and what to answer in."""

    format: FormatIn = None


class ConditionRef(Out):
    slug: Annotated[str, Field(examples=["milia"])]
    name: Annotated[str, Field(examples=["Milia"])]


class ConceptRef(Out):
    key: Annotated[str, Field(examples=["col17a1-mutation"])]
    label: Annotated[str, Field(examples=["COL17A1 mutation"])]


class DocumentRef(Out):
    id: Annotated[str, Field(examples=["DOC1"])]
    key: Annotated[str, Field(examples=["milia-syndrome"])]


class PassageRef(Out):
    id: Annotated[str, Field(examples=["PSG2"])]
    key: Annotated[str, Field(examples=["p2"])]
    heading: str | None


class Xref(Out):
    """An external identifier (CURIE) and how well it fits."""

    id: Annotated[str, Field(examples=["HP:0001056"])]
    fit: Fit


class AsOfOut(Out):
    """The moment of the past that an answer shows."""

    change: int
    at: Time


Moment = Annotated[
    AsOfOut | None,
    Field(description="The change after which all of this stood so; null for the present."),
]


class Withdrawal(Out):
    """When and why a record was withdrawn, and what replaces it."""

    at: Time
    reason: str
    replaced_by: str | None


class PageOut(Out):
    limit: int
    next_cursor: Annotated[str | None, Field(description="Opaque; null on the last page.")]
    next: Annotated[str | None, Field(description="Address of the next page.")]


class Meta(Out):
    total: Annotated[int | None, Field(description="Rows of the whole list.")]
    total_is_exact: bool
    applied: Annotated[
        dict[str, Any],
        Field(description="The filters in force, as they were understood."),
    ]
    as_of: Moment


class ListOut(Out, Generic[T]):
    data: list[T]
    page: PageOut
    meta: Meta
