"""What the poller makes of replies: one cycle, one reading; nothing old among the new, nothing implausible."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from firmware_bridge.contract import Phase
from firmware_bridge.errors import DeviceRefusal, Fault, LineDown, TransactionError
from firmware_bridge.lines.requests import Reply, Request
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.points import Measurement, Point, Quantity, SinglePhase, ThreePhase
from firmware_bridge.meters.polled import polled_meter
from firmware_bridge.meters.poller import Poller
from firmware_bridge.settings.devices import LineMeter
from firmware_bridge.simulator.meter import VirtualMeter
from firmware_bridge.simulator.wire import Question

Values = dict[Point, float]
Spoil = Callable[[int, Request], Exception | None]


@dataclass
class ScriptedLine:
    """A line in virtual time whose meter is real enough; `spoil` decides by the number of the request what goes wrong.
    It asks the poller to stop after `most` requests."""

    values: Values
    model: str
    most: int
    spoil: Spoil = lambda _, __: None
    step_s: float = 0.1
    name: str = "feeder"
    up: bool = True
    now: float = 0.0
    asked: list[Request] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, request: Request, *, urgent: bool = False) -> Reply:
        assert not urgent, "switches come first"
        number = len(self.asked)
        self.asked.append(request)
        self.now += self.step_s
        if len(self.asked) >= self.most:
            self.stop.set()
        if (error := self.spoil(number, request)) is not None:
            raise error
        meter = VirtualMeter(load_meter(self.model), request.unit, lambda: self.values)
        body = meter.answer(Question(request.unit, request.function, request.address, request.count), self.now)
        assert body is not None
        return tuple(int.from_bytes(body[at : at + 2], "big") for at in range(2, len(body), 2))


Read = list[tuple[float, Measurement]]


async def poll(
    line: ScriptedLine, *, slow_every_s: float = 1.0, register_s: float = 0.002, transaction_s: float = 0.02
) -> tuple[Read, Poller]:
    """All readings with their time."""
    settings = LineMeter(house="h1", model=line.model, unit=1, every_s=0, slow_every_s=slow_every_s)
    meter = polled_meter(settings, load_meter(line.model), transaction_s=transaction_s, register_s=register_s)
    readings: Read = []
    poller = Poller(line, [meter], lambda _, reading: readings.append((line.now, reading)), lambda: line.now)
    async with asyncio.timeout(20):
        await poller.run(line.stop)
    return readings, poller


def single(**changed: float) -> Values:
    values = {"v": 230.0, "i": 5.0, "p": 1000.0, "q": 100.0, "f": 50.0, "e_import": 5000.0, "e_export": 100.0}
    return {Point(Quantity(name)): value for name, value in (values | changed).items()}


def three(**changed: float) -> Values:
    values = {"v": 230.0, "i": 5.0, "p": 1000.0, "q": 100.0, "v_ll": 400.0, "e_import": 5000.0}
    points = {Point(Quantity(name), phase): value for name, value in values.items() for phase in Phase}
    return points | {Point(Quantity.F): 50.0} | {Point(Quantity.P, Phase(key)): v for key, v in changed.items()}


def lost(_: object = None) -> TransactionError:
    return TransactionError(Fault.TIMEOUT, "no answer")


async def test_each_complete_cycle_is_one_reading() -> None:
    line = ScriptedLine(three(), "cg_em24", 60)
    readings, poller = await poll(line, slow_every_s=3600)
    fast = polled_meter(
        LineMeter(house="h1", model="cg_em24", unit=1), load_meter("cg_em24"), transaction_s=0.02, register_s=0.002
    ).fast
    assert len(fast) > 1, "a meter with short reads needs several blocks for a cycle"
    cycles = sum(request.address == fast[-1].address for request in line.asked)
    assert len(readings) == cycles > 5
    assert all(isinstance(r, ThreePhase) and r.p == (1000.0, 1000.0, 1000.0) for _, r in readings)
    (health,) = poller.health()
    assert health.readings == len(readings)
    assert health.cycle_s == pytest.approx(line.step_s * len(fast), abs=0.01)


async def test_a_cycle_with_a_lost_block_gives_no_reading_and_no_mix_of_old_and_new() -> None:
    line = ScriptedLine(three(), "cg_em24", 40)

    def spoil(number: int, request: Request) -> Exception | None:
        # From the tenth request on the meter tells other values; the last block of that cycle is lost.
        if number >= 10:
            line.values = three(L1=-500.0, L2=-500.0, L3=-500.0)
        return lost() if number == 11 else None

    line.spoil = spoil
    readings, poller = await poll(line, slow_every_s=3600)
    powers = [set(r.p) for _, r in readings if isinstance(r, ThreePhase)]
    assert {1000.0} in powers
    assert {-500.0} in powers
    assert all(len(power) == 1 for power in powers)
    assert poller.health()[0].faults == {"timeout": 1}


async def test_slow_values_are_added_while_they_are_young() -> None:
    gone = 30

    def spoil(number: int, request: Request) -> Exception | None:
        return DeviceRefusal(6, "busy") if number > gone and request.address >= 70 else None

    line = ScriptedLine(single(), "eastron_sdm120", 80, spoil)
    readings, _ = await poll(line, slow_every_s=1.0)
    last_slow = max(number for number, request in enumerate(line.asked) if request.address >= 70 and number <= gone)
    came = (last_slow + 1) * line.step_s
    assert isinstance(readings[0][1], SinglePhase)
    assert readings[0][1].e_import is None
    with_energy = [at for at, r in readings if r.e_import is not None]
    assert with_energy
    assert max(with_energy) == pytest.approx(came + 2.0, abs=3 * line.step_s)
    assert readings[-1][1].f is None


@pytest.mark.parametrize(
    ("changed", "left_out"),
    [({"v": 8000.0}, "v"), ({"i": 50_000.0}, "i"), ({"q": 9e6}, "q")],
)
async def test_a_value_that_cannot_be_true_is_left_out_and_counted(changed: dict[str, float], left_out: str) -> None:
    readings, poller = await poll(ScriptedLine(single(**changed), "eastron_sdm120", 20))
    assert readings
    for _, reading in readings:
        assert isinstance(reading, SinglePhase)
        assert reading.p == 1000.0
        assert getattr(reading, left_out) is None
    assert poller.health()[0].implausible[left_out] >= len(readings)


async def test_without_active_power_there_is_no_reading_and_it_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    line = ScriptedLine(single(p=5e6), "eastron_sdm120", 20)
    readings, poller = await poll(line)
    assert readings == []
    assert poller.health()[0].incomplete > 10
    assert poller.health()[0].implausible["p"] > 10
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "p = 5e+06" in said[0]
    assert "firmware-bridge read" in said[0]


async def test_a_value_that_the_meter_says_it_lacks_is_counted_as_missing() -> None:
    readings, poller = await poll(ScriptedLine(single(q=float("nan")), "eastron_sdm120", 10))
    assert all(isinstance(r, SinglePhase) and r.q is None for _, r in readings)
    assert poller.health()[0].missing["q"] >= len(readings) > 0
    assert poller.health()[0].implausible == {}


async def test_a_lost_reply_is_tried_again_at_the_next_turn() -> None:
    readings, poller = await poll(ScriptedLine(single(), "eastron_sdm120", 20, lambda n, _: lost() if n == 5 else None))
    assert len(readings) >= 14
    assert poller.health()[0].silent_s is None
    assert poller.health()[0].faults == {"timeout": 1}


async def test_when_the_line_dies_what_was_gathered_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    line = ScriptedLine(single(), "eastron_sdm120", 160, step_s=1.0)

    def spoil(number: int, request: Request) -> Exception | None:
        return LineDown("unplugged") if number == 90 else None

    line.spoil = spoil
    readings, poller = await poll(line, slow_every_s=3600)
    energy = [reading.e_import is not None for _, reading in readings]
    changes = [now for before, now in pairwise(energy) if before != now]
    assert (energy[0], changes) == (False, [True, False, True])
    assert poller.health()[0].faults == {}
    assert caplog.records == [], "that the line is down is the line's to tell"


async def test_while_the_line_is_down_nothing_is_asked() -> None:
    line = ScriptedLine(single(), "eastron_sdm120", 20, up=False)
    reading = asyncio.ensure_future(poll(line))
    # Two looks at the line, each of them a pause apart.
    done, _ = await asyncio.wait([reading], timeout=0.6)
    assert not done
    assert line.asked == []
    line.up = True
    readings, _ = await reading
    assert len(line.asked) == 20
    assert readings
