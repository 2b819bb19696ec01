"""Making the archives of a site. Nothing of the site is changed, and a running controller goes on."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from edge_balancer import __version__
from edge_balancer.backup import archive, parts, records, store_copy, withheld
from edge_balancer.backup.archive import Piece
from edge_balancer.backup.errors import BackupError
from edge_balancer.backup.manifest import FORMAT, WHOLE_FORMAT, Manifest
from edge_balancer.backup.places import Places, Source, keys, places, sources
from edge_balancer.backup.room import leave_reserve
from edge_balancer.settings.load import load
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.errors import StorageError

SECRETS: Final = "secrets.json"
_ENDING: Final = ".tar.gz"
_WORK: Final = ".edge-balancer-backup-"
_LEFT_AFTER_S: Final = 86_400.0
_STAMP: Final = "%Y%m%dT%H%M%SZ"


def name_of(feeder: str, now: datetime) -> str:
    """Of an archive in a folder of them."""
    return f"edge-balancer-{feeder}-{now.strftime(_STAMP)}{_ENDING}"


def make(configuration: Path, environ: Mapping[str, str], out: Path, keys_out: Path | None, now: datetime) -> Manifest:
    """Write the site's archive, the store whole in it, and its keys' where that is wanted. Raises BackupError,
    ConfigurationError."""
    return _make(configuration, environ, out, keys_out, now, None)


@dataclass(frozen=True, slots=True)
class Thinned:
    """What became of old archives in a folder."""

    removed: tuple[Path, ...] = ()
    unread: tuple[str, ...] = ()
    """Archives of the folder that cannot be read, and why: because of them no record was removed."""
    trouble: str = ""
    """Why what is old could not be removed."""


@dataclass(frozen=True, slots=True)
class Night:
    """What came of a backup. The archive is written, whatever became of the old ones."""

    out: Path
    manifest: Manifest
    old: Thinned = Thinned()


def make_in_folder(
    configuration: Path,
    environ: Mapping[str, str],
    folder: Path,
    keys_out: Path | None,
    now: datetime,
    keep: int | None = None,
) -> Night:
    """Write an archive into a folder of them, and of the store's records what is not there yet: what a night writes is
    what a day has brought, however large the store is. Before and after, remove all but the newest `keep` of this
    feeder's archives. Raises BackupError, ConfigurationError."""
    feeder = load(configuration, environ).feeder.id
    out = folder / name_of(feeder, now)
    kept = records.folder_of(folder, feeder)
    with records.alone(kept):
        # Before, too: on a disk without room a lower `keep` is what makes room. What is wrong there is told after.
        gone = () if keep is None else _thinned(folder, feeder, keep).removed
        manifest = _make(configuration, environ, out, keys_out, now, kept)
        try:
            records.give(out, folder)
        except OSError as error:
            raise BackupError(f"backup: {out}: {error.strerror or error}") from error
        if keep is None:
            return Night(out, manifest)
        # Under the same lock: a backup that came between would be told as a fault of this one, which is written.
        after = _thinned(folder, feeder, keep)
        return Night(out, manifest, replace(after, removed=(*gone, *after.removed)))


def _make(
    configuration: Path,
    environ: Mapping[str, str],
    out: Path,
    keys_out: Path | None,
    now: datetime,
    kept: Path | None,
) -> Manifest:
    config = load(configuration, environ)
    where = places(configuration, environ)
    for file in (out, keys_out):
        if file is not None and file.exists():
            raise BackupError(f"backup: {file} exists already, and is left as it is: give another name")
    text, taken = _without_secrets(where.configuration)
    manifest = Manifest(
        WHOLE_FORMAT,
        "site",
        __version__,
        config.feeder.id,
        now.astimezone(UTC).isoformat(),
        secrets=tuple(sorted(taken)),
    )
    pieces = [
        Piece(
            "config/" + where.configuration.name,
            "configuration",
            "config",
            where.configuration.name,
            where.configuration,
            text.encode(),
        )
    ]
    pieces += _pieces(list(sources(config, where, environ)))
    store = config.storage.path
    try:
        if kept is not None:
            with records.undone_without(out, kept):
                manifest = _with_records(config, where, kept, manifest, pieces)
                leave_reserve(out.parent, store, _size(pieces))
                manifest = archive.write(out, manifest, pieces)
        else:
            # A copy of the store on the way, and the archive, packed to about a half.
            of_store = store.stat().st_size * 3 // 2 if store.exists() else 0
            leave_reserve(out.parent, store, of_store + _size(pieces))
            # In the archive's folder, where there is room for both or for none.
            with tempfile.TemporaryDirectory(prefix=_WORK, dir=out.parent) as folder:
                manifest = _with_store(config, where, Path(folder), manifest, pieces)
                manifest = archive.write(out, manifest, pieces)
    except OSError as error:
        raise BackupError(f"backup: {error.filename or out}: {error.strerror or error}; nothing was written") from error
    if keys_out is not None:
        _write_keys(config, where, environ, keys_out, manifest, taken)
    return manifest


def of_folder(folder: Path, feeder: str) -> list[Path]:
    """This feeder's archives in a folder, the oldest first."""
    named = re.compile(rf"edge-balancer-{re.escape(feeder)}-\d{{8}}T\d{{6}}Z{re.escape(_ENDING)}")
    return sorted(file for file in folder.iterdir() if named.fullmatch(file.name))


def clear_leftovers(folder: Path, now: datetime) -> None:
    """Remove what backups that were killed have left in their folder: each a copy of the store, which would fill the
    disk night by night. What is younger than a day may still be at work."""
    for left in (*folder.glob(f"{_WORK}*"), *folder.glob(f".edge-balancer-*{_ENDING}.*")):
        with suppress(OSError):
            if now.timestamp() - left.lstat().st_mtime < _LEFT_AFTER_S:
                continue
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()


def _thinned(folder: Path, feeder: str, keep: int) -> Thinned:
    """Remove all but the newest of this feeder's archives, and the records that none of those in the folder names:
    somebody may have given one another name, to keep it."""
    gone: list[Path] = []
    unread: tuple[str, ...] = ()
    trouble = ""
    try:
        for file in of_folder(folder, feeder)[:-keep]:
            file.unlink()
            gone.append(file)
        every = sorted(file for file in folder.glob(f"*{_ENDING}") if file.is_file())
        unread = records.thin(records.folder_of(folder, feeder), every)
    except OSError as error:
        trouble = f"backup: {error.filename or folder}: cannot be removed: {error.strerror or error}"
    except BackupError as error:
        trouble = str(error)
    return Thinned(tuple(gone), unread, trouble)


def _with_records(
    config: Configuration, where: Places, kept: Path, manifest: Manifest, pieces: list[Piece]
) -> Manifest:
    """The store's skeleton among the pieces, its rows in the folder of records."""
    store = config.storage.path
    if not store.exists():
        return manifest
    with store_copy.moment(store) as (connection, judged):
        named = records.save(kept, parts.stretches(connection), lambda size: leave_reserve(kept, store, size))
        data = parts.skeleton(connection)
    place, path = where.relative(store, "store")
    pieces.append(Piece(f"{place}/{store.name}", "store", place, path, store, data))
    return msgspec.structs.replace(manifest, format=FORMAT, schema=judged.schema, head=judged.head, parts=named)


def _with_store(
    config: Configuration, where: Places, folder: Path, manifest: Manifest, pieces: list[Piece]
) -> Manifest:
    store = config.storage.path
    if not store.exists():
        return manifest
    copied = folder / "store.db"
    try:
        store_copy.copy(store, copied)
    except StorageError as error:
        raise BackupError(f"backup: {error}") from error
    judged = store_copy.judge(copied)
    found = store.stat()
    copied.chmod(found.st_mode & 0o777)
    if os.geteuid() == 0:
        os.chown(copied, found.st_uid, found.st_gid)
    place, path = where.relative(store, "store")
    pieces.append(Piece(f"{place}/{store.name}", "store", place, path, copied))
    return msgspec.structs.replace(manifest, schema=judged.schema, head=judged.head)


def _write_keys(
    config: Configuration,
    where: Places,
    environ: Mapping[str, str],
    out: Path,
    site: Manifest,
    taken: Mapping[str, str],
) -> None:
    pieces = _pieces(list(keys(config, where, environ)))
    pieces.append(Piece(SECRETS, "secrets", "none", "", where.configuration, msgspec.json.encode(dict(taken))))
    archive.write(out, Manifest(WHOLE_FORMAT, "keys", __version__, site.feeder, site.created), pieces)


def _pieces(found: Sequence[Source]) -> list[Piece]:
    pieces: dict[tuple[str, str], Piece] = {}
    for number, source in enumerate(found):
        # One certificate may serve broker and page.
        name = (
            f"{source.place}/{number}-{source.file.name}"
            if source.place == "elsewhere"
            else f"{source.place}/{source.path}"
        )
        pieces.setdefault((source.place, source.path), Piece(name, source.kind, source.place, source.path, source.file))
    return list(pieces.values())


def _size(pieces: Sequence[Piece]) -> int:
    return sum(piece.file.stat().st_size if piece.data is None else len(piece.data) for piece in pieces)


def _without_secrets(configuration: Path) -> tuple[str, dict[str, str]]:
    try:
        text = configuration.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BackupError(f"backup: {configuration}: {error.strerror or error}") from error
    return withheld.take_out(text)
