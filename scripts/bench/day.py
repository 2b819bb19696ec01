"""A simulated day of the running daemon: whether its memory and its open files stay flat, and what it writes.

The real daemon in a process of its own, with the environment of its systemd unit, at the demo's feeder of 55 houses
whose meters report every ten seconds, faster than real time; a page stays open all day, and is looked at from time to
time. Memory grows by the slope of a straight line through what is resident after the warm-up. Batches come as often in
a simulated minute as they would in a real one, and what is dirty goes to the disk every simulated half minute, as the
kernel would have it; what is written are the pages that it counts for the process (`/proc/PID/io`), the journal's
lines, and with --folder on a file system of its own what that wrote to its device. A broker's own records are not in
it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import pickle
import statistics
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_balancer.clock import Clock
from edge_balancer.demo.options import DemoOptions
from edge_balancer.demo.session import run_demo
from edge_balancer.demo.watch import Watch
from edge_balancer.settings.root import Configuration
from edge_balancer.settings.services import StorageSettings
from edge_balancer.twin.options import TwinOptions
from scripts.bench.common import ROOT, machine, page_port, verdict
from scripts.bench.memory import of_unit, resident_mb

GROWTH_MB: Final = 1.0
WRITTEN_MB: Final = 50.0
WARM_UP_H: Final = 4.0
"""By then everything has been done once: what comes every hour, and telling the phases, which begins after two."""
SAMPLE_EVERY_H: Final = 0.1
VISITED: Final = ("/api/v1/status", "/api/v1/houses", "/api/v1/history/feeder", "/metrics")
WRITTEN_BACK_S: Final = 30.0
"""Linux writes a changed page to the disk after so long (`dirty_expire_centisecs`). In a day made short, more changes
would meet in one page before that, and less be written than in a real one."""
_SECTOR: Final = 512
_READY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the daemon. `written` and `device` count from its start, in bytes."""

    hour: float
    resident_mb: float
    files: int
    written: int
    device: int
    cpu_s: float


class OtherProcess:
    """The controller of the demo, as a process that is looked at from time to time."""

    def __init__(self, config: Configuration, clock: Clock, folder: Path) -> None:
        batch_s = StorageSettings().batch_s / clock.speed
        # Below what a configuration may say: a minute of records is written once in a minute of the feeder's.
        storage = config.storage.model_copy(update={"batch_s": batch_s, "path": folder / "store" / "eb.db"})
        self._config = config.model_copy(update={"storage": storage})
        self._clock = clock
        self._folder = folder
        self.log = folder / "log"
        self.store = storage.path
        self.samples: list[Sample] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop. Raises RuntimeError where the daemon ended by itself."""
        file = self._folder / "configuration"
        file.write_bytes(pickle.dumps(self._config))
        began = [str(self._clock.speed), repr(self._clock.wall()), repr(time.monotonic())]
        hour = 3600.0 / self._clock.speed
        with self.log.open("wb") as stream:
            child = await asyncio.create_subprocess_exec(
                sys.executable, str(ROOT / "scripts/bench/day_daemon.py"), str(file), *began,
                stdout=stream, stderr=stream, env={**os.environ, **of_unit(), "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        ended = asyncio.create_task(child.wait())
        stopped = asyncio.create_task(stop.wait())
        try:
            port = await asyncio.to_thread(page_port, self.log)
            beside = [asyncio.create_task(_follow(port)), asyncio.create_task(self._write_back())]
            start = self._clock.monotonic()
            device = device_bytes(self.store.parent)
            while not stopped.done():
                await asyncio.to_thread(_visit, port)
                await asyncio.wait({ended, stopped}, timeout=hour * SAMPLE_EVERY_H, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    raise RuntimeError(f"the daemon ended with {ended.result()}: {self.log.read_text()[-2000:]}")
                passed_h = (self._clock.monotonic() - start) / 3600.0
                written = device_bytes(self.store.parent) - device
                self._look(
                    Sample(
                        passed_h,
                        resident_mb(child.pid),
                        _files(child.pid),
                        _written(child.pid),
                        written,
                        _cpu_s(child.pid),
                    )
                )
            for task in beside:
                task.cancel()
        finally:
            if not ended.done():
                child.terminate()
            await ended
            stopped.cancel()

    async def _write_back(self) -> None:
        """What a kernel does in real time."""
        while True:
            await asyncio.sleep(WRITTEN_BACK_S / self._clock.speed)
            await asyncio.to_thread(_sync, (self.store, self.store.with_name(f"{self.store.name}-wal"), self.log))

    def _look(self, sample: Sample) -> None:
        if not self.samples or int(sample.hour) > int(self.samples[-1].hour):
            print(
                f"{sample.hour:5.1f} h  resident {sample.resident_mb:6.2f} MB  files {sample.files:3d}  "
                f"written {sample.written / 1e6:6.2f} MB  device {sample.device / 1e6:6.2f} MB  "
                f"processor {sample.cpu_s:6.1f} s",
                flush=True,
            )
        self.samples.append(sample)


class Silent:
    """Shows nothing: the samples are what is to be seen."""

    def open(self) -> None: ...

    def refresh(self) -> None: ...

    def close(self) -> None: ...


def slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line through the points by least squares; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


def device_bytes(folder: Path) -> int:
    """Bytes written so far to the block device on which a folder lies, by everybody; 0 where it has none."""
    number = folder.stat().st_dev
    counters = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/stat")
    return int(counters.read_text().split()[6]) * _SECTOR if counters.exists() else 0


def _sync(files: tuple[Path, ...]) -> None:
    for file in files:
        with contextlib.suppress(FileNotFoundError), file.open("rb") as stream:
            os.fdatasync(stream.fileno())


async def _follow(port: int) -> None:
    """A page that stays open: it takes what the stream brings."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        while await reader.read(65536):
            pass
    finally:
        writer.close()


def _visit(port: int) -> None:
    """Somebody looks at the page."""
    for path in VISITED:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as got:
            got.read()


def _files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _written(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    found = {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}
    return found["write_bytes"] - found["cancelled_write_bytes"]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=28.0, help="simulated (default: %(default)g)")
    parser.add_argument("--speed", type=float, default=120.0, help="times real time (default: %(default)g)")
    parser.add_argument("--houses", type=int, default=55)
    parser.add_argument("--meter-period", type=float, default=10.0, metavar="S", help="default: %(default)g")
    parser.add_argument("--folder", type=Path, help="where store and log are put (default: a temporary folder)")
    args = parser.parse_args()
    print(machine())
    with contextlib.ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "store").mkdir(parents=True)
        return _day(args, folder)


def _day(args: argparse.Namespace, folder: Path) -> int:
    options = DemoOptions(
        speed=args.speed, minutes=60.0 * args.hours, houses=args.houses, meter_period_s=args.meter_period, page=True
    )
    made: list[OtherProcess] = []

    def view(_watch: Watch, _twin: TwinOptions, title: str) -> Silent:
        print(title)
        return Silent()

    def controller(config: Configuration, clock: Clock, _database: Path) -> OtherProcess:
        made.append(OtherProcess(config, clock, folder))
        return made[0]

    result = asyncio.run(run_demo(options, view, controller))
    print(result.text())
    return judge(made[0], min(WARM_UP_H, args.hours / 2.0))


def judge(daemon: OtherProcess, warm_up_h: float) -> int:
    """Print the figures of a day and whether each target is met; 0 where all are."""
    warm = [sample for sample in daemon.samples if sample.hour >= warm_up_h]
    first, last = warm[0], warm[-1]
    lasted_h = last.hour - first.hour
    growth_mb = slope([(sample.hour, sample.resident_mb) for sample in warm]) * lasted_h
    files = sorted({sample.files for sample in warm})
    resident = [sample.resident_mb for sample in warm]
    print(
        f"{len(warm)} samples from {first.hour:.1f} h to {last.hour:.1f} h: resident {resident[0]:.2f} MB at first, "
        f"{resident[-1]:.2f} MB at last, {min(resident):.2f} to {max(resident):.2f} MB; open files {files}"
    )
    log_mb, store_mb = daemon.log.stat().st_size / 1e6, daemon.store.stat().st_size / 1e6
    print(
        f"written in {last.hour:.1f} h: {last.written / 1e6:.1f} MB by the process, of it {log_mb:.2f} MB of log; "
        f"{last.device / 1e6:.1f} MB to the device by everybody; the store has {store_mb:.1f} MB"
    )
    missed = verdict("growth of resident memory after the warm-up", growth_mb, GROWTH_MB, "MB")
    missed |= verdict("spread of open files", float(files[-1] - files[0]), 0.0, "files")
    missed |= verdict("written in a day", last.written / 1e6 / last.hour * 24.0, WRITTEN_MB, "MB")
    return missed


if __name__ == "__main__":
    sys.exit(main())
