"""The controller has three connections: for switches and all that it says, for readings, for orders. Where one of them
is missing, no command leaves, and it is told."""

from __future__ import annotations

from pathlib import Path

from edge_balancer.demo.broker import Broker
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import CALM, POSITIONS, SKEWED, recorded, running, small_feeder, trail
from tests.daemon.field import field_at, fresh_base, until
from tests.daemon.gate import gate_to

TOLD_S = 10


def all_three(client_id: str) -> set[str]:
    return {client_id, f"{client_id}-orders", f"{client_id}-readings"}


async def test_without_readings_no_order_is_carried_out_and_the_loss_is_told_over_the_other_connection(
    broker: Broker, tmp_path: Path
) -> None:
    base = fresh_base()
    client_id = base.replace("/", "-")
    async with gate_to(broker.port) as gate, field_at(broker.port, base) as field:
        config = small_feeder(gate.port, base, tmp_path / "eb.db", alerts={"broker_lost_s": TOLD_S})
        async with running(config) as daemon:
            await until(lambda: gate.through == all_three(client_id), "all three")
            await field.see("availability", lambda m: m.text == "online")
            field.present(*POSITIONS)
            await field.sync()
            field.loads(*CALM)
            await field.see("phases", lambda m: m.json["houses_fresh"] == 6)

            gate.shut(f"{client_id}-readings")
            await until(lambda: not daemon._link.up, "the way to the broker is down")
            field.say("switch/h02/request", {"phase": "L3", "operator": "anna"})
            failed = (await recorded(tmp_path / "eb.db", EventKind.FAILED))[0]
            assert failed.body["sent"] is False
            told = await field.see("alert/broker_lost", lambda m: bool(m.payload))
            assert told.json["severity"] == "critical"
            assert field.said("switch/*/set") == []
            # It is there, and says so; that it cannot act, the alert says.
            assert [m.text for m in field.said("availability")] == ["online"]

            gate.open(f"{client_id}-readings")
            await field.see("alert/broker_lost", lambda m: not m.payload)
            field.loads(*CALM)
            field.say("switch/h02/request", {"phase": "L3", "operator": "anna"})
            assert (await field.see("switch/h02/set")).json["phase"] == "L3"


async def test_without_orders_nobody_could_stop_it_so_nothing_is_commanded(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    client_id = base.replace("/", "-")
    async with gate_to(broker.port) as gate, field_at(broker.port, base) as field:
        config = small_feeder(gate.port, base, tmp_path / "eb.db", decision={"automatic": True})
        async with running(config) as daemon:
            await until(lambda: gate.through == all_three(client_id), "all three")
            await field.see("availability", lambda m: m.text == "online")
            field.present(*POSITIONS)
            await field.sync()
            here = field.now()
            gate.shut(f"{client_id}-orders")
            # Whoever looks at it must not believe that a hold would be heard.
            await field.see("availability", lambda m: m.text == "offline", since=here)
            assert not daemon._link.up
            field.loads(*SKEWED)
            failed = (await recorded(tmp_path / "eb.db", EventKind.FAILED))[0]
            assert failed.body["sent"] is False
            assert field.said("switch/*/set") == []
            here = field.now()
            gate.open(f"{client_id}-orders")
            await field.see("availability", lambda m: m.text == "online", since=here)
            assert daemon._link.up
            field.say("mode/set", {"mode": "hold", "operator": "anna"})
            await field.see("mode", lambda m: m.json == {"mode": "hold", "by": "anna"})


async def test_without_control_the_broker_says_that_it_is_gone_and_readings_are_still_heard(
    broker: Broker, tmp_path: Path
) -> None:
    base = fresh_base()
    client_id = base.replace("/", "-")
    async with gate_to(broker.port) as gate, field_at(broker.port, base) as field:
        async with running(small_feeder(gate.port, base, tmp_path / "eb.db")) as daemon:
            await field.see("availability", lambda m: m.text == "online")
            field.present(*POSITIONS)
            await field.sync()

            gate.shut(client_id)
            await field.see("availability", lambda m: m.text == "offline")
            heard = daemon._link.readings_received
            field.loads(*CALM)
            await until(lambda: daemon._link.readings_received >= heard + 6, "readings")
            assert not daemon._link.up

            here = field.now()
            gate.open(client_id)
            await field.see("availability", lambda m: m.text == "online", since=here)
            feeder = await field.see("phases", since=here)
            assert feeder.json["houses_fresh"] == 6
        assert trail(tmp_path / "eb.db", EventKind.LOCKED) == []


async def test_what_stands_retained_and_is_over_is_taken_back_though_it_is_heard_before_control_has_come_up(
    broker: Broker, tmp_path: Path
) -> None:
    base = fresh_base()
    client_id = base.replace("/", "-")
    async with gate_to(broker.port) as gate, field_at(broker.port, base) as field:
        field.say("alert/old_one", {"state": "active"}, retain=True)
        await field.see("alert/old_one")
        gate.shut(client_id)
        async with running(small_feeder(gate.port, base, tmp_path / "eb.db")) as daemon:
            await until(lambda: gate.through == all_three(client_id) - {client_id}, "the others")
            await until(lambda: bool(daemon._standing._over), "the old alert is heard")
            gate.open(client_id)
            await field.see("alert/old_one", lambda m: not m.payload)
            assert not daemon._standing._over
