"""Bodies that create, change and merge concepts."""

from typing import Annotated, Any

from pydantic import Field

from app.schemas.base import Name, Sentence, Slug, XrefIn
from app.schemas.claim_edits import Reasoned
from app.schemas.patches import Unchangeable
from app.schemas.seed import ConceptSeed, Kind


class ConceptIn(ConceptSeed, Reasoned):
    """A new concept. `broader` names concepts that it is a kind of, by their keys."""


class ConceptPatch(Reasoned):
    """A JSON merge patch: what is not there stays, null takes away, lists are replaced."""

    key: Unchangeable = None
    label: Name = ""
    kind: Kind = ""
    description: Sentence | None = None
    synonyms: Annotated[list[Name], Field(max_length=100)] | None = None
    broader: Annotated[list[Slug], Field(max_length=20)] | None = None
    xrefs: Annotated[list[XrefIn], Field(max_length=50)] | None = None

    @property
    def patch(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True, exclude={"reason", "key"})


class ConceptMergeIn(Reasoned):
    """`into` is the key of the concept that stays."""

    into: Annotated[Slug, Field(examples=["laser-therapy"])]
