"""What the server counts, for diagnostics and `/metrics`. Read by other threads; each value by itself is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from edge_balancer.dashboard.access.access import Access
    from edge_balancer.dashboard.past.unreadable import Unreadable
    from edge_balancer.dashboard.stream.hub import Hub


class Answers(Protocol):
    """Whoever answers requests, and how many it had and met a defect with."""

    @property
    def requests(self) -> int: ...

    @property
    def errors(self) -> int: ...


class Figures:
    """Of the present server, and of those before it since the start."""

    def __init__(self) -> None:
        self.address = ""
        self.fault = ""
        """Why the page is not served at present; empty where it is."""
        self.restarts = 0
        self._before = {"dropped": 0, "errors": 0, "requests": 0, "unreadable": 0}
        self._hub: Hub | None = None
        self._application: Answers | None = None
        self._access: Access | None = None
        self._unreadable: Unreadable | None = None

    def follow(self, hub: Hub, application: Answers, access: Access, unreadable: Unreadable) -> None:
        """A server has begun."""
        self._before = self.counts()
        self._hub, self._application, self._access, self._unreadable = hub, application, access, unreadable

    def shown(self) -> dict[str, Any]:
        """For `B/diagnostics`."""
        found: dict[str, Any] = {
            "address": self.address,
            "fault": self.fault,
            "restarts": self.restarts,
            **self.counts(),
        }
        if self._access is not None:
            figures = self._access.figures()
            found["logins"] = figures.logins
            found["logins_failed"] = figures.logins_failed
            found["refused"] = figures.refused
        return found

    def counts(self) -> dict[str, int]:
        """Pages that follow live; since the start: pages dropped, defects met, requests, records that could not be
        shown."""
        hub, application, unreadable = self._hub, self._application, self._unreadable
        return {
            "clients": 0 if hub is None or self.fault else hub.readers,
            "dropped": self._before["dropped"] + (0 if hub is None else hub.dropped),
            "errors": self._before["errors"] + (0 if application is None else application.errors),
            "requests": self._before["requests"] + (0 if application is None else application.requests),
            "unreadable": self._before["unreadable"] + (0 if unreadable is None else unreadable.count),
        }
