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
from edge_balancer.backup import archive, store_copy, withheld
from edge_balancer.backup.archive import Piece
from edge_balancer.backup.errors import BackupError
from edge_balancer.backup.manifest import FORMAT, Manifest
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
    """Write the site's archive, and its keys' where that is wanted. Raises BackupError, ConfigurationError."""
    config = load(configuration, environ)
    where = places(configuration, environ)
    for file in (out, keys_out):
        if file is not None and file.exists():
            raise BackupError(f"backup: {file} exists already, and is left as it is: give another name")
    text, taken = _without_secrets(where.configuration)
    manifest = Manifest(
        FORMAT, "site", __version__, config.feeder.id, now.astimezone(UTC).isoformat(), secrets=tuple(sorted(taken))
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
    """Remove all but the newest of this feeder's archives; gives what was removed. Raises BackupError."""
    gone = of_folder(folder, feeder)[:-keep]
    for file in gone:
        try:
            file.unlink()
        except OSError as error:
            raise BackupError(f"backup: {file}: cannot be removed: {error.strerror}") from error
    return gone


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
    archive.write(out, Manifest(FORMAT, "keys", __version__, site.feeder, site.created), pieces)


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
