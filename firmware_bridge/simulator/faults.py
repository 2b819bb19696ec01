"""What can go wrong with a reply on its way, drawn by chance from a seed: the same seed spoils the same replies.

Pure: it turns one true reply into what is sent, when, and whether the line is unplugged. It keeps no time and does no
I/O. At most one fault strikes a reply; a late one may be doubled too.
"""

from __future__ import annotations

import enum
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.simulator.wire import REFUSAL, framed

_READS: Final = (1, 2, 3, 4)
_CODES: Final = (1, 2, 3, 4, 6)


class FaultKind(enum.StrEnum):
    LATE = "late"
    """After the master's timeout: shortly, after its quiet time, or much later."""
    LOST = "lost"
    DOUBLED = "doubled"
    """Twice, without a pause."""
    SHORT = "short"
    """Its end is missing."""
    FOREIGN_UNIT = "foreign_unit"
    """A well-formed frame of another unit, in its place or before it."""
    FUNCTION = "function"
    """Well-formed, of another function; in its place or before it."""
    LENGTH = "length"
    """Well-formed, with more or fewer values; in its place or before it."""
    NOISE_BEFORE = "noise_before"
    NOISE_AFTER = "noise_after"
    """Right behind it, or a few milliseconds later."""
    BIT_ERROR = "bit_error"
    """One to three bits turned over."""
    EXCEPTION = "exception"
    """The device refuses."""
    UNPLUG = "unplug"
    """The adapter is pulled out instead of the reply, and comes back."""


@dataclass(frozen=True, slots=True)
class Sending:
    """Bytes that go out `delay_s` after the moment when the true reply would have gone."""

    delay_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """What becomes of one reply."""

    sendings: tuple[Sending, ...]
    deaf: bool = False
    """The device hears nothing until its last byte is out; else it keeps what it is asked and answers in order."""
    unplugged_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often each fault strikes, and the master's patience that lateness is measured by. Raises ValueError where the
    rates are no probabilities."""

    rates: Mapping[FaultKind, float] = field(default_factory=dict)
    timeout_s: float = 0.5
    """The master's, plus what the line takes."""
    quiet_s: float = 0.5
    unplugged_s: tuple[float, float] = (0.1, 1.0)
    """Shortest and longest absence of the adapter."""

    def __post_init__(self) -> None:
        for kind, rate in self.rates.items():
            if not 0 <= rate <= 1:
                raise ValueError(f"{kind}={rate:g}: a rate is a probability, 0 to 1")
        if sum(self.rates.values()) > 1 + 1e-9:
            raise ValueError(
                f"the rates of faults add up to {sum(self.rates.values()):g}: at most one fault strikes a reply, "
                "so they may add up to 1"
            )


ALL: Final = "all"
"""In `parse_rates`: every fault but `unplug`."""


def parse_rates(text: str) -> dict[FaultKind, float]:
    """Read `late=0.01,lost=0.02`, or `all=0.01` for each but unplug; what is named later counts. Raises ValueError."""
    rates: dict[FaultKind, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition("=")
        try:
            rate = float(number)
        except ValueError:
            raise ValueError(f"{part!r}: write a fault and its rate, as late=0.01") from None
        if name == ALL:
            rates.update((kind, rate) for kind in FaultKind if kind is not FaultKind.UNPLUG)
        elif name in list(FaultKind):
            rates[FaultKind(name)] = rate
        else:
            raise ValueError(f"{name!r} is no fault: known are {ALL}, {', '.join(FaultKind)}")
    return rates


class FaultSource:
    """Spoils replies. `counts` says how often each fault has struck."""

    def __init__(self, rates: FaultRates, seed: int = 1) -> None:
        self._settings = rates
        self._chance = random.Random(seed)
        self.counts: Counter[FaultKind] = Counter()
        self._spoil: Mapping[FaultKind, Callable[[bytes], Delivery]] = {
            FaultKind.LATE: self._late,
            FaultKind.LOST: self._lost,
            FaultKind.DOUBLED: self._doubled,
            FaultKind.SHORT: self._short,
            FaultKind.FOREIGN_UNIT: self._foreign_unit,
            FaultKind.FUNCTION: self._function,
            FaultKind.LENGTH: self._length,
            FaultKind.NOISE_BEFORE: self._noise_before,
            FaultKind.NOISE_AFTER: self._noise_after,
            FaultKind.BIT_ERROR: self._bit_error,
            FaultKind.EXCEPTION: self._exception,
            FaultKind.UNPLUG: self._unplug,
        }

    def deliver(self, frame: bytes) -> Delivery:
        """What becomes of this reply (a whole frame)."""
        drawn = self._chance.random()
        for kind, rate in self._settings.rates.items():
            drawn -= rate
            if drawn < 0:
                self.counts[kind] += 1
                return self._spoil[kind](frame)
        return _at_once(frame)

    def _lost(self, frame: bytes) -> Delivery:  # noqa: ARG002 - nothing of it is sent
        return Delivery(())

    def _doubled(self, frame: bytes) -> Delivery:
        return _at_once(frame + frame)

    def _short(self, frame: bytes) -> Delivery:
        return _at_once(frame[: self._chance.randint(1, len(frame) - 1)])

    def _foreign_unit(self, frame: bytes) -> Delivery:
        unit = self._chance.choice([unit for unit in range(1, 248) if unit != frame[0]])
        return self._instead_or_before(framed(unit, frame[1:-2]), frame)

    def _function(self, frame: bytes) -> Delivery:
        others = [function for function in (*_READS, 5, 6) if function != frame[1] & ~REFUSAL]
        body = bytes((self._chance.choice(others),)) + frame[2:-2]
        return self._instead_or_before(framed(frame[0], body), frame)

    def _length(self, frame: bytes) -> Delivery:
        return self._instead_or_before(self._other_length(frame), frame)

    def _noise_before(self, frame: bytes) -> Delivery:
        return _at_once(self._noise() + frame)

    def _noise_after(self, frame: bytes) -> Delivery:
        if self._chance.random() < 0.5:
            return _at_once(frame + self._noise())
        return Delivery((Sending(0.0, frame), Sending(self._chance.uniform(0.001, 0.02), self._noise())))

    def _bit_error(self, frame: bytes) -> Delivery:
        value = int.from_bytes(frame, "big")
        for bit in self._chance.sample(range(8 * len(frame)), self._chance.randint(1, 3)):
            value ^= 1 << bit
        return _at_once(value.to_bytes(len(frame), "big"))

    def _exception(self, frame: bytes) -> Delivery:
        return _at_once(framed(frame[0], bytes((frame[1] | REFUSAL, self._chance.choice(_CODES)))))

    def _unplug(self, frame: bytes) -> Delivery:  # noqa: ARG002 - nothing of it is sent
        return Delivery((), unplugged_s=self._chance.uniform(*self._settings.unplugged_s))

    def _late(self, frame: bytes) -> Delivery:
        timeout, quiet = self._settings.timeout_s, self._settings.quiet_s
        delay = self._chance.choice(
            (
                timeout * self._chance.uniform(1.0, 1.5),
                timeout + quiet * self._chance.uniform(0.0, 1.5),
                (timeout + quiet) * self._chance.uniform(1.0, 6.0),
            )
        )
        again = 2 if self._chance.random() < 0.2 else 1
        return Delivery((Sending(delay, frame * again),), deaf=self._chance.random() < 0.5)

    def _instead_or_before(self, other: bytes, frame: bytes) -> Delivery:
        return _at_once(other if self._chance.random() < 0.5 else other + frame)

    def _other_length(self, frame: bytes) -> bytes:
        data = frame[3:-2]
        step = 2 * self._chance.randint(1, 3)
        if frame[1] not in _READS or len(data) <= step or self._chance.random() < 0.5:
            data += self._chance.randbytes(step)
        else:
            data = data[:-step]
        head = bytes((frame[1], len(data) & 0xFF)) if frame[1] in _READS else frame[1:3]
        return framed(frame[0], head + data)

    def _noise(self) -> bytes:
        return self._chance.randbytes(self._chance.randint(1, 6))


def _at_once(data: bytes) -> Delivery:
    return Delivery((Sending(0.0, data),))
