"""What others see of the daemon on the broker: that it is there, that it is gone, how the feeder stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_balancer.demo.broker import Broker
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import CALM, POSITIONS, SKEWED, recorded, running, small_feeder
from tests.daemon.field import field_at, fresh_base, retained


async def test_it_says_online_at_its_start_and_offline_for_good_at_its_end(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    async with field_at(broker.port, base) as field:
        async with running(small_feeder(broker.port, base, tmp_path / "eb.db")):
            await field.see("availability", lambda m: m.text == "online")
            assert (await retained(broker.port, base))["availability"] == b"online"
        await field.see("availability", lambda m: m.text == "offline")
        await field.sync()
        assert [m.text for m in field.said("availability")] == ["online", "offline"]
        assert (await retained(broker.port, base))["availability"] == b"offline"


async def test_a_stale_offline_is_answered_with_online(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    async with field_at(broker.port, base) as field, running(small_feeder(broker.port, base, tmp_path / "eb.db")):
        await field.see("availability", lambda m: m.text == "online")
        here = field.now()
        # As the last will of a connection before this one would, when it comes late.
        field.say("availability", "offline", retain=True)
        await field.see("availability", lambda m: m.text == "online", since=here)
        await field.sync()
        assert (await retained(broker.port, base))["availability"] == b"online"


async def test_an_offline_left_by_a_crash_is_overwritten_at_the_start(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    async with field_at(broker.port, base) as field:
        field.say("availability", "offline", retain=True)
        await field.sync()
        here = field.now()
        async with running(small_feeder(broker.port, base, tmp_path / "eb.db")):
            await field.see("availability", lambda m: m.text == "online", since=here)
            await field.see("phases")
            assert (await retained(broker.port, base))["availability"] == b"online"


async def test_the_feeder_is_published_each_tick_and_retained(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    houses = [{"id": f"h{n:02d}", "phase": phase} for n, phase in enumerate(POSITIONS, start=1)]
    config = small_feeder(broker.port, base, tmp_path / "eb.db", houses=houses, decision={"mode": "advise"})
    async with field_at(broker.port, base) as field, running(config):
        await field.see("availability")
        field.present(*POSITIONS)
        await field.sync()
        field.loads(3000, -1000, 500, 2000, 0, 500)
        feeder = (await field.see("phases", lambda m: m.json["houses_fresh"] == 6)).json
        assert feeder["L1"] == pytest.approx(
            {
                "p": 5000.0,
                "q": 0.0,
                "i": 5000 / 230,
                "v_min": 230.0,
                "v_mean": 230.0,
                "v_max": 230.0,
                "houses": 2,
                "export_w": 0.0,
            }
        )
        assert (feeder["L2"]["p"], feeder["L2"]["export_w"]) == (-1000.0, 1000.0)
        assert feeder["L3"]["p"] == 1000.0
        assert feeder["coverage"] == 1.0
        assert feeder["mode"] == "advise"
        # |5 kW - 1 kW a^2 + 1 kW a| / 230 V, worked out by hand: sqrt(25 + 1 + 1 - (-5 - 1 + 5)) kW / 230 V.
        assert feeder["i_n"] == pytest.approx(1000 * 28**0.5 / 230, rel=1e-6)
        assert feeder["reverse_power"] is False
        assert "phases" in await retained(broker.port, base)

        field.loads(*[-1000.0] * 6)
        backwards = await field.see("phases", lambda m: m.json["L1"]["p"] == -2000.0)
        assert backwards.json["reverse_power"] is True
        assert backwards.json["i_n"] == pytest.approx(0.0, abs=1e-6)


async def test_an_alert_stands_retained_while_it_lasts_and_is_emptied_when_over(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    config = small_feeder(
        broker.port, base, tmp_path / "eb.db", decision={"mode": "advise"}, alerts={"neutral_pct": 20}
    )
    async with field_at(broker.port, base) as field, running(config):
        await field.see("availability")
        field.present(*POSITIONS)
        await field.sync()
        field.loads(*SKEWED)
        alert = (await field.see("alert/severe_imbalance")).json
        assert alert["state"] == "active"
        assert alert["severity"] == "warning"
        assert alert["value"] == pytest.approx(10_000 / 230)
        assert alert["limit"] == pytest.approx(0.2 * config.feeder.neutral_limit_a)
        assert alert["unit"] == "A"
        assert alert["text"]
        assert "alert/severe_imbalance" in await retained(broker.port, base)

        here = field.now()
        field.say("alert/severe_imbalance/ack", {"operator": "Ann"})
        seen = await field.see("alert/severe_imbalance", since=here)
        assert seen.json["state"] == "acknowledged"

        here = field.now()
        field.loads(*CALM)
        over = await field.see("alert/severe_imbalance", since=here)
        assert over.payload == b""
        assert "alert/severe_imbalance" not in await retained(broker.port, base)
    states = [row.body["state"] for row in await recorded(config.storage.path, EventKind.ALERT)]
    assert [s for s in states if s != "resolved"].count("acknowledged") == 1


async def test_an_alert_that_is_not_ours_any_more_is_taken_off_the_broker(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    async with field_at(broker.port, base) as field:
        field.say("alert/switch_locked/h05", {"severity": "critical", "state": "active", "text": "old"}, retain=True)
        await field.sync()
        async with running(small_feeder(broker.port, base, tmp_path / "eb.db")):
            await field.see("alert/switch_locked/h05", lambda m: m.payload == b"")
        assert "alert/switch_locked/h05" not in await retained(broker.port, base)


async def test_diagnostics_name_strangers_refusals_and_the_switches_state(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_balancer.daemon.DIAGNOSTICS_EVERY_S", 0.2)
    base = fresh_base()
    async with field_at(broker.port, base) as field, running(small_feeder(broker.port, base, tmp_path / "eb.db")):
        await field.see("availability")
        field.present("L1", "L2")
        field.say("switch/h02/availability", "offline", retain=True)
        field.meter("h99", 700.0)
        field.say("meter/h01", "seven", qos=0)
        field.meter("h01", 250_000.0)
        field.meter("h02", 400.0)
        seen = await field.see("diagnostics", lambda m: {"unknown_house", "malformed"} <= m.json["refused"].keys())
        body = seen.json
        strangers = [(s["id"], s["topic"], s["count"]) for s in body["seen_not_configured"]]
        assert strangers == [("h99", f"{base}/meter/h99", 1)]
        assert body["refused"]["unknown_house"] == 1
        assert body["refused"]["malformed"] == 1
        assert sum(body["refused"].values()) == body["messages"]["refused"] >= 3
        assert body["refused_last"]["malformed"][0]["payload"] == "seven"
        messages = body["messages"]
        assert messages["received"] == messages["accepted"] + messages["refreshed"] + messages["refused"]
        assert body["switches"] == {
            "halted": "",
            "locked": {},
            "position_unknown": ["h03", "h04", "h05", "h06"],
            "offline": ["h02"],
        }
        assert body["storage"]["fault"] == ""
        assert body["connections"] == 1
        assert body["version"]
        assert "diagnostics" in await retained(broker.port, base)
