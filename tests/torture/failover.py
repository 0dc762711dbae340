"""A PostgreSQL that dies, and the standby that takes its place, while two services are written to.

``python -m tests.torture.failover [--rounds 20] [--planted lagging|deaf]``: two servers of our own,
of which one follows the other and is waited for by each commit (``synchronous_standby_names``),
with ``fsync``. The services know both by one URL and are not started anew. By turns the primary is
killed before the standby is promoted; stands still until then; or is only cut off from the standby
and lives on for some seconds, so that there are two, before it is killed. What is left of it
becomes the next standby.

Everything acknowledged has to be there, nothing in part, and all answers are right or 503 with
``Retry-After``. Afterwards both services answer from memory again, and what was written is shown
at once where it was written, and to whoever names the change; elsewhere as soon as a notice comes.

The planted faults are a standby that nobody waits for and that receives no more of the log, and
services that do not ask whether the base changed.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.db import make_engine, make_sessions
from tests.accounts import bearer, key_of
from tests.postgresql import find_binaries, given_to_postgres
from tests.standby import PostgresServer
from tests.startup.servers import PATIENCE
from tests.torture import clients
from tests.torture.clients import EDITORS, READERS, Clients, client_of
from tests.torture.services import Served, served
from tests.torture.stale_reads import LONGEST_SECONDS
from tests.torture.writers import (
    Attempt,
    base_faults,
    disagreements,
    prepare_small_base,
    tokens_in,
)

PLANTED = {"lagging": None, "deaf": "create_stale_app"}
CLAIM = "CLM1"
SHOWING = (f"/claims/{CLAIM}", "/claims?limit=100", "/conditions/milia")
LONGEST_LIFE = 1  # seconds between writes that were acknowledged and the death
BOTH_SECONDS = 3  # that a primary lives beside the one that was promoted
WAYS = ("killed", "hung", "cut off")
EDITS = 6  # that are looked for after each failover
# What a killed server leaves in shared memory lies in its folder, and goes with it.
IN_FOLDER = "dynamic_shared_memory_type=mmap"


@dataclass
class Outcome(clients.Outcome):
    """``gaps``: seconds from each death until something was acknowledged again."""

    gaps: list[float] = field(default_factory=list)
    looked: int = 0


class Cluster:
    """Two servers at two addresses that stay; they take turns at being the primary."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._settings = settings
        given_to_postgres(folder)
        binaries = find_binaries()
        self.primary = PostgresServer(folder, "one", binaries)
        self.standby = PostgresServer(folder, "other", binaries)
        self.primary.make()
        self.primary.start(IN_FOLDER, *self._settings)
        self.primary.ask("CREATE DATABASE claimbase")
        hosts = [f"host=127.0.0.1:{each.port}" for each in (self.primary, self.standby)]
        rest = "target_session_attrs=read-write"  # as docs/operations.md has it
        self.url = f"postgresql://claimbase@/claimbase?{'&'.join(hosts)}&{rest}"

    def close(self) -> None:
        self.standby.stop()
        self.primary.stop()

    def follow(self) -> None:
        """Make the standby as the primary is now; from then on each commit waits for it."""
        self.standby.copy(self.primary)
        self.standby.start(IN_FOLDER, *self._settings)
        self._let_commits_wait_for(self.standby.name)
        in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        _wait_until(lambda: self.primary.ask(in_step) == 1, "the standby does not follow")

    def fall_behind(self) -> None:
        """Nothing reaches the standby any more, and nobody waits for it."""
        self._let_commits_wait_for("")
        self.standby.ask("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.ask("SELECT pg_reload_conf()")
        followers = "SELECT count(*) FROM pg_stat_replication"
        _wait_until(lambda: self.primary.ask(followers) == 0, "the standby still follows")

    def _let_commits_wait_for(self, name: str) -> None:
        self.primary.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.primary.ask("SELECT pg_reload_conf()")

    def promote(self) -> None:
        assert self.standby.ask("SELECT pg_promote(true, 60)")

    def swap(self) -> None:
        """The dead one is to follow, with nothing kept of what it had."""
        self.primary.remove()
        self.primary, self.standby = self.standby, self.primary


def _wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
    give_up_at = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < give_up_at, otherwise
        time.sleep(0.02)


def run(rounds: int, *, planted: str | None = None) -> Outcome:
    outcome, begun = Outcome(), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="claimbase-pg-", ignore_cleanup_errors=True) as name,
        tempfile.TemporaryDirectory() as seed_folder,
        ExitStack() as stack,
    ):
        cluster = Cluster(Path(name), "fsync=on")
        stack.callback(cluster.close)
        prepare_small_base(cluster.url, Path(seed_folder))
        _try(cluster, outcome, rounds, planted)
    outcome.seconds = time.monotonic() - begun
    return outcome


def _try(cluster: Cluster, outcome: Outcome, rounds: int, planted: str | None) -> None:
    engine = make_engine(cluster.url)
    sessions = make_sessions(engine)
    key = key_of(sessions)
    factory = PLANTED[planted] if planted else None
    made: list[Attempt] = []
    with ExitStack() as stack:
        servers = [
            stack.enter_context(served(cluster.url, planted=factory, metrics_public="true"))
            for _ in range(2)
        ]
        for number in range(rounds):
            cluster.follow()
            at_work = [
                Clients(server, key, outcome, f"r{number}-{which}")
                for which, server in enumerate(servers)
            ]
            if planted == "lagging":
                cluster.fall_behind()
            _fail_over(cluster, at_work, outcome, WAYS[number % len(WAYS)])
            made += [attempt for each in at_work for attempt in each.made]
            Look(servers, key, outcome).look(number)
            cluster.swap()
    with sessions.read() as session:
        outcome.faults += disagreements(made, tokens_in(session))
        outcome.faults += base_faults(session)
    engine.dispose()
    outcome.writes.update(attempt.outcome for attempt in made)


def _fail_over(cluster: Cluster, at_work: list[Clients], outcome: Outcome, way: str) -> None:
    with ExitStack() as stack:
        for each in at_work:
            stack.enter_context(each.at_work())
        for each in at_work:
            each.wait_for_progress()
        time.sleep(random.uniform(0, LONGEST_LIFE))  # dies whenever it likes
        died_at = time.monotonic()
        if way == "killed":
            cluster.primary.kill()
            for each in at_work:
                each.wait_for_a_refusal()
            cluster.promote()
        elif way == "hung":
            with cluster.primary.standing_still():
                cluster.promote()
                cluster.primary.kill()
        else:
            cluster.promote()
            time.sleep(BOTH_SECONDS)  # the services still write to the old one
            died_at = time.monotonic()
            cluster.primary.kill()
        outcome.done[way] += 1
        for each in at_work:
            each.wait_for_progress()
            outcome.gaps.append(time.monotonic() - died_at)


class Look:
    """Whether two services show what is written in one of them."""

    def __init__(self, servers: list[Served], key: str, outcome: Outcome) -> None:
        self._servers, self._key, self._outcome = servers, bearer(key), outcome

    def look(self, number: int) -> None:
        with ExitStack() as stack:
            pair = [stack.enter_context(client_of(server)) for server in self._servers]
            hits = [_hits(client) for client in pair]
            for edit in range(EDITS):
                self._edit_and_look(pair[edit % 2], pair[1 - edit % 2], f"Seen {number}.{edit}.")
            for client, before in zip(pair, hits, strict=True):
                self._wait_for_memory(client, before)

    def _edit_and_look(self, writer: httpx.Client, reader: httpx.Client, said: str) -> None:
        change = self._edit(writer, said)
        self._see(writer, said, "the writer's service")
        self._see(reader, said, "whoever names the change", {"Claimbase-Change": change})
        give_up_at = time.monotonic() + LONGEST_SECONDS
        while not all(said in reader.get(path).text for path in SHOWING):
            if time.monotonic() > give_up_at:
                break  # told by what comes next
            time.sleep(0.002)
        self._see(reader, said, "the other service, after a while")

    def _edit(self, client: httpx.Client, said: str) -> str:
        version = client.get(f"/claims/{CLAIM}", headers=self._key).json()["version"]
        answer = client.patch(
            f"/claims/{CLAIM}",
            json={"statement": said, "reason": "A test."},
            headers=self._key | {"If-Match": f'"{CLAIM}.{version}"'},
        )
        assert answer.is_success, answer.text
        return answer.headers["claimbase-change"]

    def _see(
        self, client: httpx.Client, said: str, who: str, headers: dict[str, str] | None = None
    ) -> None:
        for path in SHOWING * 2:  # the second time from memory
            self._outcome.looked += 1
            if said not in client.get(path, headers=headers).text:
                self._outcome.faults.append(f"{who} is not shown '{said}' at {path}")

    def _wait_for_memory(self, client: httpx.Client, before: int) -> None:
        """Only who hears of the base's changes answers from memory."""

        def answers() -> bool:
            client.get(SHOWING[0])
            return _hits(client) > before

        _wait_until(answers, "nothing is answered from memory any more")


def _hits(client: httpx.Client) -> int:
    """How often a service answered from memory."""
    lines = client.get("/metrics").text.splitlines()
    is_hit = 'outcome="hit"'
    counts = [
        line for line in lines if line.startswith("claimbase_cache_requests") and is_hit in line
    ]
    return sum(int(float(line.split()[-1])) for line in counts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--planted", choices=PLANTED, help="with the fault: has to be found")
    given = parser.parse_args()
    outcome = run(given.rounds, planted=given.planted)
    print(
        f"postgresql: {outcome.done['killed']} primaries killed, {outcome.done['hung']} hung and "
        f"then killed, {outcome.done['cut off']} cut off and killed {BOTH_SECONDS} s after "
        f"the promotion, under {2 * EDITORS} editors, 2 importers and {2 * READERS} readers of 2 "
        f"services in {outcome.seconds:.0f} s: reads {dict(outcome.reads)}, writes "
        f"{dict(outcome.writes)}; from the death until a write was acknowledged "
        f"{statistics.median(outcome.gaps):.1f} s (median), {max(outcome.gaps):.1f} s at most; "
        f"{outcome.looked} reads afterwards; {len(outcome.faults)} faults",
    )
    for line in outcome.faults[:10]:
        print(f"  {line}")
    return int(bool(outcome.faults) is (given.planted is None))


if __name__ == "__main__":
    raise SystemExit(main())
