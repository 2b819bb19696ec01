"""What a tracker has learned as JSON types, and back: sums as compressed bytes. Pure; the store is others' matter.

An SD card takes it every quarter of an hour, so that numbers of 4 and 1 bytes are used, which cost no verdict.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Generator
from typing import Any, Final

import numpy as np

from edge_balancer.analysis.phases.tracker import PhaseTracker
from edge_balancer.analysis.phases.window import UNRECORDED, Bools

MOST_COUPLED: Final = 300
"""Houses up to which it is kept who is whose neighbour; it grows with their square, and is learned anew in a day."""
_FORMAT: Final = 1


def learned(tracker: PhaseTracker) -> dict[str, Any]:
    """To be called between two windows."""
    work = packing(tracker)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return dict(done.value)


def packing(tracker: PhaseTracker) -> Generator[None, None, dict[str, Any]]:
    """`learned` in steps of a few milliseconds. No window may be begun meanwhile."""
    memories = tracker.memories
    sums = [tracker.own.packed(), memories.by_phase.packed(), memories.recent.packed()]
    sums += [np.concatenate([memories.by_phase_s, memories.recent_s]).astype("<f4")]
    kept: dict[str, Any] = {
        "format": _FORMAT,
        "houses": list(tracker.houses),
        "recorded": tracker.now.tolist(),
        "offset": tracker.belief.offset.tolist(),
        "weight": tracker.belief.weight.tolist(),
    }
    yield
    kept["sums"] = _text(np.concatenate(sums).tobytes())
    yield
    if len(tracker.houses) <= MOST_COUPLED:
        own, shares, ratios = tracker.coupling.packed()
        yield
        kept["coupling"] = _text(own.tobytes() + shares.tobytes() + ratios.tobytes())
    return kept


def relearn(tracker: PhaseTracker, kept: object, recorded: list[int], movable: Bools) -> bool:
    """Gives a new tracker back what `learned` gave, where it is of the same houses; nonsense is left aside.

    `recorded` is where the houses are on record now, -1 where unknown. A house that moved meanwhile keeps its memory,
    by phase; of one that cannot move (`movable`) the record was corrected, and what was seen against the old one is
    forgotten.
    """
    if not isinstance(kept, dict) or kept.get("format") != _FORMAT or kept.get("houses") != list(tracker.houses):
        return False
    try:
        before = np.array(kept["recorded"], dtype=np.int8)
        offset, weight = np.array(kept["offset"], dtype=np.int64), np.array(kept["weight"], dtype=np.float64)
        sums = np.frombuffer(_bytes(kept["sums"]), dtype="<f4")
        coupling = _bytes(kept["coupling"]) if "coupling" in kept else b""
    except (KeyError, TypeError, ValueError, zlib.error, binascii.Error):
        return False
    count, memories = len(tracker.houses), tracker.memories
    sizes = [tracker.own.packed_size(), memories.by_phase.packed_size(), memories.recent.packed_size(), 3 * count]
    pairs = 3 * count * count
    fits = sums.size == sum(sizes) + count and all(part.shape == (count,) for part in (before, offset, weight))
    if not fits or len(coupling) not in (0, 4 * count + 2 * pairs) or not np.isfinite(sums).all():
        return False
    if not ((before >= UNRECORDED) & (before < 3) & (offset >= 0) & (offset < 3) & (weight >= 0.0)).all():
        return False
    own, by_phase, recent, by_phase_s, recent_s = np.split(sums, np.cumsum(sizes))
    tracker.own.unpack(own)
    memories.by_phase.unpack(by_phase)
    memories.recent.unpack(recent)
    memories.by_phase_s[:], memories.recent_s[:] = by_phase_s, recent_s
    if coupling:
        table = np.frombuffer(coupling, dtype=np.uint8, offset=4 * count)
        tracker.coupling.unpack(np.frombuffer(coupling, dtype="<f4", count=count), table[:pairs], table[pairs:])
    tracker.now[:] = before
    tracker.belief.offset[:], tracker.belief.weight[:] = offset, weight
    corrected = (before != UNRECORDED) & (before != np.array(recorded, dtype=np.int8)) & ~movable
    for house in np.flatnonzero(corrected).tolist():
        tracker.now[house] = recorded[house]
        tracker.forget_house(house)
    return True


def _text(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw, 1)).decode("ascii")


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError("not text")
    return zlib.decompress(base64.b64decode(text, validate=True))
