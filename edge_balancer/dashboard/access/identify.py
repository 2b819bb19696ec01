"""Whom a request comes from: a token, a session's cookie, or this machine itself. What that allows is the gate's
business."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from edge_balancer.clock import Clock
from edge_balancer.dashboard.access import tokens
from edge_balancer.dashboard.access.accounts import Accounts
from edge_balancer.dashboard.access.origin import SAFE_METHODS, is_loopback_name, passed_on, split_host
from edge_balancer.dashboard.access.records import Token
from edge_balancer.dashboard.access.request import Incoming
from edge_balancer.dashboard.access.roles import NOBODY, Role, Who
from edge_balancer.dashboard.access.sessions import Sessions
from edge_balancer.dashboard.access.throttle import is_loopback
from edge_balancer.settings.dashboard import DashboardSettings


@dataclass(frozen=True, slots=True)
class Found:
    """Whom a request comes from, and how to see later whether that still holds."""

    who: Who
    holds: Callable[[], bool]
    secret: str | None = None
    """Of the session, where it is one."""
    bad_token: bool = False
    """A token was shown, and is none that holds."""


class Identifier:
    """Knows people by what their requests carry."""

    def __init__(self, settings: DashboardSettings, accounts: Accounts, sessions: Sessions, clock: Clock) -> None:
        self._settings = settings
        self._accounts = accounts
        self._sessions = sessions
        self._clock = clock
        self.names = _names(settings)

    def find(self, request: Incoming) -> Found:
        shown = [
            token for value in request.all(b"authorization") if (token := tokens.of_authorization(value)) is not None
        ]
        if shown:
            return self._by_token(shown)
        secret = request.cookie(self.cookie_name(request))
        if secret is not None:
            session = self._by_session(secret)
            if session is not None:
                return session
        if request.method in SAFE_METHODS and self.reads_freely(request):
            return Found(Who("", Role.VIEWER, "loopback"), lambda: True)
        return Found(NOBODY, lambda: True)

    def cookie_name(self, request: Incoming) -> str:
        """Cookies know no ports: two controllers on one machine must not overwrite one another's."""
        server = request.scope.get("server")
        port = server[1] if server and server[1] else self._settings.port
        return f"__Host-eb_{port}" if self._settings.tls else f"eb_{port}"

    def reads_freely(self, request: Incoming) -> bool:
        """Whether this client may read without a login: it is on this machine, calls us by its own name, and nobody has
        passed the request on."""
        settings = self._settings
        if not (settings.loopback and settings.free_reading and is_loopback(request.address)):
            return False
        host = split_host(request.one(b"host") or "")
        if host is None or not is_loopback_name(host[0]):
            return False
        return not passed_on(request.header_names, request.http_version)

    def _by_token(self, shown: list[bytes]) -> Found:
        bearer = tokens.parse(shown[0]) if len(shown) == 1 else None
        token = None if bearer is None else self._accounts.now().token_by_id(bearer.id)
        if bearer is None or token is None or not bearer.proves(token.sha256) or token.expired(self._clock.wall()):
            return Found(NOBODY, lambda: True, bad_token=True)
        return Found(Who(token.name, token.level, "token"), lambda: self._token_holds(token))

    def _token_holds(self, token: Token) -> bool:
        return self._accounts.now().token_by_id(token.id) == token and not token.expired(self._clock.wall())

    def _by_session(self, secret: str) -> Found | None:
        clock = self._clock
        account = self._sessions.account(secret, self._accounts.now(), clock.wall(), use=True, synced=clock.synced())
        if account is None:
            return None

        def holds() -> bool:
            now = self._sessions.account(secret, self._accounts.now(), clock.wall(), use=False, synced=clock.synced())
            return now is not None and now.level >= account.level

        return Found(Who(account.name, account.level, "session"), holds, secret)


def _names(settings: DashboardSettings) -> frozenset[str]:
    """By which names we may be called, besides the loopback's and (in the network) addresses."""
    names = {found[0] for name in settings.names if (found := split_host(name)) is not None}
    if not settings.loopback:
        own = socket.gethostname().lower()
        first = own.partition(".")[0]
        names |= {own, first, f"{first}.local", settings.host.lower().strip("[]")}
    return frozenset(names)
