"""How often somebody may try. Kept in this process: a restart forgets, and two processes count apart."""

from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import ip_network
from time import monotonic

from quart import current_app

MOST_KEYS = 10_000


class Throttle:
    """At most `limit` times within `per` seconds for each key."""

    def __init__(self, limit: int, per: float, clock: Callable[[], float] = monotonic) -> None:
        self._limit = limit
        self._per = per
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, key: str) -> bool:
        """Whether it may be done once more; counts it if so."""
        now = self._clock()
        times = self._times.setdefault(key, deque())
        while times and times[0] <= now - self._per:
            times.popleft()
        self._times.move_to_end(key)
        if len(self._times) > MOST_KEYS:
            self._times.popitem(last=False)
        if len(times) >= self._limit:
            return False
        times.append(now)
        return True


def allows(what: str, who: str, *, limit: int, per: float) -> bool:
    """Whether they may do that once more, at most `limit` times within `per` seconds; counts it if so."""
    throttle: Throttle = current_app.extensions.setdefault(f"throttle: {what}", Throttle(limit, per))
    return throttle.allows(who)


def client_key(ip: str) -> str:
    """One client is one IPv4 address, or one IPv6 /64: whoever has one of those has them all."""
    return str(ip_network(f"{ip}/64", strict=False)) if ":" in ip else ip
