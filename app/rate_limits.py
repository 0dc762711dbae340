"""How much one address, or one account, may ask in a minute.

Counted in this process alone: with several workers each grants the whole allowance. What was
used comes back evenly, a request each ``60 / per_minute`` seconds (the generic cell rate
algorithm: one number for each who asks), so that nobody gains by waiting for a minute's turn.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

WINDOW_SECONDS = 60
# Who was not seen for longest is forgotten first, and starts anew.
MAX_KNOWN = 100_000
# Keys have 256 random bits: this saves the database work, it does not guard the keys.
FAILURES_PER_MINUTE = 20


class Quota(NamedTuple):
    """What is left to somebody. ``wait`` is 0 where the request is granted."""

    policy: str
    per_minute: int
    left: int
    whole_in: int  # seconds until all of it is there again
    wait: int

    @property
    def headers(self) -> dict[str, str]:
        """As the IETF's draft of RateLimit header fields has them."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.per_minute};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={self.left};t={self.whole_in}',
        }


class RateLimiter:
    """``policy`` names it in headers; ``per_minute`` of 0 grants everything."""

    def __init__(
        self,
        policy: str,
        per_minute: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        max_known: int = MAX_KNOWN,
    ) -> None:
        self.policy = policy
        self.per_minute = per_minute
        self._clock = clock
        self._max_known = max_known
        # The moment at which each will have used nothing.
        self._rested_at: OrderedDict[str, float] = OrderedDict()

    def take(self, who: str) -> Quota | None:
        """Count a request of theirs; a refused one does not count."""
        quota = self.look(who)
        if quota is None or quota.wait:
            return quota
        now = self._clock()
        rested_at = max(self._rested_at.get(who, now), now) + WINDOW_SECONDS / self.per_minute
        self._rested_at[who] = rested_at
        self._rested_at.move_to_end(who)
        if len(self._rested_at) > self._max_known:
            self._rested_at.popitem(last=False)
        return quota._replace(left=quota.left - 1, whole_in=math.ceil(rested_at - now))

    def look(self, who: str) -> Quota | None:
        """The same without counting; None where nothing is limited."""
        if not self.per_minute:
            return None
        used = max(self._rested_at.get(who, 0.0) - self._clock(), 0.0)
        step = WINDOW_SECONDS / self.per_minute
        free = WINDOW_SECONDS - used
        # A request's worth of time that is short by a rounding is there.
        left = int(free / step + 1e-6)
        wait = 0 if left else max(1, math.ceil(step - free))
        return Quota(self.policy, self.per_minute, left, math.ceil(used), wait)


class RateLimits:
    """The limits of one process."""

    def __init__(self, *, anonymous: int, account: int) -> None:
        self.anonymous = RateLimiter("anonymous", anonymous)
        self.accounts = RateLimiter("account", account)
        self.are_on = bool(anonymous or account)
        self.failures = RateLimiter("failed-keys", FAILURES_PER_MINUTE if self.are_on else 0)


@lru_cache(maxsize=4096)
def network_of(host: str) -> str:
    """Who an address belongs to: itself, or the /64 of IPv6 that one customer has whole."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:100]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, 64), strict=False))
    return str(address)
