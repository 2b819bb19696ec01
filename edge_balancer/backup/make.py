"""Making the archives of a site. Nothing of the site is changed, and a running controller goes on."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
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


def make_in_folder(
    configuration: Path, environ: Mapping[str, str], folder: Path, keys_out: Path | None, now: datetime
) -> tuple[Path, Manifest]:
    """Write an archive into a folder of them, and of the store's records what is not there yet: what a night writes is
    what a day has brought, however large the store is. Raises BackupError, ConfigurationError."""
    feeder = load(configuration, environ).feeder.id
    out = folder / name_of(feeder, now)
    kept = records.folder_of(folder, feeder)
    with records.alone(kept):
        manifest = _make(configuration, environ, out, keys_out, now, kept)
        try:
            records.give(out, folder)
        except OSError as error:
            raise BackupError(f"backup: {out}: {error.strerror or error}") from error
    return out, manifest


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
    try:
        if kept is not None:
            manifest = archive.write(out, _with_records(config, where, kept, manifest, pieces), pieces)
        else:
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


def thin(folder: Path, feeder: str, keep: int) -> list[Path]:
    """Remove all but the newest of this feeder's archives, and the records that none of those names; gives the archives
    that were removed. Raises BackupError."""
    gone = of_folder(folder, feeder)[:-keep]
    for file in gone:
        try:
            file.unlink()
        except OSError as error:
            raise BackupError(f"backup: {file}: cannot be removed: {error.strerror}") from error
    kept = records.folder_of(folder, feeder)
    with records.alone(kept):
        records.thin(kept, of_folder(folder, feeder))
    return gone


def _with_records(
    config: Configuration, where: Places, kept: Path, manifest: Manifest, pieces: list[Piece]
) -> Manifest:
    """The store's skeleton among the pieces, its rows in the folder of records."""
    store = config.storage.path
    if not store.exists():
        return manifest
    with store_copy.moment(store) as (connection, judged):
        named = records.save(kept, parts.stretches(connection))
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


def _without_secrets(configuration: Path) -> tuple[str, dict[str, str]]:
    try:
        text = configuration.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BackupError(f"backup: {configuration}: {error.strerror or error}") from error
    return withheld.take_out(text)
