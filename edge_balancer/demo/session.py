"""One demo, from the broker's start to the result: it wires the parts together, and takes them down in order.

The controller is the real daemon, in this process and on this loop, with a faster clock; it meets the feeder over MQTT
alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from edge_balancer.clock import Clock, ScaledClock
from edge_balancer.demo.configuration import configuration
from edge_balancer.demo.gains import Gains
from edge_balancer.demo.meters import MeterPost
from edge_balancer.demo.options import DemoOptions, DemoResult
from edge_balancer.demo.serial import SerialLine
from edge_balancer.demo.stage import DATABASE, address, folder, signals
from edge_balancer.demo.watch import Watch
from edge_balancer.demo.wire import listen
from edge_balancer.settings.root import Configuration
from edge_balancer.twin.devices.meters import MeterOptions
from edge_balancer.twin.feeder import Truth, TwinFeeder
from edge_balancer.twin.grid.style import Style
from edge_balancer.twin.options import TwinOptions
from edge_balancer.twin.weather import Weather
from edge_balancer.types.phases import Phase
from firmware_bridge.contract import Phase as WirePhase
from firmware_bridge.switches.interlock_types import InterlockLimits
from firmware_bridge.switches.virtual import Behaviour, VirtualSwitches

_REFRESH_S: Final = 0.25
_READY_S: Final = 15.0
_LOOK_S: Final = 0.05
_SEASON: Final = dt.date(2025, 5, 15)
"""Late spring: high sun, cool panels, little heating."""
_EPOCH: Final = dt.date(1970, 1, 1)
_CLEAR: Final = 0
_EV_SHARE: Final = 0.2


class Controller(Protocol):
    """What balances the feeder: the daemon."""

    async def run(self, stop: asyncio.Event) -> None: ...


@runtime_checkable
class ServesPage(Protocol):
    """A controller that can serve the page."""

    @property
    def page_address(self) -> str:
        """Where it is; empty while it is not served."""
        ...


class View(Protocol):
    """What shows the demo."""

    def open(self) -> None: ...

    def refresh(self) -> None: ...

    def close(self) -> None: ...


MakeController = Callable[[Configuration, Clock, Path], Controller]
MakeView = Callable[[Watch, TwinOptions, str], View]


def sunny_day(weather: Weather) -> dt.date:
    """The first day of the season on which hardly a cloud is seen."""
    day = _SEASON
    while weather.day_kind((day - _EPOCH).days) != _CLEAR:
        day += dt.timedelta(days=1)
    return day


class _Cast:
    """Everything that takes part in one demo."""

    def __init__(self, options: DemoOptions, at: tuple[str, int], base: str) -> None:
        self.twin = TwinOptions(
            houses=options.houses,
            seed=options.seed,
            style=options.feeder,
            ev_share=0.0 if options.feeder is Style.MINI_GRID else _EV_SHARE,
        )
        self.feeder = TwinFeeder(self.twin)
        start = dt.timedelta(hours=options.start.hour, minutes=options.start.minute).total_seconds()
        self.clock = ScaledClock(options.speed, self.twin.wall(sunny_day(self.feeder.place.weather), start))
        self.watch = Watch(base)
        self.gains = Gains()
        self.serial = SerialLine(self.feeder, options.serial, self.clock, self._moved) if options.serial else None
        on_line = self.serial.houses if self.serial else ()
        self.switches = VirtualSwitches(
            {
                house: WirePhase(self.feeder.houses.phase_of(k).name)
                for k, house in enumerate(self.feeder.houses.ids)
                if house not in on_line
            },
            base_topic=base,
            clock=self.clock,
            behaviour=Behaviour(failure_rate=options.failure_rate, seed=options.seed),
            limits=InterlockLimits(),
            on_change=self._contact,
        )
        self.meters = MeterPost(
            self.feeder,
            self.clock,
            base,
            MeterOptions(period_s=options.meter_period_s),
            options.seed,
            on_truth=self._see,
            silent=on_line,
        )
        self._at, self._base = at, base

    def _contact(self, house: str, phase: WirePhase | None) -> None:
        self._moved(house, None if phase is None else Phase[phase.name])

    def _moved(self, house: str, phase: Phase | None) -> None:
        self.feeder.contact(house, phase, self.clock.wall())

    def _see(self, truth: Truth) -> None:
        if self.watch.online:
            self.gains.begin(truth.wall)
        self.gains.add(truth)
        if self.serial is not None:
            self.serial.see(truth)
        self.watch.see(truth)

    def hear(self, topic: str, payload: bytes) -> None:
        self.watch.hear(topic, payload, self.clock.wall())

    @asynccontextmanager
    async def playing(self, failed: asyncio.Event) -> AsyncIterator[None]:
        """Switches, meters and the onlooker at work; sets `failed` if one of them ends before its time."""
        stop = asyncio.Event()
        if self.serial is not None:
            self.serial.open()
        heard, announced = asyncio.Event(), asyncio.Event()
        parts = [
            _part(listen(self._at, self._base, self.hear, ready=heard, stop=stop), failed),
            _part(self.switches.run(*self._at, stop, announced), failed),
        ]
        try:
            await _all_ready(parts, (heard, announced))
            parts.append(_part(self.meters.run(*self._at, stop), failed))
            yield
        finally:
            stop.set()
            results = await asyncio.gather(*parts, return_exceptions=True)
            if self.serial is not None:
                self.serial.close()
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def result(self, budget_per_house_day: float) -> DemoResult:
        without, balanced = self.gains.figures()
        minutes = self.gains.minutes
        operations = self.switches.operations + (self.serial.operations if self.serial else 0)
        house_days = len(self.feeder.houses) * minutes / 1440.0
        return DemoResult(
            minutes=minutes,
            without=without,
            balanced=balanced,
            operations=operations,
            operations_per_house_day=operations / house_days if house_days > 0.0 else 0.0,
            budget_per_house_day=budget_per_house_day,
            failures=self.watch.failures,
            refusals=self.watch.refusals,
            alerts=tuple(self.watch.alert_texts),
        )


async def run_demo(
    options: DemoOptions,
    make_view: MakeView,
    make_controller: MakeController,
    stop: asyncio.Event | None = None,
    announce: Callable[[str], None] | None = None,
) -> DemoResult:
    """Run one demo until its minutes are over, `stop` is set or Ctrl-C comes. `announce` hears the page's address.

    Raises BrokerError or OSError where there is no broker, and whatever ended the controller before its time.
    """
    stop = stop or asyncio.Event()
    with address(options.broker) as (at, base, name), folder(options.keep) as place, signals(stop):
        cast = _Cast(options, at, base)
        title = f"edge-balancer demo · {options.houses} houses · x{options.speed:g} · {name}"
        view = make_view(cast.watch, cast.twin, title)
        database = place / DATABASE
        bridge = cast.serial.settings if cast.serial else None
        config = configuration(options, cast.feeder.place, broker=at, base=base, database=database, bridge=bridge)
        if cast.serial is not None:
            cast.serial.remember(config.bridge.state)
        async with cast.playing(stop):
            controller = make_controller(config, cast.clock, database)
            controller_stop = asyncio.Event()
            running = _part(controller.run(controller_stop), stop)
            if announce is not None and options.page and isinstance(controller, ServesPage):
                announce(await _page_address(controller, stop))
            view.open()
            try:
                await _until_the_end(options, cast, view, stop)
            finally:
                controller_stop.set()
                view.close()
                await running
        return cast.result(config.decision.operations_per_house_day)


async def _page_address(controller: ServesPage, stop: asyncio.Event) -> str:
    """Where the page is, once it is served; empty where it is not after a while."""
    give_up = asyncio.get_running_loop().time() + _READY_S
    while not controller.page_address and not stop.is_set() and asyncio.get_running_loop().time() < give_up:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_S)
    return controller.page_address


async def _until_the_end(options: DemoOptions, cast: _Cast, view: View, stop: asyncio.Event) -> None:
    while not stop.is_set() and not (options.minutes is not None and cast.gains.minutes >= options.minutes):
        view.refresh()
        left_s = _REFRESH_S
        if options.minutes is not None:
            left_s = min(left_s, max(0.01, (options.minutes - cast.gains.minutes) * 60.0 / options.speed))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), left_s)


def _part(work: Coroutine[Any, Any, None], ended: asyncio.Event) -> asyncio.Task[None]:
    """A task whose end, good or bad, ends the demo: a feeder without one of its parts proves nothing."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda _: ended.set())
    return task


async def _all_ready(parts: list[asyncio.Task[None]], events: tuple[asyncio.Event, ...]) -> None:
    """Wait until every event is set, or raise what ended a part."""

    async def all_set() -> None:
        for event in events:
            await event.wait()

    waiting = asyncio.ensure_future(all_set())
    try:
        await asyncio.wait((waiting, *parts), timeout=_READY_S, return_when=asyncio.FIRST_COMPLETED)
        for part in parts:
            if part.done():
                part.result()
        if not waiting.done():
            raise TimeoutError(f"the broker has not answered within {_READY_S:g} s")
    finally:
        waiting.cancel()
