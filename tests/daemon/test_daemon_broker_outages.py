"""The broker goes and comes back: control goes on, the log says it once, what is true is shown anew, and no command
leaves late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import CALM, POSITIONS, SKEWED, recorded, sections, trail
from tests.daemon.field import Field, field_at, fresh_base, retained
from tests.daemon.private_broker import PrivateBroker
from tests.daemon.service import Service, service, write_config


@pytest.fixture
def private(tmp_path: Path, free_port: int) -> Any:
    with PrivateBroker(tmp_path, free_port) as broker:
        yield broker


@asynccontextmanager
async def under_way(private: PrivateBroker, tmp_path: Path, **changes: Any) -> AsyncIterator[tuple[Field, Service]]:
    """Broker, field and daemon up, the switches in their places."""
    base = fresh_base()
    config = write_config(tmp_path / "c.toml", sections(private.port, base, tmp_path / "eb.db", **changes))
    private.start()
    async with field_at(private.port, base) as field, service(config) as daemon:
        await field.see("availability", lambda m: m.text == "online")
        field.present(*POSITIONS)
        yield field, daemon


async def test_a_broker_that_is_absent_at_the_start_is_waited_for(private: PrivateBroker, tmp_path: Path) -> None:
    base = fresh_base()
    config = write_config(tmp_path / "c.toml", sections(private.port, base, tmp_path / "eb.db"))
    async with service(config) as daemon:
        down = await daemon.says("broker unreachable")
        assert down["level"] == "warning"
        assert (down["host"], down["port"]) == ("127.0.0.1", private.port)
        assert "mqtt.host" in down["remedy"]
        private.start()
        async with field_at(private.port, base) as field:
            await daemon.says("broker reachable again")
            await field.see("availability", lambda m: m.text == "online")
            field.present(*POSITIONS)
            field.loads(*SKEWED)
            await field.see("switch/*/set")
        assert daemon.count("broker unreachable") == 1
        assert (await daemon.end()).code == 0


async def test_a_broker_that_goes_and_returns_is_told_once_and_shown_everything_anew(
    private: PrivateBroker, tmp_path: Path
) -> None:
    alerts = {"neutral_pct": 20}
    async with under_way(private, tmp_path, decision={"mode": "advise"}, alerts=alerts) as (field, daemon):
        field.loads(*SKEWED)
        await field.see("alert/severe_imbalance")
        private.stop()
        await daemon.says("broker unreachable")
        # A broker that lost its memory: all that is retained is gone with it.
        private.forget()
        here = field.now()
        private.start()
        back = await daemon.says("broker reachable again")
        assert back["lasted_s"] > 0
        await field.see("phases", since=here)
        await field.see("availability", lambda m: m.text == "online", since=here)
        found = await retained(private.port, field.base)
        assert found["availability"] == b"online"
        assert b'"advise"' in found["mode"]
        assert b'"active"' in found["alert/severe_imbalance"]
        await field.see("diagnostics", lambda m: m.json["connections"] == 2, since=here)
        assert daemon.count("broker unreachable") == 1
        assert daemon.count("broker reachable again") == 1
        assert (await daemon.end()).code == 0


async def test_after_a_long_absence_the_next_short_one_is_short_again(private: PrivateBroker, tmp_path: Path) -> None:
    """The wait between attempts grows while the broker is away, and begins anew once it was there."""
    async with under_way(private, tmp_path) as (field, daemon):
        for outage in (1, 2, 3, 4):
            here = field.now()
            private.stop()
            await daemon.says("broker unreachable", number=outage)
            private.start()
            # Were the waits to add up (1 s, 2 s, 4 s, 8 s), the fourth would be missed by this.
            await field.see("availability", lambda m: m.text == "online", since=here, within_s=6.0)
            await daemon.says("broker reachable again", number=outage)
        assert (await daemon.end()).code == 0


async def test_a_command_that_falls_into_an_outage_never_leaves(private: PrivateBroker, tmp_path: Path) -> None:
    # The confirmation ends while the broker is away: the decision is made without it, on the one reading that came.
    async with under_way(private, tmp_path, decision={"confirm_s": 1.0, "smoothing_s": 0.0}) as (field, daemon):
        field.loads(*CALM)
        await field.see("phases", lambda m: m.json["houses_fresh"] == 6)
        field.loads(*(2.0 * p for p in SKEWED))
        await field.sync()
        private.stop()
        unsent = await daemon.says("command could not be sent")
        database = tmp_path / "eb.db"
        failed = (await recorded(database, EventKind.FAILED))[0]
        assert failed.command == unsent["id"]
        assert failed.body["sent"] is False
        assert trail(database, EventKind.LOCKED) == []
        assert trail(database, EventKind.PLANNED)[0].command == unsent["id"]

        here = field.now()
        private.start()
        await field.see("availability", lambda m: m.text == "online", since=here)
        field.loads(*(3.0 * p for p in SKEWED))
        command = await field.see("switch/*/set", since=here)
        # A command of its own, decided now; those of the outage are in the trail alone.
        lost = {e.command for e in trail(database, EventKind.FAILED)}
        assert command.json["id"] not in lost
        assert {m.json["id"] for m in field.said("switch/*/set")}.isdisjoint(lost)
        assert (await daemon.end()).code == 0
