"""`edge-balancer run` as a process of its own, as systemd runs it: its log lines, its signals, its exit code."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Any

from tests.daemon.field import WITHIN_S

ENTRY = "import sys; from edge_balancer.cli import main; sys.exit(main())"
ROOT = Path(__file__).parents[2]


def write_config(path: Path, sections: Mapping[str, Any], houses: int = 6) -> Path:
    """A configuration file with `houses` houses h01, h02, ... on L1, L2, L3 in turn."""
    lines: list[str] = []
    for name, keys in sections.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""]
    for number in range(1, houses + 1):
        lines += ["[[houses]]", f'id = "h{number:02d}"', f'phase = "L{(number - 1) % 3 + 1}"', ""]
    path.write_text("\n".join(lines))
    return path


def command(config: Path) -> list[str]:
    """The command line of the service."""
    return [sys.executable, "-c", ENTRY, "run", "--config", str(config)]


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    seconds: float
    """From the signal (or the start of waiting) to the end."""


class Service:
    """The running process. Every line of its log must be JSON; one that is not fails what waits for it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self.process.pid

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.raw.append(line.decode().rstrip("\n"))
            self.log.append(json.loads(line))
            self._news.set()

    async def says(self, event: str, number: int = 1) -> dict[str, Any]:
        """The log line of that event, or its second, third, ...; waits for it."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    self._news.clear()
                    if self.count(event) >= number:
                        return [line for line in self.log if line["event"] == event][number - 1]
                    if self._reading.done():
                        self._reading.result()
                        raise AssertionError(f"the daemon ended; its log: {self.raw[-8:]}")
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {event!r} in the log within {WITHIN_S:g} s: {self.raw[-8:]}") from None

    def count(self, event: str) -> int:
        return sum(line["event"] == event for line in self.log)

    def signal(self, number: Signals) -> None:
        self.process.send_signal(number)

    async def end(self, number: Signals = SIGTERM) -> Ended:
        """Send a signal and wait for the end."""
        began = time.monotonic()
        self.signal(number)
        return await self.ended(began)

    async def ended(self, began: float | None = None) -> Ended:
        began = time.monotonic() if began is None else began
        code = await asyncio.wait_for(self.process.wait(), WITHIN_S)
        seconds = time.monotonic() - began
        await self._reading
        return Ended(code, seconds)

    async def clean_up(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        if not self._reading.done():
            await self._reading


@asynccontextmanager
async def service(config: Path, environ: Mapping[str, str] | None = None) -> AsyncIterator[Service]:
    """The daemon as a process; killed at the end if it still runs. Its errors come on our own standard error."""
    process = await asyncio.create_subprocess_exec(
        *command(config),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
    )
    running = Service(process)
    try:
        yield running
    finally:
        await running.clean_up()
