"""Random moves of two phase switches on one simulated relay board, while the process that drives them is killed.

The board hangs on a pseudo terminal of this process and records the instant of every contact's movement. Driver,
interlock, memory and line are the product's own, in a child that is killed at random instants (SIGKILL) and started
again. Ends with 1 if two phases of a house were ever closed together, if a dead time was shorter than configured, if a
sequence number was forgotten, or if a house did not come back.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from firmware_bridge.contract import Phase, SetCommand
from firmware_bridge.lines.owner import make_line
from firmware_bridge.settings.bridge import InterlockLimits
from firmware_bridge.settings.devices import LineSettings, LineSwitch
from firmware_bridge.simulator.boards import VirtualRelayBoard
from firmware_bridge.simulator.contacts import Change
from firmware_bridge.simulator.pty_line import PtyLine
from firmware_bridge.switches.catalogue import load_switch
from firmware_bridge.switches.choice import line_board
from firmware_bridge.switches.driver import SwitchDriver, start_interlock
from firmware_bridge.switches.interlock_types import Answer
from firmware_bridge.switches.memory import SwitchMemory
from scripts.bench.common import machine, spread, verdict

MODEL: Final = "lc_relay_8ch"
RELAYS: Final = {"h1": (1, 2, 3), "h2": (4, 5, 6)}
PHASES: Final = tuple(Phase)
AHEAD_S: Final = 100.0
"""The switches' clocks are put forward by this before each command, so that the caps by the hour and the day hold."""
GUARD_S: Final = 60.0
KILL_WITHIN_S: Final = 0.15
"""A little longer than a move takes."""


# -- the child: what is killed --------------------------------------------------------------------------------------


class ForwardClock:
    """The machine's clocks, put forward. Only while the switch rests: else a dead time would be cut short."""

    speed = 1.0

    def __init__(self, ahead_s: float) -> None:
        self.ahead_s = ahead_s

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s

    def wall(self) -> float:
        return time.time() + self.ahead_s


async def drive(port: str, state: Path, dead_time_s: float, ahead: Mapping[str, float]) -> None:
    """Commands as lines of JSON on standard input, answers on standard output, until it is closed."""
    limits = InterlockLimits(
        dead_time_s=dead_time_s,
        settle_s=0.5,
        dwell_s=0.0,
        watch_s=0.5,
        operations_per_hour=1000,
        operations_per_day=10_000,
    )
    settled = asyncio.Event()
    line = make_line(
        LineSettings(name="bench", port=port, baud=115200, reply_timeout_s=0.2, quiet_s=0.05),
        on_change=lambda up, reason: settled.set(),  # noqa: ARG005 - a line that stays down is told by the drivers
    )
    stop = asyncio.Event()
    holding = asyncio.create_task(line.run(stop))
    await settled.wait()
    memory = SwitchMemory(state)
    drivers: dict[str, SwitchDriver] = {}
    interlocks = {}
    clocks = {house: ForwardClock(ahead[house]) for house in RELAYS}
    for house, relays in RELAYS.items():
        settings = LineSwitch(house=house, model=MODEL, unit=1, relays=relays, feedback=relays)
        board = line_board(line, settings, load_switch(MODEL))
        interlock, heeded = start_interlock(house, board, limits, memory, clocks[house])
        interlocks[house] = interlock
        drivers[house] = SwitchDriver(house, board, interlock, memory, clocks[house], _teller(house), heeded=heeded)
    tasks = [asyncio.create_task(driver.run()) for driver in drivers.values()]
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for text in reader:
        asked = json.loads(text)
        house = asked["house"]
        if not interlocks[house].moving:
            clocks[house].ahead_s = max(clocks[house].ahead_s, asked["ahead_s"])
        if asked.get("unlock"):
            await asyncio.to_thread(memory.unlock, house, "bench", clocks[house].wall())
            continue
        now = clocks[house].wall()
        drivers[house].submit(
            SetCommand(asked["id"], asked["seq"], asked["phase"], asked["from"], issued=now, expires=now + 30.0)
        )
    for driver in drivers.values():
        await driver.stop()
    await asyncio.gather(*tasks)
    stop.set()
    await holding


def _teller(house: str) -> Callable[[Answer], None]:
    def tell(answer: Answer) -> None:
        said = {
            "house": house,
            "id": answer.id,
            "phase": answer.phase,
            "result": answer.result,
            "refusal": answer.refusal,
            "reason": answer.reason,
        }
        print(json.dumps(said), flush=True)

    return tell


# -- the recording ----------------------------------------------------------------------------------------------------


class Recording:
    """Every movement of a main contact, judged as it comes. Called in the simulated line's thread."""

    def __init__(self) -> None:
        self.closed: dict[str, set[int]] = {house: set() for house in RELAYS}
        self.opened_at: dict[str, float] = {}
        self.dead_s: list[float] = []
        self.together: list[str] = []
        self.changes = 0

    def note(self, change: Change) -> None:
        self.changes += 1
        house = next(house for house, relays in RELAYS.items() if change.channel in relays)
        closed = self.closed[house]
        if not change.closed:
            closed.discard(change.channel)
            if not closed:
                self.opened_at[house] = change.at
            return
        if closed:
            self.together.append(f"{house}: relay {change.channel} closed at {change.at:.4f} with {sorted(closed)}")
        elif house in self.opened_at:
            self.dead_s.append(change.at - self.opened_at[house])
        closed.add(change.channel)


# -- the parent -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class House:
    """What the parent knows of one switch."""

    name: str
    position: Phase | None = None
    seq: int = 0
    moved_seq: int = -1
    """Greatest sequence number whose move was told to have begun."""
    ahead_s: float = 0.0
    answers: asyncio.Queue[dict[str, Any] | None] = field(default_factory=asyncio.Queue)
    """None where the child was killed."""

    def lose(self) -> None:
        self.position = None


class Bench:
    def __init__(self, port: str, state: Path, options: argparse.Namespace, chance: random.Random) -> None:
        self._port, self._state, self._options, self._chance = port, state, options, chance
        self.houses = {name: House(name) for name in RELAYS}
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.recovery_s: list[float] = []
        self._child: asyncio.subprocess.Process | None = None
        self._killing = False

    async def run(self) -> None:
        await self._start()
        try:
            await asyncio.gather(*(self._moves(house) for house in self.houses.values()))
        finally:
            child = self._child
            if child is not None and child.stdin is not None:
                child.stdin.close()
                await child.wait()

    async def _start(self) -> None:
        ahead = json.dumps({name: house.ahead_s for name, house in self.houses.items()})
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__)),
            "--child",
            self._port,
            str(self._state),
            ahead,
            "--dead-ms",
            str(self._options.dead_ms),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._child = child
        self._reading = asyncio.create_task(self._read(child))

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None  # noqa: S101 - it was asked for
        async for text in child.stdout:
            said = json.loads(text)
            self.houses[said["house"]].answers.put_nowait(said)

    async def _kill(self) -> None:
        """Kill the child at a random instant of the move, and start another."""
        await asyncio.sleep(self._chance.uniform(0.0, KILL_WITHIN_S))
        child = self._child
        assert child is not None  # noqa: S101 - started first
        child.kill()
        await child.wait()
        await self._reading
        self.counts["kills"] += 1
        for house in self.houses.values():
            house.answers.put_nowait(None)
        await self._start()

    def _send(self, house: House, **more: object) -> None:
        child = self._child
        assert child is not None  # noqa: S101 - started first
        assert child.stdin is not None  # noqa: S101 - it was asked for
        said = {"house": house.name, "ahead_s": house.ahead_s, **more}
        # A child that is being killed reads no more; what becomes of the command is found out afterwards.
        if not child.stdin.is_closing():
            child.stdin.write(json.dumps(said).encode() + b"\n")

    async def _moves(self, house: House) -> None:
        await self._find(house)
        while self.counts["moves"] < self._options.moves:
            self.counts["moves"] += 1
            assert house.position is not None  # noqa: S101 - found before
            target = self._chance.choice([phase for phase in PHASES if phase is not house.position])
            house.ahead_s += AHEAD_S
            house.seq += 1
            name = f"{house.name}-{house.seq}"
            self._send(house, id=name, seq=house.seq, phase=target, **{"from": house.position})
            if not self._killing and self._chance.random() * self._options.kill_every < 1.0:
                self._killing = True
                killing = asyncio.create_task(self._kill())
                killing.add_done_callback(self._killed)
            said = await self._end_of(house, name)
            if said is None:
                await self._recover(house)
            elif said["phase"] is None and said["result"] == "failed":
                # Nothing is broken here, so no move may end in the dark.
                print(f"  {house.name} LOST: {said['reason']}")
                return
            if self.counts["moves"] % 500 == 0:
                print(f"  {self.counts['moves']} moves, {self.counts['kills']} kills", flush=True)

    def _killed(self, task: asyncio.Task[None]) -> None:
        task.result()
        self._killing = False

    async def _end_of(self, house: House, name: str) -> dict[str, Any] | None:
        """The last word on a command; None where the child was killed before it."""
        async with asyncio.timeout(GUARD_S):
            while (said := await house.answers.get()) is not None:
                self._take(house, said)
                if said["id"] == name and said["result"] != "moving":
                    self.counts[said["result"]] += 1
                    if said["refusal"]:
                        self.refusals[said["refusal"]] += 1
                        await self._settle(house, said)
                    return said
        return None

    def _take(self, house: House, said: dict[str, Any]) -> None:
        house.position = None if said["phase"] is None else Phase(said["phase"])
        if said["result"] == "moving":
            house.moved_seq = int(said["id"].rpartition("-")[2])

    async def _settle(self, house: House, said: dict[str, Any]) -> None:
        """After a refusal: release it where it is locked out, and wait until it knows where it is."""
        if said["refusal"] == "locked_out":
            self.counts["lock-outs"] += 1
            print(f"  {house.name} was locked out: {said['reason']}")
            self._send(house, unlock=True)
            house.lose()
        if house.position is None:
            await self._find(house)

    async def _recover(self, house: House) -> None:
        begun = time.monotonic()
        house.lose()
        await self._find(house)
        self.recovery_s.append(time.monotonic() - begun)
        self.counts["recoveries"] += 1
        if house.moved_seq < 0:
            return
        # What was acted on before the kill must not be taken again: the sequence number was not forgotten.
        name = f"{house.name}-replayed-{self.counts['recoveries']}"
        other = next(phase for phase in PHASES if phase is not house.position)
        self._send(house, id=name, seq=house.moved_seq, phase=other, **{"from": house.position})
        said = await self._end_of(house, name)
        if said is None:
            await self._recover(house)
        elif said["refusal"] == "old_sequence":
            self.counts["replays refused"] += 1
        else:
            self.counts["REPLAYS TAKEN"] += said["refusal"] is None
            print(f"  the replay of {house.moved_seq} to {house.name} was answered {said}")

    async def _find(self, house: House) -> None:
        """Wait until it tells where it is; a kill meanwhile begins the wait anew."""
        async with asyncio.timeout(GUARD_S):
            while house.position is None:
                said = await house.answers.get()
                if said is not None:
                    self._take(house, said)
                    self.counts[f"{said['result']} afterwards"] += bool(said["id"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=10_000, help="moves commanded (default %(default)s)")
    parser.add_argument("--kill-every", type=float, default=20.0, help="moves between kills, on average (%(default)s)")
    parser.add_argument("--dead-ms", type=float, default=15.0, help="dead time, scaled down (%(default)s ms)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=3, metavar=("PORT", "STATE", "AHEAD"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        port, state, ahead = options.child
        asyncio.run(drive(port, Path(state), options.dead_ms / 1000.0, json.loads(ahead)))
        return 0
    print(machine())
    recording = Recording()
    board = VirtualRelayBoard(1, on_change=recording.note)
    begun = time.monotonic()
    for relays in RELAYS.values():
        board.contacts.drive(relays[0], True, begun)
    with tempfile.TemporaryDirectory() as folder, PtyLine([board], baud=115200, paced=False) as line:
        bench = Bench(line.path, Path(folder) / "bridge.db", options, random.Random(options.seed))
        asyncio.run(bench.run())
    taken_s = time.monotonic() - begun
    closed = {house: sorted(relays) for house, relays in recording.closed.items()}
    counts, dead_ms = bench.counts, [1000.0 * dead for dead in recording.dead_s] or [0.0]
    print(f"{counts['moves']} moves in {taken_s:.0f} s, {counts['kills']} kills, {counts['recoveries']} recoveries")
    print(f"answers: {counts['done']} done, {counts['failed']} failed, {counts['rejected']} rejected")
    after = [f"{counts[f'{result} afterwards']} {result}" for result in ("done", "failed")]
    print(f"found by the next start and answered then: {', '.join(after)}")
    print(f"refusals: {dict(bench.refusals)}; lock-outs: {counts['lock-outs']}")
    if bench.recovery_s:
        print(f"recovery, s from the kill to the position known: {spread(bench.recovery_s)}")
    print(f"replays refused after a kill: {counts['replays refused']}, taken: {counts['REPLAYS TAKEN']}")
    print(f"contacts: {recording.changes} movements, now closed {closed}")
    print(f"dead time measured at the contacts, ms: smallest {min(dead_ms):.2f}, {spread(dead_ms)}")
    for text in recording.together[:10]:
        print(f"TWO CLOSED: {text}")
    missed = verdict("two phases closed together", len(recording.together), 0, "times")
    missed |= verdict("smallest dead time", min(dead_ms), options.dead_ms, "ms", at_least=True)
    missed |= verdict("sequence numbers forgotten", counts["REPLAYS TAKEN"], 0, "times")
    return missed | verdict("houses on other than one phase", sum(len(on) != 1 for on in closed.values()), 0, "houses")


if __name__ == "__main__":
    sys.exit(main())
