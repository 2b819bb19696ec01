"""Where a request was meant to go, and whose page sent it. Pure functions of a request's headers.

Against DNS rebinding: a name that is not ours is not answered. Against cross-site requests: what another site's page
sends is refused, reading included.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from typing import Final

_HOST: Final = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::([0-9]{1,5}))?", re.ASCII)
_ORIGIN: Final = re.compile(r"(https?)://(.+)", re.ASCII)
_PORTS: Final = {"http": 80, "https": 443}
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PROXY_HEADERS: Final = frozenset({b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"true-client-ip"})
_PROXY_PREFIXES: Final = (b"x-forwarded-", b"cf-", b"fastly-", b"x-envoy-")


def passed_on(header_names: Iterable[bytes], http_version: str) -> bool:
    """Whether a proxy has sent this for somebody else, as far as it shows. `header_names` in small letters.

    Most add a header of theirs. nginx, unless it is told to, adds none and asks in HTTP/1.0, which browsers do not.
    """
    return http_version == "1.0" or any(
        name in _PROXY_HEADERS or name.startswith(_PROXY_PREFIXES) for name in header_names
    )


def split_host(value: str) -> tuple[str, int | None] | None:
    """A Host header's name (small letters, no brackets, no final dot) and port; None where it is none."""
    found = _HOST.fullmatch(value.lower())
    if found is None:
        return None
    port = None if found[2] is None else int(found[2])
    name = found[1].strip("[]").removesuffix(".")
    return None if not name or (port is not None and port > 65535) else (name, port)


def is_loopback_name(name: str) -> bool:
    """Whether a name can only mean this machine (RFC 6761, 6.3)."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    found = _address(name)
    return found is not None and found.is_loopback


def is_ours(name: str, names: Collection[str], *, loopback: bool) -> bool:
    """Whether we answer to a name. `names` are those configured, and the machine's own; `loopback`: only this machine
    reaches us.

    In the network every address in figures is accepted: to rebind, an attacker needs a name.
    """
    if name in names or is_loopback_name(name):
        return True
    return not loopback and _address(name) is not None


def foreign(fetch_site: str | None, origin: str | None, host: str, scheme: str) -> bool:
    """Whether the page of another site sent this request, as far as it says: browsers do, programs need not."""
    if fetch_site is not None and fetch_site.lower() not in {"same-origin", "none"}:
        return True
    return origin is not None and not same_origin(origin, host, scheme)


def same_origin(origin: str, host: str, scheme: str) -> bool:
    """Whether an Origin header names us, who were called by `host`. Behind a proxy with TLS, https may reach us as
    http."""
    found = _ORIGIN.fullmatch(origin.lower())
    if found is None or (found[1] != scheme and found[1] != "https"):
        return False
    theirs, ours = split_host(found[2]), split_host(host)
    if theirs is None or ours is None:
        return False
    return (theirs[0], theirs[1] or _PORTS[found[1]]) == (ours[0], ours[1] or _PORTS[found[1]])


def navigates(method: str, mode: str | None, dest: str | None) -> bool:
    """Whether it is a link that somebody followed to here: harmless, wherever it stood."""
    return method in {"GET", "HEAD"} and mode == "navigate" and dest == "document"


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
