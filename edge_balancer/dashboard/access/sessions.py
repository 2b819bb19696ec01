"""Who is logged in. Kept in memory and, as hashes, in a file beside the accounts: a page on a wall stays logged in over
a restart, and who reads the file cannot log in with it.

The account's present role counts, not that at the login. The file is written at logins and logouts, and once a day for
what is in use.
Time is handed in (Unix seconds: a session outlives the monotonic clock).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from edge_balancer.dashboard.access import private_file
from edge_balancer.dashboard.access.records import Account, Roll
from edge_balancer.dashboard.access.roles import Role
from edge_balancer.logs import get_logger

HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
MOST_SESSIONS: Final = 256
MOST_OF_ONE: Final = 16
"""Sessions of one account: with one more, the least recently used ends."""
SAVE_EVERY_S: Final = DAY_S
"""A session that is used is noted as such in the file this often: after a power cut it counts as used then."""
_CLOCK_SLACK_S: Final = 300.0
"""A session that began further ahead was begun by a clock that was wrong: how old it is nobody knows."""
_SECRET_BYTES: Final = 32

Later = Callable[[Callable[[], None]], None]
"""Has something done in another thread."""

_log = get_logger(__name__)


class Lifetime(msgspec.Struct, frozen=True):
    """How long a session lasts: without use, and in all."""

    idle_s: float
    all_s: float


READING: Final = Lifetime(idle_s=7 * DAY_S, all_s=90 * DAY_S)
"""Of viewers: a page on a wall. Its open stream counts as use."""
ACTING: Final = Lifetime(idle_s=HOUR_S, all_s=12 * HOUR_S)
"""Of those who may move contactors. An open stream is no use: the person may have gone."""


class _Session(msgspec.Struct):
    name: str
    key: str
    """The account's at the login: another password ends the session."""
    began: float
    used: float


class Sessions:
    """All of them, by the hash of their secret. Used from one thread."""

    def __init__(self, path: Path, later: Later) -> None:
        """Writing the file is left to `later`."""
        self._path = path
        self._later = later
        self._sessions = _read(path)
        self._saved = {digest: session.used for digest, session in self._sessions.items()}

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self, account: Account, wall: float) -> str:
        """A new session's secret."""
        own = [(s.used, key) for key, s in self._sessions.items() if s.name == account.name]
        all_ = [(s.used, key) for key, s in self._sessions.items()]
        for group, most in ((own, MOST_OF_ONE), (all_, MOST_SESSIONS)):
            for _, key in sorted(group)[: max(0, len(group) - most + 1)]:
                self._sessions.pop(key, None)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        self._sessions[_digest(secret)] = _Session(account.name, account.key, wall, wall)
        self.save()
        return secret

    def account(self, secret: str, roll: Roll, wall: float, *, use: bool, synced: bool = True) -> Account | None:
        """Whose session it is; None where it has ended. `use`: a request, not a look whether it still holds. `synced`:
        whether the clock is known to be right."""
        digest = _digest(secret)
        session = self._sessions.get(digest)
        if session is None:
            return None
        account = roll.account(session.name)
        if account is None or _ended(session, account, wall, synced=synced):
            del self._sessions[digest]
            return None
        if use or account.level <= Role.VIEWER:
            session.used = max(session.used, wall)
            if session.used - self._saved.get(digest, session.used) >= SAVE_EVERY_S:
                self.save()
        return account

    def end(self, secret: str) -> None:
        if self._sessions.pop(_digest(secret), None) is not None:
            self.save()

    def sweep(self, roll: Roll, wall: float, *, synced: bool = True) -> None:
        """Forget those that have ended."""
        for digest, session in list(self._sessions.items()):
            account = roll.account(session.name)
            if account is None or _ended(session, account, wall, synced=synced):
                del self._sessions[digest]

    def save(self) -> None:
        """Put what is known now into the file, later."""
        self._saved = {digest: session.used for digest, session in self._sessions.items()}
        self._later(partial(_write, self._path, msgspec.json.encode(self._sessions)))


def beside(accounts: Path) -> Path:
    """Where the sessions of an accounts' file are kept."""
    return accounts.with_name(f"{accounts.stem}-sessions.json")


def csrf_of(secret: str) -> str:
    """The word that a page must say with every order. It follows from the secret, and the secret not from it."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Equal, without telling by the time taken how far."""
    return hmac.compare_digest(left.encode(), right.encode())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _ended(session: _Session, account: Account, wall: float, *, synced: bool) -> bool:
    lasts = READING if account.level <= Role.VIEWER else ACTING
    # A clock that is not set yet may well be behind: it judges nobody.
    if account.key != session.key or (synced and session.began > wall + _CLOCK_SLACK_S):
        return True
    return wall - session.used >= lasts.idle_s or wall - session.began >= lasts.all_s


def _write(path: Path, data: bytes) -> None:
    """Where it cannot be written, sessions end with the program, and that is all."""
    try:
        private_file.write(path, data)
    except OSError as error:
        why = error.strerror or str(error)
        _log.warning("sessions could not be saved: they end with a restart", file=str(path), reason=why)


def _read(path: Path) -> dict[str, _Session]:
    try:
        data = private_file.read(path)
        return {} if data is None else msgspec.json.decode(data, type=dict[str, _Session])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        _log.warning("sessions could not be read: everybody has to log in again", file=str(path), reason=str(error))
        return {}
