"""How fast reads are, as a part of what the same server does with the same bytes.

``python -m bench.reads``: Claimbase and a bare ASGI application, one uvicorn worker each, on
free loopback ports, asked in turn in shuffled order over kept connections. Prints the median
of the rounds: answers a second, and the ratio to the bare application. Nothing is judged.
"""

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.startup.servers import free_port

PATHS = {
    "condition page": "/conditions/milia",
    "condition page, 304": "/conditions/milia",
    "list, 25 rows": "/claims?type=cause&conflict=true",
    "list with two facets": "/claims?type=cause&facet=type&facet=severity",
    "search": "/claims?q=laser+cysts",
    "one claim": "/claims/CLM2",
    "matrix": "/conditions/milia/matrix",
    "without one passage": "/conditions/milia?exclude_passage=milia-syndrome/p10",
}


@contextmanager
def running(command: list[str], environment: dict[str, str], port: int) -> Iterator[str]:
    """A server in a process of its own, awaited and stopped by its id."""
    base = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(  # noqa: S603 - our own commands
        command,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{base}/health/live", timeout=1).read()  # noqa: S310
                break
            except OSError:
                time.sleep(0.05)
        yield base
    finally:
        process.terminate()
        process.wait(timeout=15)


async def ask(port: int, request: bytes, times: int) -> None:
    """One connection that asks ``times`` times, each after the answer before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()


def rate(port: int, request: bytes, *, connections: int, seconds: float) -> float:
    """Answers a second; how many are asked is found by a short run first."""

    async def run(times: int) -> float:
        start = time.perf_counter()
        await asyncio.gather(*(ask(port, request, times) for _ in range(connections)))
        return time.perf_counter() - start

    times = 1
    while (taken := asyncio.run(run(times))) < seconds / 4:
        times *= 2
    times = max(1, round(times * seconds / taken))
    return connections * times / asyncio.run(run(times))


def request_for(path: str, tag: str | None) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1"]
    if tag:
        lines.append(f"If-None-Match: {tag}")
    return "\r\n".join([*lines, "", ""]).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    port = free_port()
    settings = {
        "CLAIMBASE_DATABASE_URL": f"sqlite:///{folder}/bench.db",
        "CLAIMBASE_PORT": str(port),
    }
    command = [sys.executable, "-m", "app", "serve"]
    with running(command, settings, port) as base:
        bodies, tags = {}, {}
        for path in PATHS.values():
            with urllib.request.urlopen(base + path, timeout=30) as answer:  # noqa: S310
                bodies[path], tags[path] = answer.read(), answer.headers["ETag"]
        sys.stdout.write("| read | bytes | answers/s | bare, same bytes | ratio |\n")
        sys.stdout.write("| --- | ---: | ---: | ---: | ---: |\n")
        for name, path in PATHS.items():
            body = b"" if name.endswith("304") else bodies[path]
            compare(folder, options, name, port, path=path, body=body, tag=tags[path])


def compare(
    folder: Path,
    options: argparse.Namespace,
    name: str,
    port: int,
    *,
    path: str,
    body: bytes,
    tag: str,
) -> None:
    file = folder / "body"
    file.write_bytes(body)
    bare_port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.bare:app", "--port", str(bare_port)]
    command += ["--log-level", "warning"]
    with running(command, {"CLAIMBASE_BENCH_BODY": str(file)}, bare_port):
        request = request_for(path, tag if name.endswith("304") else None)
        sides = {"own": (port, request), "bare": (bare_port, request_for("/", None))}
        rates: dict[str, list[float]] = {"own": [], "bare": []}
        for _ in range(options.rounds):
            for side in random.sample(sorted(sides), k=2):
                rates[side].append(
                    rate(
                        *sides[side],
                        connections=options.connections,
                        seconds=options.seconds,
                    ),
                )
    own, bare = statistics.median(rates["own"]), statistics.median(rates["bare"])
    sys.stdout.write(f"| {name} | {len(body):,} | {own:,.0f} | {bare:,.0f} | {own / bare:.4f} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
