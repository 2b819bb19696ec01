"""The clocks that the daemon runs on: the machine's own, and one that runs faster for the demo.

Not for the pure core: it reads no clock, time is handed in. Control runs on `monotonic`; `wall` serves records, the
time of day and the stamps that phase switches judge; `synced` says whether `wall` can be believed.
"""

from __future__ import annotations

import ctypes
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

# A wall clock before this instant (2026-01-01) has certainly not been set since the board without a battery started.
EARLIEST_PLAUSIBLE: Final = 1_767_225_600.0
# systemd-timesyncd touches this file when it has set the clock for the first time since boot.
TIMESYNC_FLAG: Final = Path("/run/systemd/timesync/synchronized")
# The kernel needs hours to call a lost clock unsynchronised, and a step is seen within one minute of records.
SYNC_CACHE_S: Final = 60.0

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
# struct timex is 208 bytes on 64-bit Linux; more is harmless, less would let the kernel write past the end.
_TIMEX_BYTES: Final = 512


class Clock(Protocol):
    """What tells the time. Both clocks run `speed` times as fast as real time."""

    speed: float

    def monotonic(self) -> float:
        """Seconds that never step back or jump."""
        ...

    def wall(self) -> float:
        """Unix seconds."""
        ...

    def synced(self) -> bool:
        """Whether `wall` is known to be right to within a second or so."""
        ...


class SystemClock:
    """The machine's clocks.

    `synced` holds when the date is plausible and either systemd-timesyncd has set the clock since boot or the kernel
    says that some time service (chrony, ntpd, PTP, timesyncd) disciplines it. Where the kernel's word cannot be had (a
    seccomp filter, no Linux), timesyncd's counts alone where it runs; else a plausible date is believed: refusing it
    would discard every meter's stamps for good.
    """

    def __init__(self) -> None:
        self.speed = 1.0
        self._checked_at = -SYNC_CACHE_S
        self._synced = False

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def synced(self) -> bool:
        """As judged at most `SYNC_CACHE_S` ago; the date's plausibility is judged anew each time."""
        if time.time() < EARLIEST_PLAUSIBLE:
            return False
        now = time.monotonic()
        if now - self._checked_at >= SYNC_CACHE_S:
            self._checked_at = now
            self._synced = is_synced(
                time.time(), TIMESYNC_FLAG.exists(), kernel_synced(), timesyncd=TIMESYNC_FLAG.parent.exists()
            )
        return self._synced


class ScaledClock:
    """Both clocks from a chosen wall time on, `speed` times as fast as real time. Synchronised: it is its own truth."""

    def __init__(self, speed: float, start_wall: float) -> None:
        if not speed > 0:
            raise ValueError(f"speed = {speed!r}: a clock must run forward, give a number above 0")
        self.speed = speed
        self._start_wall = start_wall
        self._start_mono = time.monotonic()

    def monotonic(self) -> float:
        return self._start_mono + self._elapsed()

    def wall(self) -> float:
        return self._start_wall + self._elapsed()

    def synced(self) -> bool:
        return True

    def _elapsed(self) -> float:
        return (time.monotonic() - self._start_mono) * self.speed


def boot_of(clock: Clock, session: uuid.UUID) -> str:
    """What the clock's monotonic time counts from: the machine's boot. Where that has no name, or the clock is one of
    its own, this run of the program."""
    if clock.speed == 1.0:
        with suppress(OSError):
            return _BOOT_ID.read_text().strip()
    return str(session)


def is_synced(wall: float, timesync_flag: bool, kernel: bool | None, *, timesyncd: bool = False) -> bool:
    """The rule of `SystemClock.synced`, pure. `kernel` is None where the kernel could not be asked; `timesyncd` says
    whether it is systemd-timesyncd that sets the clock."""
    believed = not timesyncd if kernel is None else kernel
    return wall >= EARLIEST_PLAUSIBLE and (timesync_flag or believed)


def kernel_synced() -> bool | None:
    """What adjtimex(2) says, read-only and without privilege; None where it cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    # All zero: `modes` = 0, so nothing is set.
    state = int(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return None if state < 0 else state != _TIME_ERROR
