"""How long a login has to wait after failures, by the address it comes from and by the name it is for.

Pure: time is handed in (monotonic s). Names are counted alike whether an account of that name exists or not. The wait
for a name is short, and spares addresses from which its owner has logged in and this machine itself: nobody is shut out
for ever by somebody else's failures. Memory is bounded: the least recent entries go.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

FORGET_S: Final = 900.0
"""Failures count until there has been none for so long."""
MOST_KEYS: Final = 1024
MOST_FRIENDS: Final = 256


@dataclass(frozen=True, slots=True)
class Pace:
    """How the wait grows: `free` failures cost nothing, then 1, 2, 4, ... seconds up to `most_s`."""

    free: int
    most_s: float


ADDRESS_PACE: Final = Pace(free=5, most_s=60.0)
NAME_PACE: Final = Pace(free=10, most_s=30.0)


@dataclass(slots=True)
class _Failures:
    count: int
    last: float
    until: float


class Backoff:
    """Failures by one kind of key."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._by_key: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_key)

    def wait_s(self, key: str, now: float) -> float:
        """Seconds until the next attempt is looked at; 0 for now."""
        found = self._by_key.get(key)
        return 0.0 if found is None else max(0.0, found.until - now)

    def fail(self, key: str, now: float) -> None:
        found = self._by_key.pop(key, None)
        if found is None or now - found.last > FORGET_S:
            found = _Failures(0, now, now)
        found.count += 1
        found.last = now
        beyond = found.count - self._pace.free
        if beyond > 0:
            # Bounded before it is raised to a power: failures may be many.
            found.until = now + min(self._pace.most_s, 2.0 ** min(beyond - 1, 30))
        self._by_key[key] = found
        while len(self._by_key) > MOST_KEYS:
            self._by_key.popitem(last=False)


class Throttle:
    """Both waits together."""

    def __init__(self) -> None:
        self._addresses = Backoff(ADDRESS_PACE)
        self._names = Backoff(NAME_PACE)
        self._friends: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait_s(self, name: str, address: str, now: float) -> float:
        """Seconds that this login has to wait; 0 where it is looked at. An attempt that must wait counts as none."""
        wait_s = self._addresses.wait_s(self._party(name, address), now)
        if (name, address) not in self._friends and not is_loopback(address):
            wait_s = max(wait_s, self._names.wait_s(name, now))
        return wait_s

    def failed(self, name: str, address: str, now: float) -> None:
        self._addresses.fail(self._party(name, address), now)
        self._names.fail(name, now)

    def succeeded(self, name: str, address: str) -> None:
        """Failures stay: who has an account of their own must not get more guesses at another's by it."""
        self._friends.pop((name, address), None)
        self._friends[name, address] = None
        while len(self._friends) > MOST_FRIENDS:
            self._friends.popitem(last=False)

    def _party(self, name: str, address: str) -> str:
        """Whose failures count together. Who has logged in from this very address does not pay for the neighbours."""
        return f"{name} at {address}" if (name, address) in self._friends else neighbourhood(address)


def neighbourhood(address: str) -> str:
    """What one party can have many of counts as one: IPv6 addresses of one /64."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        if not found.is_loopback:
            return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback
