"""Bodies against records: merge patches applied, and what is wrong said by its place."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.errors import ConflictingStateError, InvalidRequestError
from app.identifiers import Prefix, public_id
from app.schemas.seed_checks import Fault

ModelT = TypeVar("ModelT", bound=BaseModel)
MAX_ERRORS = 20


def merged(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7396: null takes a member away, objects are merged, anything else replaces."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            former = result.get(name)
            result[name] = merged(former if isinstance(former, dict) else {}, value)
        else:
            result[name] = value
    return result


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


def exists_already(
    what: str, prefix: Prefix, known: int | None, address: str, key: str | None = None
) -> ConflictingStateError:
    """The refusal of a key that is another record's, which it names."""
    name = public_id(prefix, known or 0)
    return ConflictingStateError(
        f"{name} is the {what} of this key already.",
        existing=name,
        links={"existing": f"{address}/{key or name}"},
    )
