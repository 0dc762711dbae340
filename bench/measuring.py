"""What every benchmark is made of: servers, rates and latencies in shuffled rounds, results."""

import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx

from app.commands.accounts import create_account, create_key
from app.commands.changes import ChangeDraft, finish_change
from app.config import ROOT
from app.db import make_engine, make_sessions
from app.policy import Role
from app.queries.accounts import list_accounts
from bench.bases import Base, base_of, default_folder
from bench.load import Connection

Name = TypeVar("Name")
PEERS = ROOT / ".venv-bench" / "bin" / "python"
RESULTS = ROOT / "docs" / "performance"
PATIENCE = 120  # seconds until a server answers
KEPT_SECONDS = 2  # servers close what is idle for longer, after 5 as a rule
ACCOUNT = "bench"


class PeersMissingError(Exception):
    """The peers are not installed: ``make bench`` does it."""


class Servers:
    """Claimbase on bases, one worker each; what is there already is not started again."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._ports: dict[object, int] = {}

    def own(self, base: Base, **given: object) -> int:
        """The port of one with these further settings."""
        wanted = (base.path, *sorted(given.items()))
        if wanted not in self._ports:
            self._ports[wanted] = self._opened.enter_context(own(base, **given))
        return self._ports[wanted]

    def stop(self) -> None:
        self._ports.clear()
        self._opened.close()


@dataclass(frozen=True)
class Plan:
    """``sizes``: claims of the bases, ascending; the last is the one that peers are asked on."""

    bases: Path = field(default_factory=default_folder)
    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    rounds: int = 5
    seconds: float = 1.0
    connections: int = 32
    plots: Path = RESULTS
    servers: Servers = field(default_factory=Servers)

    @property
    def largest(self) -> Base:
        return base_of(self.sizes[-1], self.bases)

    @property
    def smallest(self) -> Base:
        return base_of(self.sizes[0], self.bases)


@dataclass
class Row:
    """One goal, or one part of it. ``measured`` is the ratio that ``wanted`` speaks of, and
    ``reached`` says whether it holds; None where there is nothing to compare it with."""

    goal: str
    what: str
    wanted: str
    measured: float | None
    reached: bool | None
    sides: dict[str, str]
    note: str = ""


class Side(NamedTuple):
    """A server that answers, and what it is asked in turn."""

    port: int
    requests: Sequence[str]
    status: int = 200


@dataclass
class Figures:
    """Of each round. ``asking``: the part of a core that asking took, at most."""

    values: list[float] = field(default_factory=list)
    asking: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def get(path: str, **headers: str) -> str:
    """The request for a path. Header names with underscores, as in ``if_none_match``."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settings(**given: object) -> dict[str, str]:
    """The environment with these settings and none of the caller's."""
    kept = {name: value for name, value in os.environ.items() if "CLAIMBASE_" not in name}
    return kept | {f"CLAIMBASE_{name.upper()}": str(value) for name, value in given.items()}


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    *,
    path: str = "/",
    environment: Mapping[str, str] = os.environ,
) -> Iterator[int]:
    """A server in a process of its own that answers at ``path``; stopped by its id."""
    process = subprocess.Popen(  # noqa: S603 - our own commands
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        give_up_at = time.monotonic() + PATIENCE
        while not _answers(port, path):
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"the server does not answer: {' '.join(command)}")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def _answers(port: int, path: str) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE)
    except httpx.TransportError:
        return False
    return not answer.is_server_error


@contextmanager
def own(base: Base, **given: object) -> Iterator[int]:
    """Claimbase on a base, one worker; ``given`` are further settings. Yields the port."""
    port = free_port()
    environment = settings(database_url=base.url, port=port, **given)
    command = [sys.executable, "-m", "app", "serve"]
    with running(command, port, path="/health/ready", environment=environment):
        yield port


@contextmanager
def served_by_uvicorn(
    application: str, python: Path | str = sys.executable, **environment: str
) -> Iterator[int]:
    """Another ASGI application on the same server. Yields the port."""
    port = free_port()
    command = [str(python), "-m", "uvicorn", application, "--port", str(port)]
    command += ["--no-access-log", "--log-level", "warning"]
    with running(command, port, environment=os.environ | environment):
        yield port


@contextmanager
def bare(body: bytes, folder: Path) -> Iterator[int]:
    """The least that the same server can do: these bytes, whatever is asked. Yields the port."""
    file = folder / f"body-{free_port()}"
    file.write_bytes(body)
    with served_by_uvicorn("bench.bare:app", CLAIMBASE_BENCH_BODY=str(file)) as port:
        yield port


def peers() -> Path:
    """The Python that has the peers. Raises PeersMissingError."""
    if not PEERS.exists():
        raise PeersMissingError
    return PEERS


def rate(side: Side, connections: int, seconds: float) -> tuple[float, float]:
    """Answers a second, and the part of a core that asking took."""
    command = [sys.executable, "-I", "-S", str(ROOT / "bench" / "load.py"), str(side.port)]
    command += [str(connections), str(seconds), str(side.status)]
    ended = subprocess.run(  # noqa: S603 - our own program
        command, input=json.dumps(list(side.requests)), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"{side.requests[0]!r}: {ended.stderr}")
    found = json.loads(ended.stdout)
    return found["answers"] / found["seconds"], found["processor"] / found["seconds"]


def shuffled(sides: Mapping[Name, Callable[[], float]], rounds: int) -> dict[Name, Figures]:
    """Every side once in each round, in a new order each time."""
    found = {name: Figures() for name in sides}
    for _ in range(rounds):
        for name in random.sample(list(sides), k=len(sides)):
            found[name].values.append(sides[name]())
    return found


def rates(sides: Mapping[str, Side], plan: Plan, *, connections: int = 0) -> dict[str, Figures]:
    """Answers a second of each side, in shuffled rounds, after one that does not count."""
    asking = dict.fromkeys(sides, 0.0)

    def measure(name: str, seconds: float) -> float:
        found, used = rate(sides[name], connections or plan.connections, seconds)
        asking[name] = max(asking[name], used)
        return found

    for name in sides:
        measure(name, min(plan.seconds, 0.2))
    measured = shuffled({name: partial(measure, name, plan.seconds) for name in sides}, plan.rounds)
    for name, used in asking.items():
        measured[name].asking = used
    return measured


def seconds_of(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def seconds_until(enough: float, most: int, action: Callable[[], float]) -> float:
    """The median of what an action tells; repeated until that many seconds are spent."""
    end, found = time.perf_counter() + enough, [action()]
    while time.perf_counter() < end and len(found) < most:
        found.append(action())
    return statistics.median(found)


def another_version(statement: str, version: int) -> dict[str, Any]:
    """A patch that changes what is searched and what conflicts are computed from."""
    begin, _, _ = statement.rstrip(".").partition(", as measured in version ")
    return {
        "statement": f"{begin}, as measured in version {version}.",
        "scope": {"age_low": version % 100},
    }


class Asking:
    """One kept connection that reads everything and asks again; ``key``: of an account."""

    def __init__(self, port: int, key: str | None = None) -> None:
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=PATIENCE,
        )
        self._port, self._raw, self._used_at = port, Connection(port), time.monotonic()

    def close(self) -> None:
        self._client.close()
        self._raw.socket.close()

    def ask(self, path: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.get(path, headers=named)

    def read(self, path: str, **headers: str) -> httpx.Response:
        """The answer. Raises httpx.HTTPStatusError for a refusal."""
        return self.ask(path, **headers).raise_for_status()

    def edit(self, claim: str) -> float:
        """The claim says something else from now on, in other words; seconds until the answer."""
        record = self.read(f"/claims/{claim}").json()
        tag = {"If-Match": f'"{claim}.{record["version"]}"'}
        body = another_version(record["statement"], record["version"]) | {"reason": "Measured."}
        begun = time.perf_counter()
        self._client.patch(f"/claims/{claim}", json=body, headers=tag).raise_for_status()
        return time.perf_counter() - begun

    def seconds_of(self, request: str, status: int = 200) -> float:
        """Until the last byte of the answer is there."""
        sent, wanted = request.encode(), str(status).encode()
        if time.monotonic() - self._used_at > KEPT_SECONDS:
            self._raw.socket.close()
            self._raw = Connection(self._port)
        begun = time.perf_counter()
        self._raw.socket.sendall(sent)
        while not self._raw.read(wanted):
            pass
        self._used_at = time.monotonic()
        return time.perf_counter() - begun


def key_of(base: Base | str) -> str:
    """A new key of an admin's account on this base, or the one of this URL."""
    engine = make_engine(base if isinstance(base, str) else base.url)
    try:
        with make_sessions(engine).write.begin() as session:
            draft = ChangeDraft("person", "console", "create_key", "To measure.")
            if all(account["name"] != ACCOUNT for account in list_accounts(session)):
                create_account(session, draft, ACCOUNT, Role.admin)
            key = create_key(session, draft, ACCOUNT, expires_at=None)
            finish_change(session, draft)
    finally:
        engine.dispose()
    return key.text


def per_second(figures: Figures) -> str:
    return f"{figures.median:,.0f}/s" if figures.median >= 100 else f"{figures.median:,.2f}/s"  # noqa: PLR2004 - three digits are enough


def in_milliseconds(figures: Figures) -> str:
    return f"{figures.median * 1000:,.2f} ms"


def at_least(limit: float, ratio: float) -> tuple[str, float, bool]:
    """As a row has it: what was wanted, the ratio, whether it holds."""
    return f"≥ {limit:g}", ratio, ratio >= limit


def at_most(limit: float, ratio: float) -> tuple[str, float, bool]:
    return f"≤ {limit:g}", ratio, ratio <= limit


def machine() -> str:
    return f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
