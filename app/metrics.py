"""Numbers for Prometheus: of this process, and of the base that all processes share.

Labels are bounded: routes are named by their templates, never by what was asked for. What a
process counts is labelled with its pid, because each scrape reaches one worker of several.
"""

import os
import threading
import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError

from app.db import Sessions
from app.queries.gauges import Gauges, read_gauges
from app.replicas import Reads
from app.version import VERSION

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
REFUSALS = {401, 403}
# So often the base is asked, however often somebody scrapes.
GAUGES_SECONDS = 5.0


class CacheCounts:
    """Counted on the hottest path there is: plain integers of the event loop's one thread."""

    __slots__ = ("hits", "misses", "renewals")

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0
        self.renewals = 0


class Metrics:
    def __init__(self, sessions: Sessions, reads: Reads) -> None:
        self.cache = CacheCounts()
        self._pid = str(os.getpid())
        self._registry = CollectorRegistry(auto_describe=False)
        self._requests = Counter(
            "claimbase_requests",
            "Answers that were not taken from the cache.",
            ("pid", "method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "claimbase_request_seconds",
            "Until the answer began, of requests that were not answered from the cache.",
            ("pid", "method", "route"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._refused = Counter(
            "claimbase_refused",
            "Requests without a valid key (401) or without the role (403).",
            ("pid", "status"),
            registry=self._registry,
        )
        self._registry.register(_OfTheCache(self._pid, self.cache))
        self._registry.register(_OfTheBase(sessions))
        if reads.replica is not None:
            self._registry.register(_OfTheReplica(self._pid, reads))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """``route`` is a template; ``seconds`` until the answer began."""
        method = method if method in METHODS else "other"
        self._requests.labels(self._pid, method, route, f"{status // 100}xx").inc()
        self._seconds.labels(self._pid, method, route).observe(seconds)
        if status in REFUSALS:
            self._refused.labels(self._pid, str(status)).inc()

    def write(self) -> bytes:
        """All of it, in the Prometheus text format."""
        return generate_latest(self._registry)


class _OfTheCache(Collector):
    def __init__(self, pid: str, counts: CacheCounts) -> None:
        self._pid = pid
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "claimbase_cache_requests",
            "Anonymous GETs that were looked up among the kept answers.",
            labels=("pid", "outcome"),
        )
        family.add_metric((self._pid, "hit"), self._counts.hits)
        family.add_metric((self._pid, "miss"), self._counts.misses)
        yield family
        renewals = CounterMetricFamily(
            "claimbase_cache_renewals",
            "Pages that were made anew with the edit that changed them.",
            labels=("pid",),
        )
        renewals.add_metric((self._pid,), self._counts.renewals)
        yield renewals


class _OfTheBase(Collector):
    """A base that is away takes only its own numbers along."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._gauges: Gauges | None = None

    def collect(self) -> Iterable[Metric]:
        gauges = self._current()
        up = GaugeMetricFamily("claimbase_database_up", "Whether the database answers.")
        up.add_metric((), gauges is not None)
        info = GaugeMetricFamily("claimbase_info", "The release.", labels=("release",))
        info.add_metric((VERSION,), 1)
        yield from (up, info)
        if gauges is None:
            return
        for name, words, value in (
            ("claimbase_last_change", "The number of the last change.", gauges.last_change),
            ("claimbase_database_bytes", "The size of the base.", gauges.size_bytes),
            ("claimbase_imports", "Bulk imports that were applied.", gauges.imports),
        ):
            yield GaugeMetricFamily(name, words, value=value)
        for name, words, label, numbers in (
            ("claimbase_open_conflicts", "Open conflicts.", "severity", gauges.open_conflicts),
            ("claimbase_waiting", "What waits for a curator.", "queue", gauges.waiting),
        ):
            family = GaugeMetricFamily(name, words, labels=(label,))
            for labelled, number in numbers.items():
                family.add_metric((labelled,), number)
            yield family

    def _current(self) -> Gauges | None:
        with self._lock:
            now = time.monotonic()
            if now - self._read_at >= GAUGES_SECONDS:
                try:
                    with self._sessions.read() as session:
                        self._gauges = read_gauges(session)
                except DBAPIError:
                    self._gauges = None
                self._read_at = now
            return self._gauges


class _OfTheReplica(Collector):
    """Asked for each scrape: it is two small statements."""

    def __init__(self, pid: str, reads: Reads) -> None:
        self._pid = pid
        self._reads = reads

    def collect(self) -> Iterable[Metric]:
        reads = CounterMetricFamily(
            "claimbase_reads",
            "Reads that were not answered from the cache, by the base that was chosen.",
            labels=("pid", "base"),
        )
        for base in ("primary", "replica", "replica_failed"):
            reads.add_metric((self._pid, base), self._reads.counts[base])
        yield reads
        state = self._reads.replica_state()
        if state is None:
            return
        up = GaugeMetricFamily("claimbase_replica_up", "Whether the replica answers and follows.")
        up.add_metric((), state.state != "away")
        yield up
        if state.behind is not None:
            words = "Changes that the replica lacks."
            yield GaugeMetricFamily("claimbase_replica_behind", words, value=state.behind)
