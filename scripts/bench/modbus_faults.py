"""Wrong values through the RTU master: reads over a pty from a responder that answers late, twice, short, as another
unit, with another function or length, with noise, turned bits or refusals, or not at all, and pulls the adapter out.

Each reply says whose it is and when it was taken: odd words name unit, function and address, even words carry a count
of what the unit was asked so far, which the responder also keeps in shared memory. A value is right only if all of its
words name the block that was asked for, and the count was reached between the question and the answer. One wrong value
among all reads misses the target. The responder is a process of its own, and its framing shares no code with the
master's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import logging
import multiprocessing
import random
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware_bridge.errors import LineDown, TransactionError
from firmware_bridge.lines.owner import LineOwner, make_line
from firmware_bridge.lines.requests import Function, Reply, Request
from firmware_bridge.lines.rtu import ADAPTER_S
from firmware_bridge.lines.trace import Traced
from firmware_bridge.settings.devices import LineSettings
from firmware_bridge.simulator.faults import FaultKind, FaultRates, FaultSource, parse_rates
from firmware_bridge.simulator.pty_line import PtyLine
from firmware_bridge.simulator.wire import Question, Refused, bits_body, registers_body
from scripts.bench.common import machine, verdict

if TYPE_CHECKING:
    from ctypes import Array, c_uint64

    Counts = Array[c_uint64]

UNITS: Final = (1, 2, 3, 4, 5, 6)
CELLS: Final = 1024
"""Registers of a unit; ten bits of a word name one."""
TIMEOUT_S: Final = 0.02
QUIET_S: Final = 0.02
"""Both are the least that the settings allow."""
BAUD: Final = 115_200
BLOCKS: Final = (2, 2, 2, 4, 4, 10, 40)
"""Sizes of the reads, in words. Few, so that most replies have the shape of many others."""
ADDRESSES: Final = (0, 1, 40, 41, 300)
FUNCTIONS: Final = (
    *(Function.READ_REGISTERS,) * 6,
    *(Function.READ_HOLDING,) * 2,
    Function.READ_COILS,
    Function.READ_INPUTS,
)
HANG_S: Final = 120.0
SHOWN: Final = 3


def word(unit: int, function: int, address: int, count: int) -> int:
    """What a unit holds at an address when it is asked for the `count`th time. Bits are those of the words."""
    return unit << 12 | (function - 1) << 10 | address if address % 2 else count & 0xFFFF


def bits(words: list[int]) -> list[int]:
    return [value >> bit & 1 for value in words for bit in range(16)]


def words(values: Reply) -> list[int]:
    return [sum(bit << place for place, bit in enumerate(values[at : at + 16])) for at in range(0, len(values), 16)]


class Witness:
    """A device whose every word can be told from every other, and which counts what it is asked."""

    def __init__(self, unit: int, counts: Counts) -> None:
        self._unit, self._counts = unit, counts

    @property
    def unit(self) -> int:
        return self._unit

    def settle(self, now: float) -> float | None:  # noqa: ARG002 - nothing falls due
        return None

    def answer(self, question: Question, now: float) -> bytes | None:  # noqa: ARG002 - it counts, it needs no clock
        if question.function not in (1, 2, 3, 4):
            raise Refused(1)
        of_bits = question.function <= 2
        if not 1 <= question.count <= (2000 if of_bits else 125):
            raise Refused(3)
        if question.address + question.count > CELLS * (16 if of_bits else 1):
            raise Refused(2)
        self._counts[self._unit] += 1
        count, end = self._counts[self._unit], question.address + question.count
        if not of_bits:
            held = [word(self._unit, question.function, address, count) for address in range(question.address, end)]
            return registers_body(question.function, held)
        first = question.address // 16
        held = [word(self._unit, question.function, address, count) for address in range(first, (end + 15) // 16)]
        start = question.address - 16 * first
        return bits_body(question.function, bits(held)[start : start + question.count])


def respond(link: Path, counts: Counts, rates: FaultRates, seed: int, to_bench: Connection) -> None:
    """The responder's process: until something comes over the connection."""
    source = FaultSource(rates, seed)
    line = PtyLine([Witness(unit, counts) for unit in UNITS], baud=BAUD, paced=False, link=link, faults=source)

    def wait_for_the_end() -> None:
        with contextlib.suppress(EOFError):
            to_bench.recv()
        line.stop()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    to_bench.send("ready")
    line.run()
    line.close()
    to_bench.send((dict(source.counts), line.counts))


@dataclass
class Record:
    """What came of the reads."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    downs: int = 0
    done: int = 0
    past: deque[Traced] = field(default_factory=lambda: deque(maxlen=30))
    """The last frames, to show how a wrong value came about."""


def judge(request: Request, reply: Reply, before: int, after: int) -> str:
    """What is wrong with a value; empty where nothing is."""
    of_bits = request.function.of_bits
    got = words(reply) if of_bits else list(reply)
    first = request.address // 16 if of_bits else request.address
    addresses = range(first, first + len(got))
    for count in range(before + 1, after + 1):
        if got == [word(request.unit, request.function, address, count) for address in addresses]:
            return ""
    held = " ".join(f"{value:04X}" for value in got)
    return f"{request}: asked between count {before} and {after}, got {held}"


def draw(unit: int, chance: random.Random) -> Request:
    function, block, address = chance.choice(FUNCTIONS), chance.choice(BLOCKS), chance.choice(ADDRESSES)
    if function.of_bits:
        return Request(unit, function, 16 * address, 16 * block)
    return Request(unit, function, address, block)


async def reader(
    line: LineOwner, up: asyncio.Event, unit: int, reads: int, counts: Counts, record: Record, seed: int
) -> None:
    """One unit's reads, one after the other; the units' readers share the line."""
    chance = random.Random(seed * 1000 + unit)
    mine = 0
    while mine < reads:
        request = draw(unit, chance)
        before = counts[unit]
        try:
            async with asyncio.timeout(HANG_S):
                reply = await line.ask(request)
        except LineDown:
            record.downs += 1
            await up.wait()
            continue
        except TransactionError as error:
            record.refused[error.fault] += 1
        else:
            if why := judge(request, reply, before, counts[unit]):
                record.wrong.append("\n".join([why, *(show(frame) for frame in record.past)]))
            else:
                record.right += 1
        mine += 1
        record.done += 1


def show(frame: Traced) -> str:
    fault = f" {frame.fault}" if frame.fault else ""
    return f"    {frame.at_s:.6f} {frame.passage}{' probe' if frame.probe else ''} {frame.data.hex(' ')}{fault}"


async def tell(record: Record, reads: int) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(20.0)
        print(
            f"  {record.done} of {reads} reads after {time.monotonic() - began:.0f} s, wrong {len(record.wrong)}",
            flush=True,
        )


async def read_all(link: Path, reads: int, counts: Counts, seed: int) -> tuple[Record, LineOwner]:
    settings = LineSettings(name="bench", port=str(link), baud=BAUD, reply_timeout_s=TIMEOUT_S, quiet_s=QUIET_S)
    record, stop, up = Record(), asyncio.Event(), asyncio.Event()

    def on_change(is_up: bool, _: str) -> None:
        up.set() if is_up else up.clear()

    line = make_line(settings, trace=record.past.append, on_change=on_change)
    running = asyncio.ensure_future(line.run(stop))
    telling = asyncio.ensure_future(tell(record, reads))
    shares = [reads // len(UNITS) + (number < reads % len(UNITS)) for number in range(len(UNITS))]
    try:
        async with asyncio.TaskGroup() as group:
            for unit, share in zip(UNITS, shares, strict=True):
                group.create_task(reader(line, up, unit, share, counts, record, seed))
    finally:
        telling.cancel()
        stop.set()
        await running
    return record, line


async def read_bare(link: Path, reads: int, counts: Counts, seed: int) -> Record:
    """The baseline: pymodbus' own serial master with the same patience. It also shows that wrong values are seen."""
    from pymodbus.client import AsyncModbusSerialClient
    from pymodbus.exceptions import ModbusException

    patience_s = TIMEOUT_S + ADAPTER_S
    client = AsyncModbusSerialClient(str(link), baudrate=BAUD, timeout=patience_s, retries=0)
    asks = {1: client.read_coils, 2: client.read_discrete_inputs, 3: client.read_holding_registers}
    record, chance = Record(), random.Random(seed)
    try:
        while record.done < reads:
            if not client.connected:
                await client.connect()
            request = draw(chance.choice(UNITS), chance)
            before = counts[request.unit]
            ask = asks.get(request.function, client.read_input_registers)
            record.done += 1
            try:
                answer = await ask(request.address, count=request.count, device_id=request.unit)
            except ModbusException as error:
                record.refused[type(error).__name__] += 1
                continue
            if answer.isError():
                record.refused["exception"] += 1
            elif why := judge(request, _values(request, answer.bits, answer.registers), before, counts[request.unit]):
                record.wrong.append(why)
            else:
                record.right += 1
    finally:
        client.close()
    return record


def _values(request: Request, of_bits: Sequence[bool], registers: Sequence[int]) -> Reply:
    # pymodbus fills bits up to whole bytes.
    return tuple(map(int, of_bits[: request.count])) if request.function.of_bits else tuple(registers)


@contextlib.contextmanager
def responder(counts: Counts, rates: FaultRates, seed: int) -> Iterator[tuple[Path, Connection]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "port"
        process = context.Process(target=respond, args=(link, counts, rates, seed, theirs))
        process.start()
        try:
            if not ours.poll(30.0):
                raise SystemExit("the responder does not start")
            ours.recv()
            yield link, ours
        finally:
            process.join(10.0)
            process.terminate()
            process.join()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--faults", default="all=0.01,unplug=0.0002", help="and their rates (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults and the reads (default: %(default)s)")
    parser.add_argument("--bare", type=int, default=2000, help="reads of the baseline (default: %(default)s)")
    args = parser.parse_args()
    logging.getLogger("firmware_bridge").addHandler(logging.NullHandler())
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)
    print(machine())
    rates = FaultRates(parse_rates(args.faults), timeout_s=TIMEOUT_S + ADAPTER_S, quiet_s=QUIET_S)
    counts: Counts = RawArray("Q", 256)
    if args.bare:
        plugged = dataclasses.replace(rates, rates={k: r for k, r in rates.rates.items() if k is not FaultKind.UNPLUG})
        with responder(counts, plugged, args.seed) as (link, connection):
            bare = asyncio.run(read_bare(link, args.bare, counts, args.seed))
            connection.send("stop")
        print(f"bare pymodbus (baseline): {bare.done} reads, {bare.right} right values, {len(bare.wrong)} wrong")
    began = time.monotonic()
    with responder(counts, rates, args.seed) as (link, connection):
        record, line = asyncio.run(read_all(link, args.reads, counts, args.seed))
        connection.send("stop")
        injected, happened = connection.recv()
    took = time.monotonic() - began
    figures = line.tally.snapshot(time.monotonic())
    print(f"{record.done} reads in {took:.0f} s, {figures.probes} probes of the master's own")
    print(f"responder: {happened.requests} requests, {happened.deaf} while it was busy, {happened.garbled} garbled")
    print("injected:  " + ", ".join(f"{kind} {injected.get(kind, 0)}" for kind in FaultKind))
    print("refused:   " + ", ".join(f"{fault} {number}" for fault, number in sorted(record.refused.items())))
    print("seen:      " + ", ".join(f"{fault} {number}" for fault, number in sorted(figures.faults.items())))
    print(f"line down: {happened.unplugged} times unplugged, {record.downs} reads failed at once and were asked again")
    print(f"delivered: {record.right} right values, {len(record.wrong)} wrong")
    for wrong in record.wrong[:SHOWN]:
        print(f"WRONG {wrong}")
    unproven = [kind for kind, rate in rates.rates.items() if rate and not injected.get(kind)]
    if unproven:
        print(f"never injected, so nothing is proven about: {', '.join(unproven)}; take more reads or higher rates")
    met = verdict("wrong values", len(record.wrong), 0, "values")
    return 1 if met or unproven or not record.right else 0


if __name__ == "__main__":
    sys.exit(main())
