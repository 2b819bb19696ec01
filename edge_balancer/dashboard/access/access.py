"""Access as a whole, one for each server: the gate, and logging in and out.

Runs on the machine's own clock, also where control runs on a faster one: people do not log in faster in the demo.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from edge_balancer.clock import Clock, SystemClock
from edge_balancer.dashboard.access import hashing
from edge_balancer.dashboard.access.accounts import Accounts
from edge_balancer.dashboard.access.errors import AccessError
from edge_balancer.dashboard.access.few import FewLines
from edge_balancer.dashboard.access.gate import Gate, Need
from edge_balancer.dashboard.access.identify import Identifier
from edge_balancer.dashboard.access.manage import renew_hash
from edge_balancer.dashboard.access.model import Figures, Login, Session
from edge_balancer.dashboard.access.records import NAME, Account
from edge_balancer.dashboard.access.refusal import Refusal
from edge_balancer.dashboard.access.replies import read_login, refused, reply
from edge_balancer.dashboard.access.request import App, Incoming
from edge_balancer.dashboard.access.roles import Role, RoleName, who_of
from edge_balancer.dashboard.access.sessions import READING, Sessions, beside, csrf_of
from edge_balancer.dashboard.access.throttle import Throttle
from edge_balancer.logs import get_logger
from edge_balancer.settings.dashboard import DashboardSettings

_BUSY_S: Final = 2.0
_WRONG: Final = Refusal(401, "name or password is wrong", "login")

_log = get_logger(__name__)


class Access:
    """Who may come in. To be closed. All but `close` is called on the server's event loop."""

    def __init__(self, settings: DashboardSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._accounts = Accounts(settings.accounts)
        self._throttle = Throttle()
        self._thread = hashing.SlowThread()
        self._sessions = Sessions(beside(settings.accounts), self._thread.soon)
        self._identifier = Identifier(settings, self._accounts, self._sessions, self._clock)
        self._lines = FewLines(_log, self._clock.monotonic)
        self._refused: Counter[str] = Counter()
        self._logins = 0
        self._failed = 0

    def wrap(self, app: App, need: Need) -> Gate:
        """The application behind the gate. `need` says which role a method and a path need."""
        return Gate(app, need, self._settings, self._identifier, self._hint, self._lines, self._refused)

    async def session(self, request: Request) -> Response:
        """GET: who is logged in."""
        incoming = Incoming(request.scope)
        found = self._identifier.find(incoming)
        account = None if found.secret is None else self._accounts.now().account(found.who.name)
        return reply(self._said(incoming, account, found.secret))

    async def login(self, request: Request) -> Response:
        """POST: name and password for a session."""
        incoming = Incoming(request.scope)
        asked = await read_login(request)
        if isinstance(asked, Refusal):
            return refused(asked)
        # Phones begin a name with a capital letter.
        name = asked.user.strip().lower()
        account = await self._prove(name, asked, incoming.address)
        if isinstance(account, Refusal):
            self._refused[account.why] += 1
            return refused(account)
        before = self._identifier.find(incoming).secret
        if before is not None:
            self._sessions.end(before)
        self._sessions.sweep(self._accounts.now(), self._clock.wall(), synced=self._clock.synced())
        secret = self._sessions.begin(account, self._clock.wall())
        response = reply(self._said(incoming, account, secret))
        # A page on a wall stays over a restart of its browser; who acts logs in again.
        stays_s = int(READING.all_s) if account.level <= Role.VIEWER else None
        response.set_cookie(
            self._identifier.cookie_name(incoming), secret, max_age=stays_s, path="/", secure=self._settings.tls,
            httponly=True, samesite="strict",
        )  # fmt: skip
        return response

    async def logout(self, request: Request) -> Response:
        """DELETE: the session ends."""
        incoming = Incoming(request.scope)
        found = self._identifier.find(incoming)
        if found.secret is None:
            return refused(Refusal(401, "there is no session to end", "login"))
        self._sessions.end(found.secret)
        _log.info("logout", user=found.who.name, address=incoming.address)
        response = reply(self._said(incoming, None, None))
        response.delete_cookie(
            self._identifier.cookie_name(incoming), path="/", secure=self._settings.tls, httponly=True,
            samesite="strict",
        )  # fmt: skip
        return response

    def figures(self) -> Figures:
        roll = self._accounts.now()
        return Figures(
            accounts=len(roll.accounts),
            operators=sum(account.level >= Role.OPERATOR for account in roll.accounts),
            tokens=len(roll.tokens),
            sessions=len(self._sessions),
            logins=self._logins,
            logins_failed=self._failed,
            refused=dict(self._refused),
            fault=self._accounts.fault,
        )

    def warnings(self) -> tuple[str, ...]:
        """What the log should say where the server starts."""
        if self._settings.loopback:
            return ()
        found = [hint] if (hint := self._hint()) else []
        if not self._settings.tls:
            found.append(
                "passwords and tokens cross the network for everybody to read: "
                "give dashboard.tls_certificate and dashboard.tls_key"
            )
        return tuple(found)

    def close(self) -> None:
        self._sessions.save()
        self._thread.close()

    async def _prove(self, name: str, asked: Login, address: str) -> Account | Refusal:
        """The account that name and password belong to. Everything else takes the same time and looks the same."""
        now = self._clock.monotonic()
        wait_s = self._throttle.wait_s(name, address, now)
        if wait_s > 0.0:
            return Refusal(429, f"too many failed logins: try again in {wait_s:.0f} s", "wait", retry_s=wait_s)
        account = self._accounts.now().account(name)
        encoded = None if account is None else account.password
        try:
            proven = await self._thread.matches(encoded, asked.password, address)
        except hashing.Busy:
            return Refusal(429, "other logins are being looked at: try again in a moment", "wait", retry_s=_BUSY_S)
        # While the password was compared the account may have been removed, or given another one.
        if account is None or not proven or self._accounts.now().account(name) != account:
            self._throttle.failed(name, address, now)
            self._failed += 1
            # An unknown name may be a password in the wrong field: it is not for the log.
            known = name if account is not None and NAME.fullmatch(name) else "(unknown)"
            self._lines.warn("login failed", user=known, address=address)
            return _WRONG
        self._throttle.succeeded(name, address)
        self._logins += 1
        _log.info("login", user=name, role=account.role, address=address)
        if hashing.outdated(account.password):
            self._thread.soon(partial(self._renew, account, asked.password))
        return account

    def _renew(self, account: Account, password: str) -> None:
        """Hash a password as is done today. In the slow thread."""
        try:
            renew_hash(self._settings.accounts, account, hashing.hashed(password))
        except AccessError as error:
            _log.warning("a password's hash could not be renewed", user=account.name, reason=str(error))

    def _said(self, incoming: Incoming, account: Account | None, secret: str | None) -> Session:
        free = self._identifier.reads_freely(incoming)
        token = who_of(incoming.scope) if account is None and who_of(incoming.scope).how == "token" else None
        role: RoleName = "viewer" if free else "none"
        if account is not None:
            role = account.role
        elif token is not None:
            role = token.role.word
        return Session(
            user=None if account is None else account.name,
            role=role,
            csrf=None if secret is None else csrf_of(secret),
            login_needed=account is None and token is None and not free,
            reading_free=free,
            accounts=bool(self._accounts.now().accounts),
            hint=self._hint(),
        )

    def _hint(self) -> str:
        """How to make an account, where there is none."""
        roll = self._accounts.now()
        if self._accounts.fault:
            return "accounts cannot be read, so nobody can log in: the controller's log says why"
        if roll.accounts:
            return ""
        return (
            "there is no account yet: on the controller call `sudo edge-balancer account add NAME --role admin`, "
            "then log in here"
        )
