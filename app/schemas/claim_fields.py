"""Everything that claims can be asked by: names, kinds and accepted values, in one table.

From it come the query parameters of ``GET /claims``, the criteria of ``POST /claims/search``
and the names that facets and groups take. ``app.queries.fields`` has the SQL of each.
"""

import re
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
)

from app.schemas.base import Slug, without_nul
from app.schemas.shared import MAX_VALUES, QUESTIONS, TYPES, NameIn
from app.vocabulary import (
    Certainty,
    Exclusivity,
    Frequency,
    Polarity,
    ScopePart,
    Severity,
    Verification,
    load_vocabulary,
)


class Kind(StrEnum):
    """What the values of a field are; it decides on the operators."""

    word = "word"  # =, __not
    name = "name"  # =, __not; looked up, an unknown one is refused
    flag = "flag"  # =
    number = "number"  # =, __not, __gte, __lte
    time = "time"  # = (a day), __gte, __lte


class FieldSpec(NamedTuple):
    """``optional``: a claim may be without a value, and ``__missing`` asks for that."""

    name: str
    kind: Kind
    values: Any
    description: str
    example: str | None = None
    optional: bool = False


KINDS = sorted({row.kind for row in load_vocabulary().rules})
Text = Annotated[str, AfterValidator(without_nul), Field(min_length=1, max_length=500)]
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _counted(value: Any) -> Any:
    """In a body, true is not one."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - Pydantic reports ValueError
    return value


def _day(value: Any) -> Any:
    """Without this, 2026 would be taken for seconds since 1970, and midnight for a day."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("must be a day such as 2026-11-22")
    return value


def _day_or_time(value: Any) -> Any:
    if isinstance(value, str) and _DAY.fullmatch(value):
        return value
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError("must be a day, or a time with its offset such as 2026-11-22T18:00:00Z")


Count = Annotated[int, BeforeValidator(_counted), Field(ge=0, le=1_000_000)]
Day = Annotated[date, BeforeValidator(_day)]
DayOrTime = Annotated[date | AwareDatetime, BeforeValidator(_day_or_time)]


def _concept(name: str, description: str, example: str) -> FieldSpec:
    return FieldSpec(name, Kind.name, NameIn, description, example, optional=True)


SPECS = (
    FieldSpec("condition", Kind.name, NameIn, "Slug or alias of the condition.", "milia"),
    FieldSpec("type", Kind.word, Literal[*TYPES], "Claim type.", "cause"),
    FieldSpec(
        "question",
        Kind.word,
        Literal[*QUESTIONS],
        "What the claim answers; see `/vocabulary`.",
        "cause.origin",
    ),
    _concept(
        "concept",
        "The claim's value: key, label, synonym or CURIE of a concept.",
        "laser treatment",
    ),
    _concept(
        "subject",
        "What the claim is about, if not the condition itself: a concept.",
        "laser-therapy",
    ),
    FieldSpec(
        "value",
        Kind.word,
        Text,
        "The value in words, whatever its case: a concept's label, a quantity as said, words.",
        "rare",
    ),
    FieldSpec("polarity", Kind.word, Polarity, "Whether the value is affirmed or denied."),
    FieldSpec("certainty", Kind.word, Certainty, "The certainty of any of its citations."),
    FieldSpec("frequency", Kind.word, Frequency, "How often it is so, as any citation says."),
    FieldSpec(
        "exclusivity",
        Kind.word,
        Exclusivity,
        "Whether any citation calls it the only one, or one of several.",
    ),
    *(
        _concept(
            f"scope_{part.value}",
            f"The {part.value.replace('_', ' ')} that the claim is limited to: a concept.",
            "severe" if part is ScopePart.severity else "milia",
        )
        for part in ScopePart
    ),
    FieldSpec("document", Kind.name, NameIn, "A citing document: id or key.", "milia-syndrome"),
    FieldSpec(
        "passage",
        Kind.name,
        NameIn,
        "A citing passage: id, or document key/passage key.",
        "milia-syndrome/p2",
    ),
    FieldSpec("publisher", Kind.word, NameIn, "Publisher of a citing document.", optional=True),
    FieldSpec("family", Kind.word, Slug, "Family of a citing document.", optional=True),
    FieldSpec("verification", Kind.word, Verification, "Whether any citation was compared."),
    FieldSpec(
        "conflict",
        Kind.flag,
        bool,
        "Whether the claim is flagged: in a conflict from disagreement upwards.",
        "true",
    ),
    FieldSpec("severity", Kind.word, Severity, "The strongest clash of the claim."),
    FieldSpec(
        "conflict_kind",
        Kind.word,
        Literal[*KINDS],
        "The kind of an open conflict that it is in; see `/vocabulary`, rules.",
        "rival_answers",
        optional=True,
    ),
    FieldSpec("passage_count", Kind.number, Count, "Number of citing passages.", "3"),
    FieldSpec("document_count", Kind.number, Count, "Number of citing documents.", "1"),
    FieldSpec("created_at", Kind.time, Day, "When it was recorded: a day, UTC.", "2026-11-22"),
    FieldSpec("updated_at", Kind.time, Day, "When it was last changed: a day.", "2026-11-22"),
)
SPEC_BY_NAME = {spec.name: spec for spec in SPECS}
FACETS = tuple(SPEC_BY_NAME)


def _as_list(value: Any) -> Any:
    """In a body, one value may stand without its brackets."""
    return value if isinstance(value, list) or value is None else [value]


def _one(values: Any, description: str) -> tuple[Any, None]:
    return Annotated[values | None, Field(description=description)], None


def _definitions(*, in_body: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    # "Any of these", and none named: nobody could tell what was meant.
    least = 1 if in_body else None
    for spec in SPECS:
        many = Annotated[
            list[spec.values],  # type: ignore[name-defined]
            Field(
                min_length=least,
                max_length=MAX_VALUES,
                description=spec.description,
                examples=[[spec.example]] if spec.example and spec.kind is not Kind.flag else None,
            ),
            *([BeforeValidator(_as_list)] if in_body else []),
        ]
        if spec.kind is Kind.flag:
            found[spec.name] = _one(bool, spec.description)
            continue
        # A list that a request has not would be copied for it.
        found[spec.name] = (many, ())
        if spec.kind is not Kind.time:
            without = Annotated[
                list[spec.values],  # type: ignore[name-defined]
                Field(
                    min_length=least,
                    max_length=MAX_VALUES,
                    description=f"None of these as {spec.name}.",
                ),
                *([BeforeValidator(_as_list)] if in_body else []),
            ]
            found[f"{spec.name}__not"] = (without, ())
        if spec.kind in {Kind.number, Kind.time}:
            bound: Any = spec.values if spec.kind is Kind.number else DayOrTime
            for operator, words in (("gte", "At least"), ("lte", "At most")):
                found[f"{spec.name}__{operator}"] = _one(bound, f"{words} this {spec.name}.")
        if spec.optional:
            words = f"Whether the claim is without {spec.name}."
            found[f"{spec.name}__missing"] = _one(bool, words)
    return found


def make_criteria(name: str, doc: str, *, in_body: bool) -> Any:
    """A model with every filter; unknown ones are refused."""
    return create_model(
        name,
        __config__=ConfigDict(extra="forbid"),
        __doc__=doc,
        **_definitions(in_body=in_body),
    )
