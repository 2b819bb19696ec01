"""Slow hashes of passwords (argon2id), one at a time in a thread of its own.

So a flood of logins costs at most one core, at a lower priority than control, and the memory of one hash.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import threading
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from edge_balancer.logs import get_logger

MEMORY_KIB: Final = 40 * 1024
"""More than 32 MiB on purpose: from there on glibc takes memory from the system for each hash and gives it back after,
and below it would keep it from the second hash on, a fifth of what the whole daemon has on a small Pi."""
ROUNDS: Final = 2
"""Twice what OWASP asks for with this memory. 80 ms of a core of a 2020s server; a small Pi takes several
times that."""
LANES: Final = 1
SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 256
"""Characters. A hash must not be made of megabytes."""
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_NICENESS: Final = 10
_MOST_WAITING: Final = 4
_FAREWELL_S: Final = 5.0

_log = get_logger(__name__)
_hasher: Final = PasswordHasher(ROUNDS, MEMORY_KIB, LANES, _HASH_BYTES, _SALT_BYTES)


class Busy(Exception):  # noqa: N818 - nothing is wrong with us
    """Too many logins wait for their turn already."""


class SlowThread:
    """Does for an event loop what takes long: compares passwords, writes small files. One thing at a time. To be
    closed."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._waiting: set[str] = set()
        # Not an executor's: those are waited for at the program's end, also where a disk hangs.
        self._thread = threading.Thread(target=self._run, name="passwords", daemon=True)
        self._thread.start()

    async def matches(self, encoded: str | None, password: str, waiting_as: str) -> bool:
        """Whether the password is the one. Without a hash (no such account) it takes as long, and is False.

        `waiting_as` is the client's address: each has one turn at a time. Raises Busy.
        """
        if waiting_as in self._waiting or len(self._waiting) >= _MOST_WAITING:
            raise Busy
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()

        def settle(found: bool) -> None:
            if not answer.done():
                answer.set_result(found)

        def compare() -> None:
            found = False
            try:
                found = matches(encoded, password)
            finally:
                # The loop may have gone meanwhile.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(settle, found)

        self._waiting.add(waiting_as)
        try:
            self._work.put(compare)
            return await answer
        finally:
            self._waiting.discard(waiting_as)

    def soon(self, work: Callable[[], None]) -> None:
        """Do something when its turn comes."""
        self._work.put(work)

    def close(self) -> None:
        """What was asked for is finished first, within bounds: a disk may hang."""
        self._work.put(None)
        self._thread.join(_FAREWELL_S)

    def _run(self) -> None:
        _step_back()
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a defect here must not end logging in
                _log.error("a slow task failed", error=repr(error))


def hashed(password: str) -> str:
    """As it is kept. Takes its time."""
    return _hasher.hash(_same_text(password))


def matches(encoded: str | None, password: str) -> bool:
    """As `SlowThread.matches`, in the caller's thread."""
    try:
        _hasher.verify(_NOBODYS if encoded is None else encoded, _same_text(password))
    except (Argon2Error, InvalidHashError):
        return False
    return encoded is not None


def outdated(encoded: str) -> bool:
    """Whether a hash was made with other parameters than today's. Raises nothing."""
    try:
        return _hasher.check_needs_rehash(encoded)
    except InvalidHashError:
        return False


def weakness(password: str, name: str) -> str:
    """Why a password is too weak to be set; empty where it will do."""
    length = len(password)
    if length < SHORTEST_PASSWORD:
        return f"it has {length} characters, at least {SHORTEST_PASSWORD} are needed: a few words will do"
    if length > LONGEST_PASSWORD:
        return f"it has {length} characters, at most {LONGEST_PASSWORD} are possible"
    plain = password.casefold()
    if len(set(plain)) < 4:
        return "it has fewer than four different characters"
    if plain.strip("0123456789!?.-_ ") in {
        name,
        "password",
        "passwort",
        "edge-balancer",
        "edgebalancer",
        "raspberry",
        "",
    }:
        return "it is among the first that anybody would try: take a few words that belong to nobody"
    return ""


def _same_text(password: str) -> bytes:
    """An é typed on one keyboard is the é of another (RFC 8265, OpaqueString)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _step_back() -> None:
    """Control comes first, wherever the machine has one free core only."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _drawn_hash() -> str:
    """A hash that belongs to no password: to compare with where there is no account."""
    salt, rest = (
        base64.b64encode(secrets.token_bytes(count)).rstrip(b"=").decode() for count in (_SALT_BYTES, _HASH_BYTES)
    )
    return f"$argon2id$v=19$m={MEMORY_KIB},t={ROUNDS},p={LANES}${salt}${rest}"


_NOBODYS: Final = _drawn_hash()
