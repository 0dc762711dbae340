"""Bodies that create and change conditions."""

from typing import Annotated, Any

from pydantic import Field

from app.schemas.base import Name, Sentence, XrefIn
from app.schemas.claim_edits import Reasoned
from app.schemas.patches import Unchangeable
from app.schemas.seed import AliasSeed, ConditionSeed


class ConditionIn(ConditionSeed, Reasoned):
    """A new condition. Each alias has a slug of its own, which leads to the condition."""


class ConditionPatch(Reasoned):
    """A JSON merge patch: what is not there stays, null takes away, lists are replaced."""

    slug: Unchangeable = None
    name: Name = ""
    description: Sentence | None = None
    aliases: Annotated[list[AliasSeed], Field(max_length=50)] | None = None
    xrefs: Annotated[list[XrefIn], Field(max_length=50)] | None = None

    @property
    def patch(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True, exclude={"reason", "slug"})
