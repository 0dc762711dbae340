"""The requests in the documentation, with what they answer.

A block ```` ```http ```` holds a request (with headers, if it has any), the block
```` ```json ```` after it a part of its answer: every key and item that is shown is there with
that value, more may be; ``"…"`` stands for any value. ``python -m tools.examples FILE...`` writes
shown parts; a test compares them.
"""

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

ANYTHING = "…"
WIDTH = 96  # of a line of JSON
_HEADER = re.compile(r"([A-Z][A-Za-z-]*): (.*)")
_BLOCK = re.compile(r"```http\n(?P<request>.*?)```\n+```json\n(?P<answer>.*?)```", re.DOTALL)


class Example(NamedTuple):
    method: str
    path: str
    body: Any
    shown: Any
    headers: dict[str, str]

    def headers_with(self, key: str) -> dict[str, str]:
        """As they are sent: ``$KEY`` stands for a key."""
        return {name: value.replace("$KEY", key) for name, value in self.headers.items()}


def examples(text: str) -> Iterator[Example]:
    for match in _BLOCK.finditer(text):
        first, *lines = match["request"].split("\n")
        method, path = first.split(" ", 1)
        headers = {}
        while lines and (header := _HEADER.fullmatch(lines[0])):
            headers[header[1]] = header[2]
            del lines[0]
        rest = "\n".join(lines)
        body = json.loads(rest) if rest.strip() else None
        yield Example(method, path.strip(), body, json.loads(match["answer"]), headers)


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
    """Ask an application, for each file on a new base with the seed and a curator."""
    from app.db import make_engine, make_sessions  # noqa: PLC0415 - tests need no base here
    from tests.accounts import key_of  # noqa: PLC0415

    for file in map(Path, files):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/examples.db"
            with asking(url) as client:
                engine = make_engine(url)
                key = key_of(make_sessions(engine), name="jane")
                engine.dispose()
                text = file.read_text()
                file.write_text(rewritten(text, partial(ask, client, key)))


@contextmanager
def asking(url: str) -> Iterator[Any]:
    """A client of an application on a new base with the seed."""
    from fastapi.testclient import TestClient  # noqa: PLC0415

    from app.config import Settings  # noqa: PLC0415
    from app.main import create_app  # noqa: PLC0415
    from app.startup import prepare  # noqa: PLC0415

    settings = Settings(database_url=url)
    prepare(settings.database_url, settings.seed_file)
    app = create_app(settings)
    with TestClient(app, follow_redirects=False) as client:
        yield client
    app.state.sessions.read.kw["bind"].dispose()


def ask(client: Any, key: str, example: Example) -> Any:
    answer = client.request(
        example.method, example.path, json=example.body, headers=example.headers_with(key)
    )
    return answer.json()


if __name__ == "__main__":
    main(sys.argv[1:])
