"""Power cuts at random instants, on a disk whose cache goes with the supply: what was acknowledged is there afterwards,
and everything opens.

The disk keeps of its cache what it likes, sector by sector and in any order, and all that was flushed. Each life begins
with what the cut before has left.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.power.power_rig import Site, lacking

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(bool(lacking()), reason=lacking() or "-"),
]


def test_a_hundred_power_cuts_take_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"\nseed {seed}", file=sys.stderr)  # noqa: T201 - to repeat it
    site = Site(tmp_path, random.Random(seed))
    for _ in range(100):
        site.live_and_be_cut()
    tally = site.tally
    print(tally, file=sys.stderr)  # noqa: T201 - the figures of the series
    assert (tally.rows_lost, tally.queue_lost, tally.memory_lost) == (0, 0, 0)
    # The cuts fell into writing: the disk really lost something, and there was something to lose.
    assert tally.sectors_lost > 500
    assert min(tally.rows_promised, tally.queue_promised, tally.memory_promised) > 1000


def test_a_trail_that_is_not_synced_loses_rows_on_the_same_disk(tmp_path: Path) -> None:
    site = Site(tmp_path, random.Random(1), writer=("NORMAL",))
    for _ in range(20):
        site.live_and_be_cut()
        if site.tally.rows_lost:
            return
    pytest.fail(f"nothing was lost, so this rig would not see it: {site.tally}")
