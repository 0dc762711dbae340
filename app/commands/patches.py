"""Bodies against records: merge patches applied, and what is wrong said by its place."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.commands.claim_content import MAX_ERRORS, merged
from app.errors import InvalidRequestError
from app.schemas.seed_checks import Fault

ModelT = TypeVar("ModelT", bound=BaseModel)


def patched(model: type[ModelT], content: dict[str, Any], patch: dict[str, Any]) -> ModelT:
    """What the record would say after the merge patch. Raises InvalidRequestError."""
    try:
        return model.model_validate(merged(content, patch))
    except ValidationError as error:
        raise refusal(
            Fault(
                "/" + "/".join(str(part) for part in place["loc"]),
                place["msg"].removeprefix("Value error, ")[:300],
            )
            for place in error.errors(include_url=False, include_input=False)
        ) from error


def refuse_faults(faults: Iterable[Fault]) -> None:
    """Raises InvalidRequestError if there are any."""
    found = list(faults)
    if found:
        raise refusal(found)


def refusal(faults: Iterable[Fault]) -> InvalidRequestError:
    errors = [
        {"in": "body", "pointer": fault.pointer, "code": "invalid", "detail": f"{fault.reason}."}
        for fault in islice(faults, MAX_ERRORS)
    ]
    return InvalidRequestError("The body is not valid; `errors` names the places.", errors=errors)
