"""What is written to the disk for what is saved: an SD card bears a bounded number of writes."""

from __future__ import annotations

import random
from pathlib import Path

from edge_balancer.storage.store import Store
from tests.storage.storage_cases import feeder_minute, minute, settings

PAGE_BYTES = 4096


def test_what_is_saved_anew_every_hour_is_written_once_and_not_its_predecessor_too(tmp_path: Path) -> None:
    chance, path = random.Random(1), tmp_path / "a.db"
    log = path.with_name("a.db-wal")
    written = []
    with Store.open(path, settings()) as store:
        # It grows while it is learned, so that pages of its predecessors are free.
        for hour, size in enumerate((20_000, 40_000, 60_000, 61_000, 62_000, 60_000)):
            before = log.stat().st_size
            store.save_state("learned", chance.randbytes(size).hex())
            written.append(log.stat().st_size - before)
            store.write_minutes([minute(3600 * hour, f"h{house}") for house in range(55)], [feeder_minute(3600 * hour)])
    # The value, and some pages that lead to it.
    assert 120_000 < written[-1] < 120_000 + 12 * PAGE_BYTES
