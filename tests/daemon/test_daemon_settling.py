"""An outage is on disk as soon as it is seen, and so is its end: the machine may lose its supply with the feeder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_balancer.demo.broker import Broker
from edge_balancer.storage.database import open_reader
from tests.daemon.daemon_cases import CALM, POSITIONS, running, small_feeder
from tests.daemon.field import field_at, fresh_base, until


def learned(database: Path) -> dict[str, Any]:
    """What the store has of the learned state; empty where it has none yet."""
    with open_reader(database) as connection:
        row = connection.execute("SELECT value FROM state WHERE key = 'learned'").fetchone()
    return {} if row is None else dict(json.loads(row[0]))


async def test_an_outage_is_saved_when_it_begins_and_when_the_feeder_has_settled(
    broker: Broker, tmp_path: Path
) -> None:
    base, database = fresh_base(), tmp_path / "eb.db"
    # Telemetry that waits for its batch would come long after the test.
    config = small_feeder(broker.port, base, database, storage={"batch_s": 900}, decision={"outage_cooldown_s": 1})
    async with field_at(broker.port, base) as field, running(config) as daemon:
        await field.see("availability", lambda m: m.text == "online")
        field.present(*POSITIONS)
        field.loads(*CALM)
        await field.see("phases", lambda m: m.json["houses_fresh"] == 6)
        assert not daemon.engine.settling
        assert learned(database) == {}
        for number in range(1, 7):
            field.meter(f"h{number:02d}", 0.0, v=0.0)
        await until(lambda: "outage" in learned(database), "the outage on disk")
        assert daemon.engine.settling
        field.loads(*CALM)
        await until(lambda: "outage" not in learned(database), "its end on disk")
        assert not daemon.engine.settling
