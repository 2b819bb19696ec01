"""The archive as a file: a gzipped tar, its manifest first. Written whole or not at all, unpacked only as its manifest
says."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Final

import msgspec

from edge_balancer.backup.errors import BackupError, ForeignError
from edge_balancer.backup.manifest import MOST_MANIFEST_BYTES, NAME, Entry, Kind, Manifest, Place, decode, encode
from edge_balancer.storage.database import sync_folder

_CHUNK: Final = 1 << 20
_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """What goes into an archive: a file, or bytes in the place of one."""

    name: str
    kind: Kind
    place: Place
    path: str
    file: Path
    """Whose mode and owner are noted; also the content, where `data` is None."""
    data: bytes | None = None


def write(out: Path, manifest: Manifest, pieces: Sequence[Piece]) -> Manifest:
    """Write the archive, readable by its owner alone; gives the manifest with its entries. Raises BackupError.

    A file that another program writes to meanwhile is refused: it would not be of one moment.
    """
    try:
        entries = tuple(_entry(piece) for piece in pieces)
        manifest = msgspec.structs.replace(manifest, entries=entries)
        new = out.with_name(f".{out.name}.{os.getpid()}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as raw:
                with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=_LEVEL, format=tarfile.PAX_FORMAT) as tar:
                    _add(tar, NAME, BytesIO(data := encode(manifest)), len(data))
                    for piece, entry in zip(pieces, entries, strict=True):
                        with _content(piece) as stream:
                            _add(tar, entry.name, _Checked(stream, piece, entry), entry.size)
                raw.flush()
                os.fsync(raw.fileno())
            new.replace(out)
        except BaseException:
            with suppress(OSError):
                new.unlink()
            raise
        sync_folder(out)
    except OSError as error:
        where = error.filename or out
        raise BackupError(f"backup: {where}: {error.strerror or error}; nothing was written") from error
    return manifest


def read_manifest(archive: Path) -> Manifest:
    """Raises BackupError."""
    with _opened(archive) as tar:
        return _manifest(tar, archive)


def unpack(archive: Path, into: Path) -> Manifest:
    """Unpack all that the manifest names, under its names there, into an empty folder, and hold it against its hashes.
    Raises BackupError."""
    with _opened(archive) as tar:
        manifest = _manifest(tar, archive)
        wanted = {entry.name: entry for entry in manifest.entries}
        for member in iter(tar.next, None):
            entry = wanted.pop(member.name, None)
            if entry is None or not member.isreg() or member.size != entry.size:
                raise BackupError(
                    f"restore: {archive}: {member.name!r} is not as its manifest says; take another backup"
                )
            stream = tar.extractfile(member)
            file = into / entry.name
            file.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with file.open("xb") as out:
                os.fchmod(out.fileno(), 0o600)
                while stream is not None and (chunk := stream.read(_CHUNK)):
                    digest.update(chunk)
                    out.write(chunk)
            if digest.hexdigest() != entry.sha256:
                raise BackupError(
                    f"restore: {archive}: {entry.name} is damaged: its hash is another; take another backup"
                )
    if wanted:
        raise BackupError(f"restore: {archive}: {', '.join(sorted(wanted))} is missing in it; take another backup")
    return manifest


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            yield tar
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(
            f"restore: {archive}: is no whole archive of edge-balancer ({error}); take another backup"
        ) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise BackupError(f"restore: {error.filename or archive}: {why}; nothing was changed") from error


def _manifest(tar: tarfile.TarFile, archive: Path) -> Manifest:
    first = tar.next()
    if first is None or first.name != NAME or not first.isreg() or first.size > MOST_MANIFEST_BYTES:
        raise ForeignError(f"restore: {archive}: is no archive of edge-balancer: it does not begin with its manifest")
    stream = tar.extractfile(first)
    try:
        return decode(b"" if stream is None else stream.read())
    except ValueError as error:
        raise BackupError(f"restore: {archive}: {error}") from error


def _entry(piece: Piece) -> Entry:
    found = piece.file.stat()
    digest, size = hashlib.sha256(), 0
    with _content(piece) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Entry(
        piece.name,
        piece.kind,
        piece.place,
        piece.path,
        size,
        digest.hexdigest(),
        found.st_mode & 0o777,
        _user(found.st_uid),
        _group(found.st_gid),
    )


@contextmanager
def _content(piece: Piece) -> Iterator[IO[bytes]]:
    if piece.data is not None:
        yield BytesIO(piece.data)
        return
    with piece.file.open("rb") as stream:
        yield stream


class _Checked:
    """A stream that is what was hashed before."""

    def __init__(self, stream: IO[bytes], piece: Piece, entry: Entry) -> None:
        self._stream = stream
        self._piece = piece
        self._entry = entry
        self._digest = hashlib.sha256()
        self._left = entry.size

    def read(self, count: int) -> bytes:
        chunk = self._stream.read(min(count, self._left))
        self._digest.update(chunk)
        self._left -= len(chunk)
        if not self._left and (self._digest.hexdigest() != self._entry.sha256 or self._stream.read(1)):
            raise BackupError(f"backup: {self._piece.file} was changed meanwhile; nothing was written: call it again")
        return chunk


def _add(tar: tarfile.TarFile, name: str, stream: IO[bytes] | _Checked, size: int) -> None:
    # All the same for every file: whose it was, and when, says the manifest.
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    tar.addfile(info, stream)  # type: ignore[arg-type]  # it needs `read` alone


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return ""


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return ""
