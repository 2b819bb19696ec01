"""Discovery as Home Assistant meets it: a real broker, a real daemon, and a client in Home Assistant's place."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from edge_balancer.demo.broker import Broker
from edge_balancer.settings.root import Configuration
from tests.daemon.daemon_cases import POSITIONS, running, small_feeder
from tests.daemon.field import field_at, fresh_base, retained
from tests.homeassistant.discovery_cases import complaints

SIX = 6


def own_prefix() -> str:
    """Tests share a broker; each is a Home Assistant of its own."""
    return f"ha-{uuid.uuid4().hex[:8]}"


def announcing(port: int, base: str, database: Path, prefix: str, houses: Any = SIX, **more: Any) -> Configuration:
    settings = {"enabled": True, "prefix": prefix, "status_topic": f"{prefix}/status", **more}
    return small_feeder(port, base, database, houses, homeassistant=settings)


async def test_a_newcomer_finds_every_device_retained_and_as_documented(broker: Broker, tmp_path: Path) -> None:
    base, prefix = fresh_base(), own_prefix()
    async with (
        field_at(broker.port, prefix) as home,
        running(announcing(broker.port, base, tmp_path / "eb.db", prefix)),
    ):
        await home.see("device/*/house_h06/config")
        found = await retained(broker.port, prefix)
        assert len(found) == SIX + 1
        for topic, payload in found.items():
            assert topic.startswith("device/edge_balancer_feeder_")
            assert complaints(json.loads(payload)) == [], topic
        assert all(m.qos == 1 for m in home.said("device/*")) or broker.name == "amqtt"


async def test_what_home_assistant_shows_is_really_there(broker: Broker, tmp_path: Path) -> None:
    """Every state topic carries something once the feeder is up, and the select's order is obeyed."""
    base, prefix = fresh_base(), own_prefix()
    config = announcing(broker.port, base, tmp_path / "eb.db", prefix)
    async with field_at(broker.port, base) as field, field_at(broker.port, prefix) as home, running(config):
        hub = (await home.see("device/*/feeder/config")).json["components"]
        field.present(*POSITIONS)
        field.loads(1000.0, 0.0, 500.0, 0.0, 0.0, 0.0)
        await field.see("phases", lambda m: m.json["houses_fresh"] == SIX)
        await field.see("mode")
        await field.see("diagnostics")
        shown = await retained(broker.port, base)
        await home.see("device/*/house_h06/config")
        wanted = {e["state_topic"] for m in home.said("device/*") for e in m.json["components"].values()}
        wanted.discard(f"{base}/decision")  # not retained: there was none yet
        assert {topic.removeprefix(f"{base}/") for topic in wanted} - shown.keys() == set()
        assert json.loads(shown["alerts"]) == {"count": 0, "severity": None, "kinds": {}}

        order = hub["mode"]["command_template"].replace("{{ value }}", "hold")
        field.say(hub["mode"]["command_topic"].removeprefix(f"{base}/"), order)
        mode = await field.see("mode", lambda m: m.json["mode"] == "hold")
        assert mode.json["by"] == "Home Assistant"


async def test_an_alert_turns_its_kind_on_and_off_again(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    config = small_feeder(broker.port, base, tmp_path / "eb.db", alerts={"neutral_pct": 20}, decision={"mode": "hold"})
    async with field_at(broker.port, base) as field, running(config):
        await field.see("alerts", lambda m: m.json["count"] == 0)
        field.present(*POSITIONS)
        await field.sync()
        field.loads(5000.0, 0.0, 0.0, 5000.0, 0.0, 0.0)
        on = await field.see("alerts", lambda m: "severe_imbalance" in m.json["kinds"])
        assert (on.json["count"], on.json["severity"]) == (1, "warning")
        here = field.now()
        field.loads(*[0.0] * SIX)
        await field.see("alerts", lambda m: m.json["count"] == 0, since=here)


async def test_everything_is_said_again_when_home_assistant_comes_up(broker: Broker, tmp_path: Path) -> None:
    base, prefix = fresh_base(), own_prefix()
    async with (
        field_at(broker.port, prefix) as home,
        running(announcing(broker.port, base, tmp_path / "eb.db", prefix)) as daemon,
    ):
        await home.see("device/*/house_h06/config")
        # Not ten seconds of waiting: as if its last announcement were long ago.
        daemon._announcer._announced_at = -1e9
        here = home.now()
        home.say("status", "online")
        await home.see("device/*/feeder/config", since=here)
        await home.see("device/*/house_h06/config", since=here)


async def test_a_house_that_goes_is_taken_back_and_switching_off_takes_back_the_rest(
    broker: Broker, tmp_path: Path
) -> None:
    base, prefix = fresh_base(), own_prefix()
    async with field_at(broker.port, prefix) as home:
        async with running(announcing(broker.port, base, tmp_path / "eb.db", prefix)):
            await home.see("device/*/house_h06/config")
        here = home.now()
        async with running(announcing(broker.port, base, tmp_path / "eb.db", prefix, SIX - 1)):
            await home.see("device/*/house_h06/config", lambda m: m.payload == b"", since=here)
            await home.see("device/*/house_h05/config", lambda m: m.payload != b"", since=here)
        assert len(await retained(broker.port, prefix)) == SIX
        async with running(announcing(broker.port, base, tmp_path / "eb.db", prefix, enabled=False)):
            for name in ("feeder", "house_h01", "house_h05"):
                await home.see(f"device/*/{name}/config", lambda m: m.payload == b"", since=here)
            await home.sync()
        assert await retained(broker.port, prefix) == {}
