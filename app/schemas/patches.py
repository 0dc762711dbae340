"""What JSON merge patches have in common."""

from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError


def _refuse(_value: object) -> object:
    raise PydanticCustomError("immutable", "It is given once and never changes")


# A field that a patch has only to say why it is refused: keys and slugs.
Unchangeable = SkipJsonSchema[Annotated[Any, BeforeValidator(_refuse)]]
