"""What an authority has issued, in one file beside its key: needed to renew, to revoke and to list. Nothing secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from edge_balancer.pki.errors import PkiError

NAME: Final = "ledger.json"


class Issued(msgspec.Struct, frozen=True):
    """One certificate. Times in Unix seconds; `revoked` is 0 where it is not."""

    serial: str
    """Hexadecimal."""
    role: str
    name: str
    issued: int
    until: int
    revoked: int = 0

    def valid(self, now: float) -> bool:
        return not self.revoked and now < self.until


def read(folder: Path) -> list[Issued]:
    """Everything issued, oldest first. Raises PkiError where the file cannot be read."""
    path = folder / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Issued])
    except OSError as error:
        raise PkiError(
            f"{path} cannot be read ({error.strerror}): is {folder} a folder that `pki init` made?"
        ) from error
    except msgspec.MsgspecError as error:
        raise PkiError(f"{path} is damaged ({error}): restore it from a copy of the folder") from error


def write(folder: Path, issued: list[Issued]) -> None:
    put(folder / NAME, msgspec.json.format(msgspec.json.encode(issued), indent=1), 0o600)


def put(path: Path, data: bytes, mode: int) -> None:
    """Write a file whole or not at all, with these permissions from its first byte on."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise PkiError(f"{path} cannot be written: {error.strerror}") from error
