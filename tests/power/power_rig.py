"""The rig of the power cuts: a file system on a lying disk, a writer on it, and what must be there after the cut."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_balancer.messenger.queue_file import QueueFile
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.store import Store
from edge_balancer.storage.trail import read_rows
from edge_balancer.storage.verify import verify
from firmware_bridge.switches.memory import SwitchMemory
from tests.power.power_writer import memory_path, queue_path, store_path

ROOT: Final = Path(__file__).parents[2]
_TOOLS: Final = ("losetup", "mount", "umount", "mkfs.ext4", "truncate")
_LONGEST_S: Final = 300.0
_HEARD_S: Final = 0.05
_MOST_AWAITED: Final = 40
"""Promises of a life that are waited for before the cut, at most, so that a slow machine has something to lose too."""
DISK_BYTES: Final = 256 * 1024 * 1024


def lacking() -> str:
    """Why no lying disk can be made here, with the remedy; empty where it can."""
    if os.geteuid() != 0:
        return "a disk of one's own needs root: sudo ./scripts/test --all"
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"there is no {', '.join(missing)}: sudo apt install mount e2fsprogs coreutils"
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not Path(device).exists():
            return f"there is no {device}: the kernel's modules fuse and loop are needed"
    return ""


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout.strip()


def new_image(image: Path) -> None:
    """An empty ext4, as on an SD card."""
    run("truncate", "-s", str(DISK_BYTES), image)
    run("mkfs.ext4", "-q", "-F", image)


@contextmanager
def mounted(file: Path, folder: Path) -> Iterator[Path]:
    """The file system in a file, in a folder. Mounting repairs what a cut has left, as at a start."""
    folder.mkdir(exist_ok=True)
    device = run("losetup", "--find", "--show", file)
    try:
        run("mount", device, folder)
        try:
            yield folder
        finally:
            run("umount", folder)
    finally:
        run("losetup", "--detach", device)


@dataclass
class Promises:
    """What the writer was promised before the cut: the last number of each thing, and the trail's heads."""

    heads: dict[int, str] = field(default_factory=dict)
    queue: dict[str, int] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)

    def take(self, line: str) -> None:
        what, which, number = line.split()
        match what:
            case "trail":
                self.heads[int(number)] = which
            case "queue":
                self.queue[which] = int(number)
            case "memory":
                self.memory[which] = int(number)


class LyingDisk:
    """The server of `lying_disk` and its one file."""

    def __init__(self, folder: Path, image: Path, *options: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.file = folder / "disk"
        server = Path(__file__).with_name("lying_disk.py")
        program = [sys.executable, str(server), str(folder), str(image), *options]
        self._server = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._said() == "ready"

    def cut(self, seed: int, target: Path) -> tuple[int, int]:
        """What the disk holds if its supply goes away in the midst of the next writes; how many sectors of its cache
        that kept and lost. From then on nothing is written or flushed until `go_on`."""
        self._order(f"cut {seed} {target}")
        kept, lost = self._said().split()
        return int(kept), int(lost)

    def go_on(self) -> None:
        self._order("go on")

    def _order(self, line: str) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(f"{line}\n")
        self._server.stdin.flush()

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
        self._server.kill()
        self._server.communicate()

    def _said(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()


class Writer:
    """The program that writes, and what it was promised so far."""

    def __init__(self, folder: Path, number: int, seed: int, *options: str) -> None:
        self._promises = Promises()
        self._number = 0
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.power.power_writer", str(folder), str(number), str(seed), *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._promises.take(line)
                self._number += 1
                self._news.notify_all()

    def wait(self, number: int) -> None:
        """Until so many promises were made."""
        with self._news:
            assert self._news.wait_for(lambda: self._number >= number, _LONGEST_S), "the writer does not write"

    def promises(self) -> Promises:
        """As of now."""
        with self._news:
            found = self._promises
            return Promises(dict(found.heads), dict(found.queue), dict(found.memory))

    def kill(self) -> None:
        ended = self._process.poll()
        self._process.kill()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        said = self._process.stderr.read()
        self._process.stdout.close()
        self._process.stderr.close()
        assert ended is None, f"the writer ended with {ended}: {said[-2000:]}"


@dataclass
class Tally:
    """What a series of cuts has seen."""

    cuts: int = 0
    rows_promised: int = 0
    rows_found: int = 0
    rows_beyond: int = 0
    """Found and not promised: written, and the answer not heard before the cut."""
    rows_lost: int = 0
    queue_promised: int = 0
    queue_lost: int = 0
    memory_promised: int = 0
    memory_lost: int = 0
    sectors_kept: int = 0
    sectors_lost: int = 0

    def __str__(self) -> str:
        return (
            f"{self.cuts} cuts, {self.sectors_kept} cached sectors kept and {self.sectors_lost} lost; trail: "
            f"{self.rows_promised} rows acknowledged, {self.rows_found} found ({self.rows_beyond} of them not "
            f"acknowledged), {self.rows_lost} lost; queue of messages: {self.queue_promised} acknowledged, "
            f"{self.queue_lost} lost; memory of the switches: {self.memory_promised} acknowledged, "
            f"{self.memory_lost} lost"
        )


class Site:
    """One machine over a series of cuts; each life begins with what the last cut left."""

    def __init__(
        self, folder: Path, chance: random.Random, *, writer: tuple[str, ...] = (), disk: tuple[str, ...] = ()
    ) -> None:
        self._folder = folder
        self._chance = chance
        self._writer_options = writer
        self._disk_options = disk
        self._image = folder / "image"
        self.tally = Tally()
        self._rows = 0
        """Rows in the trail after the last cut."""
        new_image(self._image)

    def live_and_be_cut(self) -> None:
        """One life: the machine comes up, writes, and its supply goes away at some instant."""
        left = self._folder / "left"
        disk = LyingDisk(self._folder / "fuse", self._image, *self._disk_options)
        try:
            with mounted(disk.file, self._folder / "mounted") as folder:
                number = self.tally.cuts
                writer = Writer(folder, number, self._chance.randrange(1 << 30), *self._writer_options)
                try:
                    # One in five while it starts: the files are opened, recovered and, at first, made.
                    if self._chance.random() < 0.8:
                        writer.wait(self._chance.randrange(1, _MOST_AWAITED))
                    time.sleep(self._chance.uniform(0.0, 0.5))
                    kept, lost = disk.cut(self._chance.randrange(1 << 30), left)
                    # Whatever it was promised by now, it was promised before the cut: nothing is flushed since.
                    time.sleep(_HEARD_S)
                    promises = writer.promises()
                    disk.go_on()
                finally:
                    writer.kill()
        finally:
            disk.close()
        self.tally.cuts += 1
        self.tally.sectors_kept += kept
        self.tally.sectors_lost += lost
        left.replace(self._image)
        with mounted(self._image, self._folder / "again") as folder:
            self._look(folder, promises)

    def _look(self, folder: Path, promises: Promises) -> None:
        """Open everything as a start does, and count what is there of what was promised. Raises where it is damaged."""
        self._look_at_trail(store_path(folder), promises)
        with closing(QueueFile(queue_path(folder))) as queue:
            there = {name: int.from_bytes(row[:8], "big") for name, row in queue.load().items()}
        self.tally.queue_promised += len(promises.queue)
        self.tally.queue_lost += sum(there.get(name, 0) < number for name, number in promises.queue.items())
        with closing(SwitchMemory(memory_path(folder))) as memory:
            for house, number in promises.memory.items():
                found = memory.load(house, wall=0.0, monotonic=0.0)
                self.tally.memory_promised += 1
                self.tally.memory_lost += found is None or found.memory.seq < number

    def _look_at_trail(self, path: Path, promises: Promises) -> None:
        with Store.open(path, StorageSettings()) as store:
            head = store.head()
        report = verify(path)
        assert report.intact, report.findings
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with open_reader(path) as connection:
            hashes = {row.seq: row.hash for row in read_rows(connection)}
        promised = max(promises.heads, default=self._rows)
        self.tally.rows_promised += promised - self._rows
        self.tally.rows_found += head.seq - self._rows
        self.tally.rows_beyond += max(0, head.seq - promised)
        self.tally.rows_lost += max(0, promised - head.seq)
        changed = [seq for seq, value in promises.heads.items() if seq <= head.seq and hashes[seq] != value]
        assert changed == [], f"rows that are not what was acknowledged: {changed}"
        assert head.seq >= self._rows, "rows from before the last cut are gone"
        self._rows = head.seq
