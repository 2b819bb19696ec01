"""Power cuts at random instants, on a disk whose cache goes with the supply: what was acknowledged is there afterwards,
and everything opens.

The disk keeps of its cache what it likes, sector by sector and in any order, and all that was flushed. Each life begins
with what the cut before has left.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Final

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
    assert min(tally.rows_promised, tally.queue_promised, tally.memory_promised) > 200


MOST_CUTS: Final = 100
"""Nearly every cut loses something in the two below; a cut that falls before the first promise has nothing to lose."""


def test_a_trail_that_is_not_synced_loses_rows_on_the_same_disk(tmp_path: Path) -> None:
    site = Site(tmp_path, random.Random(1), writer=("NORMAL",))
    while not site.tally.rows_lost and site.tally.cuts < MOST_CUTS:
        site.live_and_be_cut()
    assert site.tally.rows_lost > 0, f"nothing was lost, so this rig would not see it: {site.tally}"
    # The others are synced as ever.
    assert (site.tally.queue_lost, site.tally.memory_lost) == (0, 0)


def test_a_disk_that_says_it_has_flushed_and_has_not_loses_all_that_was_acknowledged(tmp_path: Path) -> None:
    site = Site(tmp_path, random.Random(2), disk=("--lies",))
    tally = site.tally
    while not min(tally.rows_lost, tally.queue_lost, tally.memory_lost) and tally.cuts < MOST_CUTS:
        site.live_and_be_cut()
    # None of a life's writes lasts on such a disk: that is what the rig must report, of each thing.
    assert min(tally.rows_lost, tally.queue_lost, tally.memory_lost) > 0, str(tally)
    lost = (tally.rows_lost, tally.queue_lost, tally.memory_lost)
    assert lost == (tally.rows_promised, tally.queue_promised, tally.memory_promised), str(tally)
