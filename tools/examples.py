"""The requests in the documentation, with what they answer.

A block ```` ```http ```` holds a request, the block ```` ```json ```` after it a part of its
answer: every key and item that is shown is there with that value, more may be; ``"…"``
stands for any value. ``python -m tools.examples FILE...`` writes today's values into the
shown parts; a test compares them.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ANYTHING = "…"
WIDTH = 96  # of a line of JSON
_BLOCK = re.compile(r"```http\n(?P<request>.*?)```\n+```json\n(?P<answer>.*?)```", re.DOTALL)


class Example(NamedTuple):
    method: str
    path: str
    body: Any
    shown: Any


def examples(text: str) -> Iterator[Example]:
    for match in _BLOCK.finditer(text):
        first, _, rest = match["request"].partition("\n")
        method, path = first.split(" ", 1)
        body = json.loads(rest) if rest.strip() else None
        yield Example(method, path.strip(), body, json.loads(match["answer"]))


def differences(shown: Any, actual: Any, place: str = "") -> Iterator[str]:
    """Where the answer is not as shown."""
    if shown == ANYTHING:
        return
    if isinstance(shown, dict) and isinstance(actual, dict):
        for key, value in shown.items():
            if key in actual:
                yield from differences(value, actual[key], f"{place}/{key}")
            else:
                yield f"{place}/{key} is missing"
    elif isinstance(shown, list) and isinstance(actual, list):
        if len(actual) < len(shown):
            yield f"{place} has {len(actual)} items"
        for number, (one, other) in enumerate(zip(shown, actual, strict=False)):
            yield from differences(one, other, f"{place}/{number}")
    elif shown != actual:
        yield f"{place} is {actual!r}, not {shown!r}"


def filled(shown: Any, actual: Any) -> Any:
    """The shown part with the values that the answer has."""
    if shown == ANYTHING:
        return ANYTHING
    if isinstance(shown, dict) and isinstance(actual, dict):
        return {key: filled(value, actual[key]) for key, value in shown.items()}
    if isinstance(shown, list) and isinstance(actual, list):
        return [filled(one, other) for one, other in zip(shown, actual, strict=False)]
    return actual


def rewritten(text: str, ask: Callable[[Example], Any]) -> str:
    found = iter(list(examples(text)))

    def write(match: re.Match[str]) -> str:
        example = next(found)
        answer = _laid_out(filled(example.shown, ask(example)))
        return f"```http\n{match['request']}```\n\n```json\n{answer}\n```"

    return _BLOCK.sub(write, text)


def _laid_out(value: Any, indent: int = 0) -> str:
    """JSON with short objects and lists on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [
            f"{pad}{json.dumps(key, ensure_ascii=False)}: {_laid_out(part, indent + 2)}"
            for key, part in value.items()
        ]
        opening, closing = "{", "}"
    else:
        parts = [f"{pad}{_laid_out(part, indent + 2)}" for part in value]
        opening, closing = "[", "]"
    return "\n".join([opening, ",\n".join(parts), " " * indent + closing])


def main(files: list[str]) -> None:
    """Ask an application on a new base with the seed."""
    import tempfile  # noqa: PLC0415 - the test imports this module without needing a base

    from fastapi.testclient import TestClient  # noqa: PLC0415

    from app.config import Settings  # noqa: PLC0415
    from app.main import create_app  # noqa: PLC0415
    from app.startup import prepare  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{folder}/examples.db")
        prepare(settings.database_url, settings.seed_file)
        with TestClient(create_app(settings), follow_redirects=False) as client:
            for file in map(Path, files):
                text = file.read_text()
                file.write_text(
                    rewritten(
                        text,
                        lambda example: client.request(
                            example.method, example.path, json=example.body
                        ).json(),
                    ),
                )


if __name__ == "__main__":
    main(sys.argv[1:])
