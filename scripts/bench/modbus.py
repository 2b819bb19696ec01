"""How much of a line's theoretical speed our Modbus master reaches, with ten meters on a pseudo terminal paced at
9600 baud; and its processor time for each transaction, next to bare pymodbus on an unpaced one."""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import os
import select
import statistics
import sys
import time
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import groupby

from pymodbus.client import AsyncModbusSerialClient

from firmware_bridge.lines import timing
from firmware_bridge.lines.owner import LineOwner
from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.lines.timing import Timing
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.plan import plan
from firmware_bridge.meters.polled import line_costs
from firmware_bridge.meters.template import Template
from firmware_bridge.settings.devices import LineSettings
from scripts.bench.common import machine, spread, verdict

METERS = ("eastron_sdm120",) * 6 + ("eastron_sdm630",) * 4
TARGET = 90.0


def table() -> list[int]:
    """Of the checksum's one byte steps, apart from the product's own."""
    steps = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1  # noqa: PLW2901
        steps.append(byte)
    return steps


STEPS = table()


def sealed(body: bytes) -> bytes:
    crc = 0xFFFF
    for byte in body:
        crc = (crc >> 8) ^ STEPS[(crc ^ byte) & 0xFF]
    return body + bytes((crc & 0xFF, crc >> 8))


def answer(request: bytes) -> bytes:
    """A meter whose registers hold their addresses."""
    unit, function, first, count = request[0], request[1], request[3], request[5]
    values = b"".join(bytes((unit, (first + at) & 0xFF)) for at in range(count))
    return sealed(bytes((unit, function, 2 * count)) + values)


def far_end(master: int, character_s: float, gap_s: float) -> None:
    """Ten meters without a thought of their own. A character takes its time on the line, whichever way it goes;
    0 for a line without one."""
    while True:
        select.select([master], [], [])
        began = time.monotonic()
        request = os.read(master, 512)
        while len(request) < 8:
            request += os.read(master, 512)
        reply = answer(request)
        if not character_s:
            os.write(master, reply)
            continue
        # Against absolute times, so that a sleep that was too long is made up for.
        begins = began + len(request) * character_s + gap_s
        for position in range(len(reply)):
            wait_s = begins + (position + 1) * character_s - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            os.write(master, reply[position : position + 1])


@contextmanager
def line(paced: Timing | None) -> Iterator[str]:
    """A port with the meters behind it, in a process of their own."""
    master, slave = os.openpty()
    tty.setraw(slave)
    paces = (paced.character_s, paced.gap_s) if paced else (0.0, 0.0)
    child = multiprocessing.get_context("fork").Process(target=far_end, args=(master, *paces), daemon=True)
    child.start()
    os.close(master)
    try:
        yield os.ttyname(slave)
    finally:
        child.terminate()
        child.join(5)
        os.close(slave)


@asynccontextmanager
async def running(settings: LineSettings) -> AsyncIterator[LineOwner]:
    stop, up = asyncio.Event(), asyncio.Event()
    owner = LineOwner(settings, on_change=lambda is_up, _: up.set() if is_up else None)
    task = asyncio.create_task(owner.run(stop))
    await asyncio.wait_for(up.wait(), 10)
    try:
        yield owner
    finally:
        stop.set()
        await task


def fewest(template: Template) -> int:
    """Reads that no plan can do without: as many registers as the meter allows in each, whatever lies between."""
    wanted = set(template.fast_points)
    chosen = [register for register in template.registers if register.point in wanted]
    count = 0
    for _, group in groupby(chosen, key=lambda register: register.function):
        reach = -1
        for register in sorted(group, key=lambda register: register.address):
            if register.end > reach:
                count += 1
                reach = register.address + template.max_registers
    return count


def planned(settings: LineSettings) -> tuple[list[Request], int]:
    """The reads of one cycle, and the fewest that are possible."""
    requests: list[Request] = []
    least = 0
    for unit, model in enumerate(METERS, start=1):
        template = load_meter(model)
        blocks = plan(template, template.fast_points, *line_costs(settings))
        requests += [block.request(unit) for block in blocks]
        least += fewest(template)
    return requests, least


async def keep_busy(settings: LineSettings, requests: list[Request], seconds: float) -> tuple[float, int]:
    """Share of the line's time that the frames and their gaps need by computation, percent; and transactions."""
    durations = Timing.of(settings)
    cycle_s = sum(durations.transaction_s(request) for request in requests)
    async with running(settings) as owner:
        await owner.ask(requests[0])
        began = time.monotonic()
        cycles = 0
        while time.monotonic() - began < seconds:
            for request in requests:
                await owner.ask(request)
            cycles += 1
        took = time.monotonic() - began
    return 100.0 * cycles * cycle_s / took, cycles * len(requests)


async def ours_ms(settings: LineSettings, count: int, gap_s: float) -> float:
    """Milliseconds of processor time for one transaction."""
    request = Request(1, Function.READ_REGISTERS, 0, 40)
    timing.FAST_GAP_S = gap_s  # type: ignore[misc]
    async with running(settings) as owner:
        await owner.ask(request)
        began = time.process_time()
        for _ in range(count):
            await owner.ask(request)
        return (time.process_time() - began) * 1000.0 / count


async def theirs_ms(settings: LineSettings, count: int, gap_s: float) -> float:
    """The same of pymodbus, which keeps no gap by itself."""
    client = AsyncModbusSerialClient(settings.port, baudrate=settings.baud, timeout=1, retries=0)
    await client.connect()
    await client.read_input_registers(0, count=40, device_id=1)
    began = time.process_time()
    for _ in range(count):
        if gap_s:
            await asyncio.sleep(gap_s)
        await client.read_input_registers(0, count=40, device_id=1)
    took = (time.process_time() - began) * 1000.0 / count
    client.close()
    return took


def processor_time(rounds: int, count: int) -> dict[str, float]:
    """Ours as a multiple of pymodbus's, like with like: both without silence between frames, and both with it.

    Waiting for silence costs more than the rest: the processor goes to sleep and comes back to cold caches.
    """
    kept_s = timing.FAST_GAP_S
    ratios = {}
    print("processor time of a transaction of 40 registers on an unpaced line, ms:")
    with line(None) as port:
        fast = LineSettings(name="bench", port=port, baud=115_200)
        for what, gap_s in (("no gap", 0.0), ("with the gap", kept_s)):
            ours, theirs = [], []
            for _ in range(rounds):
                theirs.append(asyncio.run(theirs_ms(fast, count, gap_s)))
                ours.append(asyncio.run(ours_ms(fast, count, gap_s)))
            ratios[what] = statistics.median(ours) / statistics.median(theirs)
            print(f"  pymodbus, {what:13s} {spread(theirs)}")
            print(f"  ours, {what:17s} {spread(ours)}; {ratios[what]:.2f} times")
    timing.FAST_GAP_S = kept_s  # type: ignore[misc]
    return ratios


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baud", type=int, default=9600)
    parser.add_argument("--seconds", type=float, default=20.0, help="on the paced line (default: %(default)s)")
    parser.add_argument("--count", type=int, default=500, help="transactions a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    print(machine())
    settings = LineSettings(name="bench", port="/dev/null", baud=args.baud)
    durations = Timing.of(settings)
    requests, least = planned(settings)
    lengths = ", ".join(f"{model} {sum(1 for other in METERS if other == model)}" for model in sorted(set(METERS)))
    print(
        f"{len(METERS)} meters ({lengths}) at {args.baud} baud, a character takes {durations.character_s * 1e3:.2f} ms:"
    )
    print(f"  reads a cycle        {len(requests)} planned, {least} at least")
    with line(durations) as port:
        busy, count = asyncio.run(keep_busy(settings.model_copy(update={"port": port}), requests, args.seconds))
    print(f"  line kept busy       {busy:.1f} % of its limit over {count} transactions")
    ratios = processor_time(args.rounds, args.count)
    missed = verdict("share of the line's limit", busy, TARGET, "%", at_least=True)
    missed += verdict("reads a cycle", len(requests), least, "reads")
    for what, ratio in ratios.items():
        missed += verdict(f"processor time next to pymodbus, {what}", ratio, 1.0, "times")
    print("FAIL" if missed else "PASS")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
