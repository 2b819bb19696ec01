"""One POST over HTTP or HTTPS that ends in time whatever the other side does, and reads no more than it is told.

Follows a redirect only within the host that was named. What an answer means is the caller's matter.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from edge_balancer.alerts.channels.deadline import Deadline

_MOST_REDIRECTS: Final = 3
_KEEPING: Final = (307, 308)
"""Redirects that keep the method. The others would make a GET of it, which tells nobody anything."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is the beginning of what is said with a failure; empty with a success."""

    status: int
    location: str
    retry_after: str
    text: str


def post(
    url: str, body: bytes, headers: Mapping[str, str], timeout_s: float, most_bytes: int, tls: ssl.SSLContext | None
) -> Answer:
    """Post and read the answer, redirects included, within the time.

    `tls` replaces the system's certificate authorities. Raises OSError (TimeoutError, ssl.SSLError among them),
    http.client.HTTPException, and ValueError where an address is none.
    """
    deadline = time.monotonic() + timeout_s
    answer = _request(urlsplit(url), body, headers, deadline, most_bytes, tls)
    for _ in range(_MOST_REDIRECTS):
        goal = urljoin(url, answer.location)
        # What is posted, and what proves who posts it, is for this host alone.
        if answer.status not in _KEEPING or _origin(urlsplit(goal)) != _origin(urlsplit(url)):
            break
        url = goal
        answer = _request(urlsplit(url), body, headers, deadline, most_bytes, tls)
    return answer


def _request(
    url: SplitResult,
    body: bytes,
    headers: Mapping[str, str],
    deadline: float,
    most_bytes: int,
    tls: ssl.SSLContext | None,
) -> Answer:
    host, target = url.hostname or "", f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
    left_s = max(0.01, deadline - time.monotonic())
    # Always said: http.client would take the end of an IPv6 address for a port.
    port = _origin(url)[2]
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        context = tls or ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=left_s, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=left_s)
    with Deadline(connection, left_s) as guard:
        connection.connect()
        guard.in_time()
        connection.request("POST", target, body, dict(headers))
        response = connection.getresponse()
        text = b"" if 200 <= response.status < 300 else response.read(most_bytes)
        guard.in_time()
    said = response.headers
    return Answer(
        response.status, said.get("Location", ""), said.get("Retry-After", ""), text.decode("utf-8", "replace")
    )


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme)
