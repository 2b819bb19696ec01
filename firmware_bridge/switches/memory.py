"""What the interlocks remember, in one small SQLite file, and the lock-outs that people order from another process.

Each save is on the disk when it returns. Nothing is ever forgotten silently: where the file cannot be read or written,
every method raises StateError, and the switch takes no commands. A missing file is a first start.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from firmware_bridge.errors import BridgeError
from firmware_bridge.switches.interlock_types import Memory
from firmware_bridge.switches.memory_schema import NEWEST, ForeignFile, prepare

_MAGIC: Final = b"SQLite format 3\0"
_BUSY_S: Final = 2.0
"""How long a write waits for the other process's: each takes a few milliseconds."""
_CLOCK_SET_S: Final = 1_735_689_600.0
"""2025: a wall clock that showed less was never set, and its differences say nothing."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Memory)


class StateError(BridgeError):
    """The file of the interlocks' memory cannot be used: which file, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Lockout:
    """A person's order at the switch: to lock it out, or (with `locked` False) to release it. `number` only grows."""

    number: int
    house: str
    locked: bool
    reason: str
    operator: str
    wall_s: float
    """When, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept of one switch, its ages counted up to now; `heeded` is the last lock-out order that it followed."""

    memory: Memory
    heeded: int


def is_memory(path: Path) -> bool:
    """Whether the file is a database at all: an empty one would be made into a memory by opening it."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return True  # opening it says what is wrong


class SwitchMemory:
    """The memory of all switches of a bridge. May be called from any thread; opens its file at the first use.

    Instants are handed in: `wall` in Unix seconds, `monotonic` of the machine's clock that begins at its boot.
    """

    def __init__(self, path: Path, *, boot_id: str | None = None) -> None:
        self._path = path
        self._boot_id = _read_boot_id() if boot_id is None else boot_id
        self._open: sqlite3.Connection | None = None
        self._known: set[str] = set()
        self._one_at_a_time = threading.Lock()

    def save(self, house: str, memory: Memory, *, wall: float, monotonic: float, heeded: int = 0) -> None:
        """Durable when it returns, also over a power cut.

        Only of a house whose earlier memory was loaded, or known not to be there: nothing unread is written over.
        """
        if house not in self._known:
            raise StateError(
                f"{self._path}: what it keeps of {house} could not be read at the start: repair the file, and restart"
            )
        row = (house, _ENCODER.encode(memory).decode(), self._boot_id, monotonic, wall, heeded)
        with self._connection("written") as connection:
            connection.execute("INSERT OR REPLACE INTO switch VALUES (?, ?, ?, ?, ?, ?)", row)

    def load(self, house: str, *, wall: float, monotonic: float) -> Kept | None:
        """None for a switch that was never saved."""
        with self._connection("read") as connection:
            row = connection.execute(
                "SELECT memory, boot_id, monotonic_s, wall_s, heeded FROM switch WHERE house = ?", (house,)
            ).fetchone()
            if row is None:
                self._known.add(house)
                return None
            text, boot_id, monotonic_then, wall_then, heeded = row
            try:
                memory = _DECODER.decode(text)
            except msgspec.DecodeError as error:
                raise self._trouble("read", f"what it keeps of {house} is damaged ({error})") from error
        elapsed_s = self._elapsed_s(boot_id, monotonic_then, wall_then, monotonic, wall)
        self._known.add(house)
        return Kept(replace(memory, ages_s=tuple(age + elapsed_s for age in memory.ages_s)), heeded)

    def lock(self, house: str, reason: str, operator: str, wall: float) -> None:
        """Order a lock-out; a running bridge follows within seconds."""
        self._order(house, True, reason, operator, wall)

    def unlock(self, house: str, operator: str, wall: float) -> None:
        """Release a switch: from a person's lock-out, and from one of its own after somebody has looked."""
        self._order(house, False, "", operator, wall)

    def locks(self) -> dict[str, Lockout]:
        """The houses that a person has locked out."""
        with self._connection("read") as connection:
            rows = connection.execute(
                "SELECT max(number), house, locked, reason, operator, wall_s FROM lockout GROUP BY house"
            ).fetchall()
        return {order.house: order for row in rows if (order := _lockout(row)).locked}

    def houses(self) -> frozenset[str]:
        """The houses whose switches have been served with this memory."""
        with self._connection("read") as connection:
            return frozenset(house for (house,) in connection.execute("SELECT house FROM switch"))

    def lockout(self, house: str) -> Lockout | None:
        """The last order for a house, of either kind."""
        with self._connection("read") as connection:
            row = connection.execute(
                "SELECT number, house, locked, reason, operator, wall_s FROM lockout"
                " WHERE house = ? ORDER BY number DESC LIMIT 1",
                (house,),
            ).fetchone()
        return None if row is None else _lockout(row)

    def close(self) -> None:
        with self._one_at_a_time:
            self._shut()

    def _order(self, house: str, locked: bool, reason: str, operator: str, wall: float) -> None:
        with self._connection("written") as connection:
            connection.execute(
                "INSERT INTO lockout (house, locked, reason, operator, wall_s) VALUES (?, ?, ?, ?, ?)",
                (house, locked, reason, operator, wall),
            )

    def _elapsed_s(self, boot_id: str, monotonic_then: float, wall_then: float, monotonic: float, wall: float) -> float:
        """Time since a save. Where it cannot be known none has passed: the contacts then rest longer, not shorter."""
        if boot_id and boot_id == self._boot_id:
            return max(0.0, monotonic - monotonic_then)
        return max(0.0, wall - wall_then) if wall_then >= _CLOCK_SET_S else 0.0

    @contextmanager
    def _connection(self, done: str) -> Iterator[sqlite3.Connection]:
        """The open file, one thread at a time. sqlite3's errors become StateError; after one it is opened anew."""
        with self._one_at_a_time:
            try:
                if self._open is None:
                    self._open = self._opened()
                yield self._open
            except (sqlite3.Error, ForeignFile) as error:
                self._shut()
                raise self._trouble(done, str(error)) from error

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _shut(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _trouble(self, done: str, why: str) -> StateError:
        return StateError(f"{self._path}: the switches' memory cannot be {done}: {why}; {_remedy(why)}")


def _lockout(row: tuple[int, str, int, str, str, float]) -> Lockout:
    number, house, locked, reason, operator, wall_s = row
    return Lockout(number, house, bool(locked), reason, operator, wall_s)


def _read_boot_id() -> str:
    """Empty where the system has none: then no two starts count as the same boot."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _remedy(why: str) -> str:
    if "full" in why:
        return "free space on its disk"
    if "locked" in why:
        return "another program holds it open for writing: end that program"
    if "unable to open" in why or "readonly" in why:
        return "see that its folder exists and that the service may write there"
    if "version" in why:
        return f"use a newer program (this one knows version {NEWEST}), or the file that belongs to this one"
    return (
        "where it is beyond repair, look at every switch and then move the file away: dwell and rate then count from "
        "that start"
    )
