"""A disk with a cache that a power cut empties: what was not flushed is there, or not, sector by sector, in any order.

    lying_disk.py FOLDER IMAGE [--lies]

Serves the bytes of IMAGE as the only file of FOLDER, `disk`, through the kernel's FUSE; a loop device upon it is then a
block device. Each write goes into the cache and each flush empties the cache onto the disk; with --lies a flush is
answered as done, the cache stays as it is, and a cut takes all of it. Needs root. Orders come on standard input, one a
line, and are answered in one:

    cut SEED TARGET     writes to TARGET what the disk would hold if its supply went away in the midst of the next
                        writes, and answers nothing more to the kernel
    go on               answers again, so that everything can be unmounted

The image is read at the start and never written.
"""

from __future__ import annotations

import ctypes
import enum
import errno
import os
import random
import select
import stat
import struct
import sys
from pathlib import Path
from typing import Final

SECTOR: Final = 512
"""What a disk writes whole or not at all."""
BLOCK: Final = 4096
_PIECE: Final = 64 * 1024
_MOST_BEFORE_CUT: Final = 40
"""Writes and flushes between the order to cut and the cut."""
_NO_WRITES_S: Final = 2.0
_FILE: Final = 2
"""The number of the file; the folder has 1."""
_LARGEST_WRITE: Final = 128 * 1024
_BIG_WRITES: Final = 1 << 5
_REQUEST: Final = struct.Struct("<IIQQIIIHH")
_ATTRIBUTES: Final = struct.Struct("<QQQQQQIIIIIIIIII")
_FOREVER: Final = struct.Struct("<QII")
_MS_NOSUID, _MS_NODEV = 2, 4


class Op(enum.IntEnum):
    """What the kernel asks for (linux/fuse.h)."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    OPEN = 14
    READ = 15
    WRITE = 16
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    ACCESS = 34
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42


class Bytes:
    """Sparse contents, in blocks."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.blocks: dict[int, bytearray] = {}

    def read(self, offset: int, length: int) -> bytes:
        out = bytearray()
        end = min(offset + length, self.size)
        while offset < end:
            number, within = divmod(offset, BLOCK)
            take = min(BLOCK - within, end - offset)
            block = self.blocks.get(number)
            out += block[within : within + take] if block else bytes(take)
            offset += take
        return bytes(out)

    def write(self, offset: int, data: bytes) -> None:
        at = 0
        while at < len(data):
            number, within = divmod(offset + at, BLOCK)
            take = min(BLOCK - within, len(data) - at)
            block = self.blocks.setdefault(number, bytearray(BLOCK))
            block[within : within + take] = data[at : at + take]
            at += take

    @classmethod
    def load(cls, image: Path) -> Bytes:
        found = cls(image.stat().st_size)
        with image.open("rb") as stream:
            offset = 0
            while data := stream.read(_PIECE):
                if data.count(0) != len(data):
                    found.write(offset, data)
                offset += len(data)
        return found

    def copy(self) -> Bytes:
        other = Bytes(self.size)
        other.blocks = {number: bytearray(block) for number, block in self.blocks.items()}
        return other

    def save(self, image: Path) -> None:
        with image.open("wb") as stream:
            stream.truncate(self.size)
            for number, block in self.blocks.items():
                stream.seek(number * BLOCK)
                stream.write(block)


class Disk:
    """What is safe, what the cache makes of it, and what is only in the cache."""

    def __init__(self, image: Path, *, lies: bool = False) -> None:
        self._lies = lies
        self.seen = Bytes.load(image)
        self._safe = self.seen.copy()
        self._cached: list[tuple[int, bytes]] = []
        self.requests = 0
        """Writes and flushes so far."""

    def write(self, offset: int, data: bytes) -> None:
        self.requests += 1
        self.seen.write(offset, data)
        self._cached.append((offset, data))

    def flush(self) -> None:
        self.requests += 1
        if self._lies:
            return
        for offset, data in self._cached:
            self._safe.write(offset, data)
        self._cached.clear()

    def cut(self, chance: random.Random, target: Path) -> tuple[int, int]:
        """Write what a power cut would leave; how many cached sectors that kept, and how many it lost."""
        left = self._safe.copy()
        # All that was cached, nothing, or anything between.
        share = 0.0 if self._lies else chance.choice((0.0, 1.0, chance.random(), chance.random()))
        sectors = [
            (offset + at, data[at : at + SECTOR]) for offset, data in self._cached for at in range(0, len(data), SECTOR)
        ]
        kept = [sector for sector in sectors if chance.random() < share]
        for offset, data in kept:
            left.write(offset, data)
        left.save(target)
        return len(kept), len(sectors) - len(kept)


class Server:
    """Answers the kernel: one folder with one file, whose size is fixed."""

    def __init__(self, channel: int, disk: Disk) -> None:
        self._channel = channel
        self._disk = disk

    def serve_one(self) -> bool:
        """Take one request; False when the file system was unmounted."""
        try:
            message = os.read(self._channel, _LARGEST_WRITE + 65536)
        except OSError as error:
            if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                return True
            if error.errno == errno.ENODEV:
                return False
            raise
        _, what, unique, node, *_ = _REQUEST.unpack_from(message)
        answer = self._answer(what, node, message[_REQUEST.size :])
        if answer is not None:
            error_number, body = answer
            os.write(self._channel, struct.pack("<IiQ", 16 + len(body), -error_number, unique) + body)
        return True

    def _answer(self, what: int, node: int, body: bytes) -> tuple[int, bytes] | None:  # noqa: PLR0911 - a table
        match what:
            case Op.INIT:
                # Protocol 7.31: its answer has 64 bytes.
                limits = struct.pack("<IIIIHHI", 7, 31, 0, _BIG_WRITES, 16, 12, _LARGEST_WRITE)
                return 0, limits.ljust(64, b"\0")
            case Op.LOOKUP:
                if body.rstrip(b"\0") != b"disk":
                    return errno.ENOENT, b""
                return 0, struct.pack("<QQQQII", _FILE, 0, 3600, 3600, 0, 0) + self._attributes(_FILE)
            case Op.GETATTR | Op.SETATTR:
                return 0, _FOREVER.pack(3600, 0, 0) + self._attributes(node)
            case Op.OPEN | Op.OPENDIR:
                return 0, struct.pack("<QII", 0, 0, 0)
            case Op.READ:
                _, offset, size = struct.unpack_from("<QQI", body)
                return 0, self._disk.seen.read(offset, size)
            case Op.WRITE:
                _, offset, size = struct.unpack_from("<QQI", body)
                self._disk.write(offset, body[40 : 40 + size])
                return 0, struct.pack("<II", size, 0)
            case Op.FSYNC:
                self._disk.flush()
                return 0, b""
            case Op.RELEASE | Op.FLUSH | Op.READDIR | Op.RELEASEDIR | Op.ACCESS | Op.DESTROY:
                return 0, b""
            case Op.FORGET | Op.INTERRUPT | Op.BATCH_FORGET:
                return None
            case _:
                return errno.ENOSYS, b""

    def _attributes(self, node: int) -> bytes:
        size, mode = (self._disk.seen.size, stat.S_IFREG | 0o600) if node == _FILE else (0, stat.S_IFDIR | 0o700)
        return _ATTRIBUTES.pack(node, size, size // SECTOR, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, BLOCK, 0)


def mount(folder: Path) -> int:
    """Mount a FUSE file system there; the channel to the kernel. Raises OSError."""
    channel = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={channel},rootmode=40000,user_id=0,group_id=0"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"lying-disk", bytes(folder), b"fuse", _MS_NOSUID | _MS_NODEV, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(folder))
    return channel


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def main() -> None:
    folder, image = Path(sys.argv[1]), Path(sys.argv[2])
    disk = Disk(image, lies="--lies" in sys.argv[3:])
    channel = mount(folder)
    server = Server(channel, disk)
    say("ready")
    while True:
        ready, _, _ = select.select([channel, 0], [], [])
        if channel in ready and not server.serve_one():
            return
        if 0 in ready:
            order = os.read(0, 4096).decode().split()
            if not order:
                return
            chance = random.Random(int(order[1]))
            _serve_until_cut(server, disk, channel, chance.randrange(_MOST_BEFORE_CUT))
            say(*disk.cut(chance, Path(order[2])))
            if os.read(0, 4096) == b"":
                return


def _serve_until_cut(server: Server, disk: Disk, channel: int, more: int) -> None:
    """So many writes and flushes more; fewer where nobody writes."""
    until = disk.requests + more
    while disk.requests < until and select.select([channel], [], [], _NO_WRITES_S)[0]:
        server.serve_one()


if __name__ == "__main__":
    main()
