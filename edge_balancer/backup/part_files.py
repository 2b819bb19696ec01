"""One part of a store as a gzipped file: written whole or not at all, and read with its hash held against its name.

An error of reading means that the part is not there any more, as much as a wrong hash does; errors of writing are told
as they come. Which parts there are is `records`' business.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge_balancer.backup.manifest import Part

ENDING: Final = ".db.gz"
UNFINISHED: Final = ".writing-"
_LEVEL: Final = 6
_CHUNK: Final = 1 << 20
_NOT_THE_FILES_FAULT: Final = frozenset({errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors of reading that say nothing about what is in the file."""


class Damaged(Exception):  # noqa: N818 - it says what is the case, and no part of us is wrong
    """What is wrong with a part's file, as the end of a sentence that begins with its name."""


def packed(data: bytes) -> bytes:
    return gzip.compress(data, _LEVEL, mtime=0)


def write(file: Path, packed_data: bytes, give: Callable[[Path], None]) -> None:
    """Durable but for its name in the folder; `give` may change whose it is. Raises OSError, and then leaves nothing
    behind: on a full disk others need the room more."""
    new = file.with_name(f"{UNFINISHED}{file.name}")
    with suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as raw:
            raw.write(packed_data)
            raw.flush()
            os.fsync(raw.fileno())
        give(new)
        new.replace(file)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


def holds(file: Path, part: Part) -> bool:
    """Whether the whole part can be read there."""
    try:
        for _ in _content(file, part):
            pass
    except Damaged:
        return False
    return True


def unpack(file: Path, part: Part, out: Path) -> None:
    """Raises Damaged; OSError where `out` cannot be written, or this program may not read the part."""
    with out.open("xb") as target:
        os.fchmod(target.fileno(), 0o600)
        for chunk in _content(file, part):
            target.write(chunk)


def _content(file: Path, part: Part) -> Iterator[bytes]:
    """What is in it, and at its end whether it was what its name promises. Raises Damaged, and OSError as `unpack`."""
    digest, size = hashlib.sha256(), 0
    for chunk in _read(file):
        size += len(chunk)
        if size > part.size:
            break
        digest.update(chunk)
        yield chunk
    if size != part.size or digest.hexdigest() != part.sha256:
        raise Damaged("is damaged: its hash is another")


def _read(file: Path) -> Iterator[bytes]:
    # What the receiver of a chunk raises while it writes does not come by here.
    try:
        with gzip.open(file, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except FileNotFoundError as error:
        raise Damaged("is missing") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Damaged("is damaged") from error
    except OSError as error:
        if error.errno in _NOT_THE_FILES_FAULT:
            raise
        raise Damaged(f"cannot be read ({error.strerror or error}; `dmesg` says more about the disk)") from error
