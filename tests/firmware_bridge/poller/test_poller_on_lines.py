"""The poller on real ptys and sockets: pymodbus' simulator at the other end, dead meters, lines that go and return."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from firmware_bridge.contract import Phase
from firmware_bridge.meters import schedule
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.points import Point, Quantity, SinglePhase, ThreePhase
from firmware_bridge.simulator.meter import VirtualMeter
from firmware_bridge.simulator.pty_line import PtyLine
from firmware_bridge.simulator.wire import Question
from tests.firmware_bridge.poller.polling import line_with, meter, polling
from tests.firmware_bridge.poller.pymodbus_line import device, floats, pymodbus_gateway, pymodbus_serial, words

LIVE = {Quantity.V: 231.5, Quantity.I: 4.0, Quantity.P: -900.0, Quantity.Q: 80.0, Quantity.F: 50.0}


def values() -> Mapping[Point, float]:
    return {Point(q, phase): value for q, value in LIVE.items() for phase in (None, *Phase)}


class Mortal(VirtualMeter):
    """A meter whose supply can be cut."""

    alive = True

    def answer(self, question: Question, now: float) -> bytes | None:
        return super().answer(question, now) if self.alive else None


def sdm120(unit: int) -> Mortal:
    return Mortal(load_meter("eastron_sdm120"), unit, values)


async def test_it_reads_a_pymodbus_simulator_over_a_serial_line() -> None:
    # By the makers' manuals: SDM120 floats by function 4; SDM630 likewise, per phase; kWh.
    single = {0: 230.5, 6: 4.5, 12: -1000.0, 18: 1012.5, 24: 160.0, 70: 49.98, 72: 12.5, 74: 3.25}
    three = {0: 230.0, 2: 231.0, 4: 232.0, 6: 1.0, 8: 2.0, 10: 3.0, 12: 200.0, 14: -400.0, 16: 600.0, 24: 1.0, 26: 2.0,
             28: 3.0, 70: 50.02, 346: 1.0, 348: 2.0, 350: 3.0}  # fmt: skip
    devices = [
        device(3, inputs=[floats(single, 0, 80)]),
        device(7, inputs=[floats(three, 0, 80), floats(three, 200, 382)]),
    ]
    async with pymodbus_serial(devices) as port:
        line = line_with(port, meter("h1", "eastron_sdm120", 3), meter("h2", "eastron_sdm630", 7), timeout_s=1.0)
        async with polling(line) as run:
            await run.until(lambda: any(r.e_import is not None for r in run.readings.get("h2", ())))
            await run.until(lambda: any(r.e_import is not None for r in run.readings.get("h1", ())))
    one = run.readings["h1"][-1]
    assert isinstance(one, SinglePhase)
    assert (one.p, one.q, one.v, one.i) == (-1000.0, 160.0, 230.5, 4.5)
    assert (one.e_import, one.e_export) == (12_500.0, 3_250.0)
    assert one.f == pytest.approx(49.98)
    other = run.readings["h2"][-1]
    assert isinstance(other, ThreePhase)
    assert (other.p, other.v, other.i) == ((200.0, -400.0, 600.0), (230.0, 231.0, 232.0), (1.0, 2.0, 3.0))
    assert other.e_import == (1000.0, 2000.0, 3000.0)
    assert run.readings["h1"][0].e_import is None, "energy is not waited for"


async def test_it_reads_a_pymodbus_gateway_over_tcp(free_port: int) -> None:
    # DDSU666: floats by function 3, power in kW. EM340: 32 bit, low word first, V/10, A/1000, W/10.
    ddsu = {8192: 229.0, 8194: 2.0, 8196: 0.45, 8198: 0.05, 8206: 50.0, 16384: 7.0, 16394: 0.5}
    em340 = {0: 2300, 2: 2310, 4: 2320, 12: 1000, 14: 2000, 16: 3000, 18: 2000, 20: 0xFFFF - 3999, 21: 0xFFFF, 22: 6000,
             51: 500}  # fmt: skip
    devices = [
        device(1, holding=[floats(ddsu, 8192, 8214), floats(ddsu, 16384, 16400)]),
        device(2, holding=[words(em340, 0, 120)], inputs=[words(em340, 0, 120)]),
    ]
    async with pymodbus_gateway(devices, free_port) as port:
        line = line_with(port, meter("h1", "chint_ddsu666", 1), meter("h2", "cg_em340", 2), timeout_s=1.0)
        async with polling(line) as run:
            await run.until(lambda: run.count("h1") > 2 and run.count("h2") > 2)
    one, other = run.readings["h1"][-1], run.readings["h2"][-1]
    assert isinstance(one, SinglePhase)
    assert one.p == pytest.approx(450.0)
    assert (one.v, one.i) == (229.0, 2.0)
    assert isinstance(other, ThreePhase)
    assert other.p == (200.0, -400.0, 600.0)
    assert (other.v, other.i) == ((230.0, 231.0, 232.0), (1.0, 2.0, 3.0))


async def test_a_dead_meter_is_told_once_and_the_others_are_read_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "firmware_bridge.meters")
    mortal = sdm120(2)
    mortal.alive = False
    with PtyLine([sdm120(1), mortal], paced=False) as wire:
        line = line_with(wire.path, meter("h1", "eastron_sdm120", 1), meter("h2", "eastron_sdm120", 2))
        async with polling(line) as run:
            await run.until(lambda: run.poller.health()[1].silent_s is not None)
            before = run.count("h1")
            await run.until(lambda: run.count("h1") > before + 50)
            one, two = run.poller.health()
            read = run.count("h1")  # at once: the line is read on until it is closed
    assert run.count("h2") == 0
    assert (two.readings, two.age_s, two.faults) == (0, None, {"timeout": 2})
    assert one.readings == read
    assert one.silent_s is None
    assert one.age_s is not None
    assert wire.counts.units[2] <= 6, (
        "after two failures it backs off; the line itself may have probed before the second"
    )
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "eastron_sdm120 of h2 at unit 2 is silent" in said[0]
    assert "check its power" in said[0]


async def test_a_meter_that_lost_its_supply_is_read_again_when_it_is_back(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "LEAST_BACKOFF_S", 0.2)
    caplog.set_level(logging.INFO, "firmware_bridge.meters")
    mortal = sdm120(2)
    with PtyLine([mortal], paced=False) as wire:
        async with polling(line_with(wire.path, meter("h2", "eastron_sdm120", 2))) as run:
            await run.until(lambda: run.count("h2") > 3)
            mortal.alive = False
            await run.until(lambda: run.poller.health()[0].silent_s is not None)
            mortal.alive = True
            before = run.count("h2")
            await run.until(lambda: run.count("h2") > before + 3)
            assert run.poller.health()[0].silent_s is None
    said = [record.getMessage() for record in caplog.records]
    assert ["is silent" in said[0], "is back" in said[1]] == [True, True]
    assert len(said) == 2


async def test_while_the_line_is_down_nothing_is_read_and_afterwards_all_go_on(tmp_path: Path) -> None:
    link = tmp_path / "adapter"
    with PtyLine([sdm120(1), sdm120(2)], paced=False, link=link) as wire:
        line = line_with(str(link), meter("h1", "eastron_sdm120", 1), meter("h2", "eastron_sdm120", 2))
        async with polling(line) as run:
            await run.until(lambda: run.count("h1") > 3 and run.count("h2") > 3)
            wire.unplug()
            await run.until(lambda: not run.line.up)
            one, two = run.count("h1"), run.count("h2")
            wire.plug()
            await run.until(lambda: run.count("h1") > one + 3 and run.count("h2") > two + 3)
            health = run.poller.health()
    assert [one.silent_s for one in health] == [None, None]
    assert all("timeout" not in one.faults or one.faults["timeout"] <= 1 for one in health)


async def test_a_meter_of_another_model_is_named_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    with PtyLine([sdm120(1), sdm120(2)], paced=False) as wire:
        line = line_with(wire.path, meter("h1", "chint_ddsu666", 1), meter("h2", "eastron_sdm120", 2))
        async with polling(line) as run:
            await run.until(lambda: bool(run.poller.health()[0].given_up))
            asked = wire.counts.units[1]
            before = run.count("h2")
            await run.until(lambda: run.count("h2") > before + 20)
            assert wire.counts.units[1] == asked == 3
            wrong = run.poller.health()[0]
    assert wrong.readings == 0
    assert wrong.faults == {"exception": 3}
    assert len(wrong.given_up) == 1
    assert wrong.given_up[0].startswith("FC03 8192")
    said = [record.getMessage() for record in caplog.records if record.name.startswith("firmware_bridge.meters")]
    assert len(said) == 1
    assert "chint_ddsu666 of h1 at unit 1 refuses FC03 8192" in said[0]
    assert "another model" in said[0]
