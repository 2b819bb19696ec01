"""`firmware-bridge switch HOUSE PHASE`: a person moves one switch, for commissioning and out of the dark.

The bridge must not run meanwhile: two that drive the same contacts could join two phases. The interlock judges and
moves as always, with the same memory; only a lock-out of its own is lifted by the person's order.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Final

from firmware_bridge.commands.configured import add_config_argument, configuration_of, switched_houses, unknown_house
from firmware_bridge.commands.line_access import INTERRUPTED, USAGE, opened
from firmware_bridge.contract import Phase, Result
from firmware_bridge.errors import BridgeError
from firmware_bridge.host.clock import SystemClock
from firmware_bridge.host.instance_lock import AlreadyRunning, held
from firmware_bridge.host.link import Link
from firmware_bridge.service.bridge import ANOTHER
from firmware_bridge.service.bus import RelayBus, Said
from firmware_bridge.settings.bridge import BridgeConfiguration
from firmware_bridge.settings.devices import LineSettings, LineSwitch, RelaySwitch
from firmware_bridge.switches.board import Board
from firmware_bridge.switches.catalogue import load_switch
from firmware_bridge.switches.choice import line_board, mqtt_board
from firmware_bridge.switches.driver import SwitchDriver, start_interlock
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.interlock_types import Answer, Refusal, Step
from firmware_bridge.switches.memory import SwitchMemory

_REACH_S: Final = 10.0
"""For the broker, and for the first reading of the contacts."""
_LOOK_S: Final = 0.05
_STOP_S: Final = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("house", metavar="HOUSE")
    parser.add_argument("phase", metavar="PHASE", type=str.upper, choices=tuple(Phase), help="L1, L2 or L3")
    add_config_argument(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def command(args: argparse.Namespace) -> int:
    if (configuration := configuration_of(args.config)) is None:
        return USAGE
    known = switched_houses(configuration.bridge)
    if args.house not in known:
        print(f"firmware-bridge switch: {unknown_house(args.house, known)}", file=sys.stderr)
        return USAGE
    phase = Phase(args.phase)
    line, switch = _find(configuration, args.house)
    if not args.yes and not _confirmed(line, switch, phase):
        return USAGE
    # What the parts log is said by the command itself.
    logging.getLogger("firmware_bridge").addHandler(logging.NullHandler())
    try:
        with held(configuration.bridge.state, ANOTHER, "bridge.state"):
            return asyncio.run(_switch(configuration, line, switch, phase))
    except AlreadyRunning as error:
        request = f"{configuration.mqtt.base_topic}/switch/{args.house}/request"
        print(
            f"firmware-bridge switch: {error}; or leave it running and ask the controller: publish "
            f'{{"phase": "{phase}", "operator": "...", "reason": "..."}} on {request}',
            file=sys.stderr,
        )
    except BridgeError as error:
        print(f"firmware-bridge switch: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; the next start of the bridge finds out where the contacts are", file=sys.stderr)
        return INTERRUPTED
    return 1


def _find(configuration: BridgeConfiguration, house: str) -> tuple[LineSettings | None, LineSwitch | RelaySwitch]:
    for line in configuration.bridge.lines:
        for wired in line.switches:
            if wired.house == house:
                return line, wired
    return None, next(switch for switch in configuration.bridge.relays if switch.house == house)


def _confirmed(line: LineSettings | None, switch: LineSwitch | RelaySwitch, phase: Phase) -> bool:
    if not sys.stdin.isatty():
        print("firmware-bridge switch: nobody can be asked here: give --yes to move without asking", file=sys.stderr)
        return False
    place = f"unit {switch.unit} of line {line.name}" if line and isinstance(switch, LineSwitch) else "MQTT"
    relays = f", relays {', '.join(map(str, switch.relays))}" if switch.relays else ""
    print(f"{switch.house} goes to {phase}: {switch.model} at {place}{relays}. The house is dark for a moment.")
    try:
        return input("Move it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


class _Narrated:
    """A board that says what is done to it."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._began = time.monotonic()
        self._seen: object = ()

    @property
    def opens(self) -> bool:
        return self._board.opens

    async def open_all(self) -> None:
        self._say("opens all contacts")
        await self._board.open_all()

    async def close(self, phase: Phase) -> None:
        self._say(f"closes {phase}")
        await self._board.close(phase)

    async def read(self) -> frozenset[Phase] | None:
        closed = await self._board.read()
        if closed != self._seen:
            self._seen = closed
            names = "contradict themselves" if closed is None else f"read {', '.join(sorted(closed)) or 'none'} closed"
            self._say(f"contacts {names}")
        return closed

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:8.3f} s  {text}", flush=True)


async def _switch(
    configuration: BridgeConfiguration, line: LineSettings | None, switch: LineSwitch | RelaySwitch, phase: Phase
) -> int:
    async with _board(configuration, line, switch) as reached:
        board, clock, house = _Narrated(reached), SystemClock(), switch.house
        memory = SwitchMemory(configuration.bridge.state)
        interlock, heeded = start_interlock(house, board, configuration.bridge.interlock, memory, clock)
        answers: asyncio.Queue[Answer] = asyncio.Queue()
        driver = SwitchDriver(house, board, interlock, memory, clock, answers.put_nowait, heeded=heeded)
        driving = asyncio.create_task(driver.run())
        try:
            return await _ordered(driver, interlock, answers, driving, phase)
        finally:
            if not await driver.stop(_STOP_S):
                driving.cancel()
            await asyncio.wait((driving,))
            memory.close()


async def _ordered(
    driver: SwitchDriver,
    interlock: Interlock,
    answers: asyncio.Queue[Answer],
    driving: asyncio.Task[None],
    phase: Phase,
) -> int:
    """Order the phase and say what comes of it. Rest between two operations is waited for."""
    name = f"by hand {time.time():.0f}"
    told = ""
    while True:
        await _at_rest(driver, interlock, answers, driving)
        driver.order(phase, name)
        answer = await _next_about(name, answers, driving)
        if answer.result is Result.MOVING:
            answer = await _next_about(name, answers, driving)
        if answer.refusal is not Refusal.DWELL:
            break
        if not told:
            told = answer.reason
            print(f"{told}; waiting for that, Ctrl-C ends it", flush=True)
        await asyncio.sleep(1.0)
    where = answer.phase or "an unknown phase"
    if answer.result is Result.DONE or answer.refusal is Refusal.ALREADY_THERE:
        print(f"{driver.house} is on {where}")
        return 0
    print(f"firmware-bridge switch: {answer.result}: {answer.reason}; {driver.house} is on {where}", file=sys.stderr)
    return 1


async def _at_rest(
    driver: SwitchDriver, interlock: Interlock, answers: asyncio.Queue[Answer], driving: asyncio.Task[None]
) -> None:
    """Until the position was read, and a move that had been cut off is over."""
    deadline = time.monotonic() + _REACH_S
    while interlock.step is not Step.REST:
        if driving.done():
            await driving
        if not interlock.moving and time.monotonic() > deadline:
            raise BridgeError(
                f"the contacts of {driver.house} cannot be read: check the board's power, wiring, unit and baud rate "
                "(`firmware-bridge scan` looks for it)"
            )
        await asyncio.sleep(_LOOK_S)
    while not answers.empty():
        if (answer := answers.get_nowait()).reason:
            print(answer.reason, flush=True)


async def _next_about(name: str, answers: asyncio.Queue[Answer], driving: asyncio.Task[None]) -> Answer:
    while True:
        waiting = asyncio.create_task(answers.get())
        await asyncio.wait((waiting, driving), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            await driving
            raise BridgeError("the switch's driver has ended")
        if (answer := waiting.result()).id == name:
            return answer


@contextlib.asynccontextmanager
async def _board(
    configuration: BridgeConfiguration, line: LineSettings | None, switch: LineSwitch | RelaySwitch
) -> AsyncIterator[Board]:
    """The switch's board, reachable."""
    template = load_switch(switch.model, configuration.bridge.templates)
    if line is not None and isinstance(switch, LineSwitch):
        async with opened(line) as owner:
            yield line_board(owner, switch, template)
        return
    assert isinstance(switch, RelaySwitch)  # noqa: S101 - the others hang on a line
    stop, up = asyncio.Event(), asyncio.Event()
    news: list[str] = []
    base, settings = configuration.mqtt.base_topic, configuration.bridge
    links: list[Link] = []

    def say(said: Said) -> bool:
        return links[0].publish(said.topic, said.payload, qos=said.qos, retain=said.retain)

    bus = RelayBus(say)
    board = mqtt_board(bus, switch, template)
    name = f"{configuration.mqtt.client_id or settings.id}-by-hand-{os.getpid()}"
    link = Link(
        configuration.mqtt,
        name,
        f"{base}/bridge/{settings.id}/availability",
        [(topic, 0) for topic in bus.filters],
        on_message=bus.receive,
        on_up=up.set,
        on_news=lambda _, trouble: news.append(str(trouble or "")),
    )
    links.append(link)
    connection = asyncio.create_task(link.run(stop))
    try:
        try:
            await asyncio.wait_for(up.wait(), _REACH_S)
        except TimeoutError as error:
            where = f"{configuration.mqtt.host}:{configuration.mqtt.tcp_port}"
            raise BridgeError(f"no broker at {where}: {news[-1] if news else 'no answer'}") from error
        yield board
    finally:
        stop.set()
        await connection
