"""Where the time goes: ``python -m bench.profiles --claims 1000000 --bases FOLDER``.

The page of milia and the list of P3, once made anew for each request and once as the cache answers
them; the other reads that are made, an edit of milia, and an import of 10,000 claims into a new
base. Without a socket and with everything in one thread. Written as text: for each the functions
that take most by themselves.
"""

import argparse
import asyncio
import cProfile
import io
import pstats
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio.to_thread

from app.config import ROOT, Settings
from app.main import create_app
from bench.bases import Base, base_of, default_folder, import_file, lines_in_a_file
from bench.generator import common_and_rare_words
from bench.measuring import RESULTS
from bench.p3_lists import of_columns
from bench.p6_bulk_import import new_base
from bench.p7_one_edit import Own

READS = {
    "page of milia": ("/conditions/milia", ""),
    "list by type and conflict, 50 rows": ("/claims", "type=cause&conflict=true&limit=50"),
}
WAYS = {"before: made for each request": (0, 40), "after: kept as bytes": (64_000_000, 5_000)}
RARE = common_and_rare_words()[1][0]
MADE = {
    "list of the peers' columns": ("/claims", f"type=cause&conflict=true&limit=50{of_columns()}"),
    "one claim": ("/claims/CLM1", ""),
    "rare word, ranked": ("/claims", f"q={RARE}&limit=50"),
}
EDITS = 40
IMPORTED = 10_000
LINES = 20
ABOVE_PACKAGES = re.compile(r"/\S*/(?:site-packages|python3\.\d+)/")  # of this machine


def profiles(base: Base, imported: int = IMPORTED) -> Iterator[str]:
    for name, (path, query) in READS.items():
        for way, (kept, times) in WAYS.items():
            settings = Settings(database_url=base.url, cache_bytes=kept)
            yield from asyncio.run(_profile(f"{name}, {way}", settings, _scope(path, query), times))
    for name, (path, query) in MADE.items():
        settings = Settings(database_url=base.url, cache_bytes=0)
        title = f"{name}, made for each request"
        yield from asyncio.run(_profile(title, settings, _scope(path, query), EDITS))
    with closing(Own(base, "milia")) as own:
        own.edit()
        yield from _of(f"edit of a claim of milia, {base.claims:,} claims", own.edit, EDITS)
    yield from _of_import(imported)


def _of_import(claims: int) -> list[str]:
    title = f"import of {claims:,} claims into a new base"
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        with lines_in_a_file(claims, folder) as file:
            plain, profiled = (new_base(None, folder, name) for name in ("plain", "profiled"))
            begun = time.perf_counter()
            import_file(plain, file)
            seconds = time.perf_counter() - begun
            return _of(title, lambda: import_file(profiled, file), 1, seconds)


def _of(
    title: str, action: Callable[[], Any], times: int, seconds: float | None = None
) -> list[str]:
    """``seconds`` that one takes without the profile, where it cannot be done twice."""
    if seconds is None:
        begun = time.perf_counter()
        for _ in range(times):
            action()
        seconds = (time.perf_counter() - begun) / times
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(times):
        action()
    profile.disable()
    return [_head(title, seconds, times), *_most_by_themselves(profile), ""]


def _head(title: str, seconds: float, times: int) -> str:
    return f"{title}: {seconds * 1000:.3f} ms each without the profile; {times} times with it"


async def _profile(title: str, settings: Settings, scope: dict[str, Any], times: int) -> list[str]:
    threads, anyio.to_thread.run_sync = anyio.to_thread.run_sync, _in_this_thread  # type: ignore[assignment]
    try:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            for _ in range(3):
                await _ask(app, scope)
            begun = time.perf_counter()
            for _ in range(times):
                await _ask(app, scope)
            each = (time.perf_counter() - begun) / times
            profile = cProfile.Profile()
            profile.enable()
            for _ in range(times):
                await _ask(app, scope)
            profile.disable()
    finally:
        anyio.to_thread.run_sync = threads
    return [_head(title, each, times), *_most_by_themselves(profile), ""]


async def _in_this_thread(action: Callable[..., Any], *given: Any, **_: Any) -> Any:
    return action(*given)


def _scope(path: str, query: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def _ask(app: Any, scope: dict[str, Any]) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message.get("status", 200) != 200:  # noqa: PLR2004 - nothing else is profiled
            raise RuntimeError(f"{scope['path']}: {message['status']}")

    # What is on the way writes into the scope.
    await app(dict(scope), receive, send)


def _most_by_themselves(profile: cProfile.Profile) -> list[str]:
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(LINES)
    rows = [row for row in text.getvalue().splitlines() if row.strip()]
    start = next(number for number, row in enumerate(rows) if "ncalls" in row)
    return [ABOVE_PACKAGES.sub("", row.replace(f"{ROOT}/", "")) for row in rows[start:]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--claims", type=int, default=1_000_000)
    options.add_argument("--bases", type=Path, default=default_folder())
    options.add_argument("--to", type=Path, default=RESULTS / "profiles.txt")
    asked = options.parse_args()
    lines = profiles(base_of(asked.claims, asked.bases))
    asked.to.parent.mkdir(parents=True, exist_ok=True)
    asked.to.write_text("\n".join(lines), encoding="utf-8")
    print(asked.to.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
