"""Whole demos, short ones: the real daemon, a real broker, and what is left behind."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from pathlib import Path

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.clock import Clock, ScaledClock
from edge_balancer.daemon import Daemon
from edge_balancer.demo.broker import Broker, broker
from edge_balancer.demo.configuration import configuration, expiry_s
from edge_balancer.demo.options import DemoOptions
from edge_balancer.demo.serial import SerialLine
from edge_balancer.demo.session import Controller, View, run_demo, sunny_day
from edge_balancer.demo.stage import DATABASE, DemoError
from edge_balancer.demo.watch import Watch
from edge_balancer.demo.wire import forget
from edge_balancer.settings.root import Configuration
from edge_balancer.twin.feeder import TwinFeeder
from edge_balancer.twin.grid.style import Style
from edge_balancer.twin.neighbourhood import Neighbourhood
from edge_balancer.twin.options import DEFAULT_DAY, TwinOptions
from edge_balancer.twin.weather import Site, Weather
from firmware_bridge.contract import Phase as WirePhase
from firmware_bridge.settings.bridge import InterlockLimits
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.memory import SwitchMemory

NOON = dt.time(11, 0)
SHORT = DemoOptions(speed=300.0, minutes=20.0, houses=18, start=NOON, failure_rate=0.0, meter_period_s=30.0)


class CountingView:
    """Counts what is asked of it."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.calls: list[str] = []

    def open(self) -> None:
        self.calls.append("open")

    def refresh(self) -> None:
        self.calls.append("refresh")

    def close(self) -> None:
        self.calls.append("close")


class Scene:
    """Makes the parts that a demo asks for, and keeps them."""

    def __init__(self, controller: type[Controller] | None = None) -> None:
        self.views: list[CountingView] = []
        self.configurations: list[Configuration] = []
        self._controller = controller

    def view(self, watch: Watch, _twin: TwinOptions, _title: str) -> View:
        self.views.append(CountingView(watch))
        return self.views[-1]

    def controller(self, config: Configuration, clock: Clock, database: Path) -> Controller:
        self.configurations.append(config)
        return self._controller() if self._controller else Daemon(config, clock, database)


class Idle:
    """A controller that does nothing until told to stop."""

    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()


class Broken:
    """A controller that falls over."""

    async def run(self, stop: asyncio.Event) -> None:
        raise ZeroDivisionError("the controller fell over")


async def test_the_daemon_balances_the_feeder_and_the_demo_ends_by_itself() -> None:
    scene = Scene()
    result = await asyncio.wait_for(run_demo(SHORT, scene.view, scene.controller), 60.0)
    assert 20.0 <= result.minutes < 26.0
    assert result.operations > 0
    assert result.balanced.mean_a < 0.9 * result.without.mean_a
    assert result.failures == 0
    (view,) = scene.views
    assert (view.calls[0], view.calls[-1]) == ("open", "close")
    assert view.calls.count("refresh") >= 3
    assert view.watch.unread == 0
    assert any("Move h" in note.text for note in view.watch.notes)
    assert "% of none" in result.text()


async def test_an_existing_broker_is_left_as_it_was_found() -> None:
    with broker() as running:
        options = DemoOptions(
            speed=300.0, minutes=4.0, houses=6, start=NOON, failure_rate=0.0, broker=(running.host, running.port)
        )
        scene = Scene()
        await asyncio.wait_for(run_demo(options, scene.view, scene.controller), 60.0)
        assert scene.configurations[0].mqtt.port == running.port
        assert forget((running.host, running.port), "phase-balance") == 0


async def test_stop_ends_it() -> None:
    stop = asyncio.Event()
    scene = Scene(Idle)
    running = asyncio.create_task(run_demo(DemoOptions(houses=3), scene.view, scene.controller, stop))
    while not (scene.views and scene.views[0].calls):
        assert not running.done(), running.result()
        await asyncio.sleep(0.01)
    stop.set()
    result = await asyncio.wait_for(running, 30.0)
    assert result.operations == 0


async def test_a_controller_that_falls_over_ends_the_demo_with_its_reason() -> None:
    scene = Scene(Broken)
    with pytest.raises(ZeroDivisionError, match="fell over"):
        await asyncio.wait_for(run_demo(DemoOptions(houses=3), scene.view, scene.controller), 30.0)
    assert scene.views[0].calls[-1] == "close"


async def test_no_broker_is_an_os_error() -> None:
    scene = Scene(Idle)
    with pytest.raises(OSError, match=r"refused|Connect"):
        await run_demo(DemoOptions(houses=3, broker=("127.0.0.1", 1)), scene.view, scene.controller)


async def test_the_folder_of_an_earlier_demo_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"")
    scene = Scene(Idle)
    with pytest.raises(DemoError, match="earlier demo"):
        await run_demo(DemoOptions(houses=3, keep=tmp_path), scene.view, scene.controller)


@pytest.mark.parametrize(("speed", "expected"), [(1.0, 10.0), (20.0, 10.0), (300.0, 150.0), (1000.0, 300.0)])
def test_commands_live_longer_on_a_fast_clock(speed: float, expected: float) -> None:
    assert expiry_s(speed) == expected


@pytest.mark.parametrize("speed", [0.5, 60.0, 300.0, 1000.0])
def test_the_configuration_is_valid_at_every_speed(speed: float) -> None:
    place = Neighbourhood.of(TwinOptions(houses=9))
    config = configuration(
        DemoOptions(speed=speed),
        place,
        broker=("127.0.0.1", 1883),
        base="phase-balance/demo",
        database=Path("demo.db"),
    )
    assert [house.pv_w for house in config.houses] == place.houses.pv_w.tolist()
    assert config.feeder.transformer_kva == place.grid.transformer.kva
    assert config.base_topic == "phase-balance/demo"
    assert config.switching.expiry_s <= config.switching.ack_timeout_s <= config.switching.verify_timeout_s


@pytest.mark.parametrize("seed", range(5))
def test_the_day_is_a_clear_one_of_late_spring(seed: int) -> None:
    weather = Weather(Site(), seed)
    day = sunny_day(weather)
    assert dt.date(2025, 5, 15) <= day < dt.date(2025, 7, 1)
    assert weather.sky_index(weather.site.midnight_of(day), 86400).mean() > 0.8


@pytest.mark.parametrize("style", list(Style))
async def test_every_kind_of_feeder_can_be_shown(style: Style) -> None:
    scene = Scene(Idle)
    options = DemoOptions(speed=300.0, minutes=2.0, houses=6, start=NOON, feeder=style)
    stop = asyncio.Event()
    running = asyncio.create_task(run_demo(options, scene.view, scene.controller, stop))
    while not (scene.views and scene.views[0].watch.truth):
        assert not running.done(), running.result()
        await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(running, 30.0)
    truth = scene.views[0].watch.truth
    assert truth is not None
    assert truth.solar_w.sum() > 0.0
    assert all(house.phase is not None for house in scene.configurations[0].houses)


def test_forget_takes_away_what_is_retained_below_and_nothing_else() -> None:
    with broker() as running:
        keep(running, "a/x", "a/y/z", "b/x")
        assert forget((running.host, running.port), "a") == 2
        assert forget((running.host, running.port), "a") == 0
        assert forget((running.host, running.port), "b") == 1


def keep(at: Broker, *topics: str) -> None:
    from paho.mqtt import publish

    publish.multiple(
        [{"topic": topic, "payload": b"1", "qos": 1, "retain": True} for topic in topics],
        hostname=at.host,
        port=at.port,
    )


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_switches_on_the_simulated_line_have_stood_still_for_long(speed: float, tmp_path: Path) -> None:
    feeder = TwinFeeder(TwinOptions(houses=4))
    clock = ScaledClock(speed, feeder.options.wall(DEFAULT_DAY, 36_000.0))
    line = SerialLine(feeder, 3, clock, lambda *_: None)
    line.remember(tmp_path / "bridge.db")
    line.close()
    memory = SwitchMemory(tmp_path / "bridge.db")
    for k, house in enumerate(line.houses):
        kept = memory.load(house, wall=clock.wall(), monotonic=clock.monotonic())
        assert kept is not None
        own = WirePhase[feeder.houses.phase_of(k).name]
        assert kept.memory.position is own
        interlock = Interlock(InterlockLimits(), clock.monotonic(), memory=kept.memory)
        interlock.seen(frozenset({own}), clock.monotonic())
        other = WirePhase.L1 if own is not WirePhase.L1 else WirePhase.L2
        assert interlock.order(other, name="first", now=clock.monotonic()) is None, "refused"
    memory.close()


async def test_meters_on_the_simulated_line_are_read_as_often_as_the_fast_clock_asks() -> None:
    with broker() as running:
        options = DemoOptions(
            speed=60.0, houses=6, start=NOON, failure_rate=0.0, serial=2, broker=(running.host, running.port)
        )
        heard: Counter[str] = Counter()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def count(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
            heard[message.topic.rsplit("/", 1)[1]] += 1
            # In real time: at the line's own pace a reading in half a minute would be stale on this clock.
            if min(heard["h01"], heard["h02"]) >= 4:
                loop.call_soon_threadsafe(stop.set)

        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.on_message = count
        client.on_connect = lambda c, *_: c.subscribe("phase-balance/+/meter/+")
        client.connect(running.host, running.port)
        client.loop_start()
        scene = Scene()
        try:
            result = await asyncio.wait_for(run_demo(options, scene.view, scene.controller, stop), 45.0)
        finally:
            client.disconnect()
            client.loop_stop()
        assert result.refusals == 0
