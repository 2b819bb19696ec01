"""Putting an archive back. All of it is unpacked beside its places and checked before anything is touched; what stands
there is kept aside under another name.

Killed at any moment, every file is the old or the new one, and the old ones are there: calling it again completes it.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from edge_balancer.backup import archive, records, store_copy, withheld
from edge_balancer.backup.errors import BackupError
from edge_balancer.backup.make import SECRETS
from edge_balancer.backup.manifest import Entry, Manifest
from edge_balancer.backup.places import Places
from edge_balancer.backup.room import check_room
from edge_balancer.storage.database import sync_folder
from edge_balancer.storage.migrations import latest_version
from firmware_bridge.host.instance_lock import AlreadyRunning, held

_PREFIX: Final = ".edge-balancer-restore-"
_HEADER: Final = b"SQLite format 3\0"
_OTHERS: Final = 0o007
_LOGS: Final = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Step:
    """One file: what was unpacked, and where it goes."""

    entry: Entry
    new: Path
    target: Path
    service: Path | None = None
    """The service's folder, whose group is let in where others are kept out."""


@dataclass(slots=True)
class Plan:
    """What a restore does. Nothing has been touched yet."""

    site: Manifest
    steps: list[Step] = field(default_factory=list)
    missing_secrets: tuple[str, ...] = ()
    aside: list[Path] = field(default_factory=list)
    """Where what stood there is now, once it was done."""
    left_out: tuple[str, ...] = ()
    """Parts of the telemetry that are missing or damaged."""
    guarded: Path | None = None
    """The store on this machine, whose controller must not run; replaced or not."""
    closed: Path | None = None
    """A file that others could read, and cannot any more, since secrets were put back into it."""

    @property
    def store(self) -> Step | None:
        return next((step for step in self.steps if step.entry.kind == "store"), None)


@contextmanager
def planned(
    site: Path, keys: Path | None, where: Places, *, elsewhere: bool, partial: bool = False, with_records: bool = True
) -> Iterator[Plan]:
    """Unpack and check everything. Raises BackupError; what was unpacked goes with the context.

    `elsewhere`: files whose places are outside of the settings' and the service's folder may go there. `partial`:
    telemetry that is missing or damaged is left out. Not `with_records`: the store is left as it is.
    """
    manifests = [archive.read_manifest(file) for file in (site, keys) if file is not None]
    with ExitStack() as stack:
        try:
            check_room(manifests, where.state, with_records=with_records)
            where.state.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX, dir=where.state))
            plan = _plan(
                site, keys, where, Path(folder), elsewhere=elsewhere, partial=partial, with_records=with_records
            )
        except PermissionError as error:
            raise BackupError(f"restore: {error.filename}: {error.strerror}; do it as root (sudo)") from error
        except OSError as error:
            place, why = error.filename or where.state, error.strerror or error
            raise BackupError(f"restore: {place}: {why}; nothing was changed") from error
        yield plan


def carry_out(plan: Plan, stamp: str) -> None:
    """Put everything in its place. Raises BackupError, with everything as it was before."""
    store = plan.guarded
    if store is None:
        _replace_all(plan, stamp)
        return
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where, why = error.filename or store.parent, error.strerror or error
        raise BackupError(f"restore: {where}: {why}; nothing was changed") from error
    try:
        with held(store, "edge-balancer is running with this store", "storage.path"):
            _replace_all(plan, stamp)
    except AlreadyRunning as error:
        raise BackupError(f"restore: {error}") from error


def _plan(
    site: Path,
    keys: Path | None,
    where: Places,
    folder: Path,
    *,
    elsewhere: bool,
    partial: bool,
    with_records: bool,
) -> Plan:
    (folder / "site").mkdir()
    (folder / "keys").mkdir()
    manifest = archive.unpack(site, folder / "site")
    if manifest.contents != "site":
        raise BackupError(f"restore: {site} holds keys alone: give the site's archive first, and this one with --keys")
    plan = Plan(manifest)
    found = [(folder / "site", entry) for entry in manifest.entries]
    taken: dict[str, str] = {}
    if keys is not None:
        key_manifest = archive.unpack(keys, folder / "keys")
        _check_keys(keys, key_manifest, manifest)
        taken = _taken(folder / "keys" / SECRETS)
        found += [(folder / "keys", entry) for entry in key_manifest.entries if entry.place != "none"]
    for unpacked, entry in found:
        step = Step(entry, unpacked / entry.name, where.target(entry.place, entry.path, entry.kind))
        if entry.kind == "store":
            plan.guarded = step.target
            if not with_records:
                continue
        if entry.place == "elsewhere" and not elsewhere:
            raise BackupError(
                f"restore: {step.target} is in none of the folders {where.config} and {where.state}: "
                "call it with --elsewhere to let it go there"
            )
        if step.target.is_dir():
            raise BackupError(f"restore: {step.target} is a folder here, and a file in the archive: move it away")
        plan.steps.append(step)
    if manifest.parts and plan.store is not None and manifest.schema <= latest_version():
        shared = records.folder_of(site.absolute().parent, manifest.feeder)
        plan.left_out = records.complete(plan.store.new, shared, manifest.parts, partial=partial)
    if with_records:
        _check_store(plan)
    _complete_settings(plan, taken, where.state)
    return plan


def _check_keys(file: Path, keys: Manifest, site: Manifest) -> None:
    if keys.contents != "keys":
        raise BackupError(f"restore: {file} is no archive of keys: `backup --keys` makes one")
    if keys.feeder != site.feeder:
        raise BackupError(f"restore: {file} holds the keys of feeder {keys.feeder}, the archive is of {site.feeder}")


def _check_store(plan: Plan) -> None:
    if plan.site.schema > latest_version():
        raise BackupError(
            f"restore: the store's schema has version {plan.site.schema}, this program ({plan.site.program} made it) "
            f"knows versions up to {latest_version()}: install that version or a newer one"
        )
    if plan.store is None:
        return
    judged = store_copy.judge(plan.store.new)
    if (judged.schema, judged.head) != (plan.site.schema, plan.site.head):
        raise BackupError(f"restore: the store ends at {judged.head}, its manifest says {plan.site.head}")


def _complete_settings(plan: Plan, taken: Mapping[str, str], service: Path) -> None:
    for number, step in enumerate(plan.steps):
        if step.entry.kind != "configuration":
            continue
        without = step.new.read_text(encoding="utf-8")
        text = withheld.put_back(without, taken)
        step.new.write_text(text, encoding="utf-8")
        plan.missing_secrets = withheld.missing(text)
        if text != without and step.entry.mode & _OTHERS:
            closed = msgspec.structs.replace(step.entry, mode=step.entry.mode & ~_OTHERS)
            plan.steps[number] = replace(step, entry=closed, service=service)
            plan.closed = step.target


def _taken(file: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        raise BackupError(f"restore: the archive of keys lacks its secrets: {error}") from error


def _replace_all(plan: Plan, stamp: str) -> None:
    """Raises BackupError, and what was replaced by then is put back."""
    done: list[tuple[Step, Path | None]] = []
    ready: list[tuple[Step, Path]] = []
    try:
        # One by one: what is ready so far has to be cleared away where the next one fails.
        for step in plan.steps:
            ready.append((step, _beside_target(step)))  # noqa: PERF401
        for step, new in ready:
            if step.entry.kind == "store":
                plan.aside += _fold_logs(step.target, stamp)
            aside = _keep(step.target, stamp)
            done.append((step, aside))
            new.replace(step.target)
        for folder in {step.target.parent for step in plan.steps}:
            sync_folder(folder / "any")
    except (OSError, BackupError) as error:
        _undo(done)
        if isinstance(error, BackupError):
            raise
        where = error.filename or ""
        raise BackupError(f"restore: {where}: {error.strerror or error}; everything is as it was before") from error
    finally:
        for _, new in ready:
            with suppress(OSError):
                new.unlink()
    plan.aside += [aside for _, aside in done if aside is not None]


def _beside_target(step: Step) -> Path:
    """The unpacked file on its target's own file system, with its owner and mode, on disk."""
    folder = step.target.parent
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(mode=0o750)
        _own(parent, parent.parent, step.entry)
    new = folder / f"{_PREFIX}{os.getpid()}-{step.target.name}"
    with suppress(FileNotFoundError):
        new.unlink()
    try:
        # It was unpacked in the service's folder, and the store, the largest of all, goes there.
        step.new.rename(new)
    except OSError:
        shutil.copyfile(step.new, new, follow_symlinks=False)
    new.chmod(step.entry.mode)
    _own(new, step.target if step.target.exists() else folder, step.entry, exists=step.target.exists())
    if step.service is not None and os.geteuid() == 0 and new.stat().st_gid == 0:
        # The service read it as one of all: it must not be shut out with them.
        os.chown(new, -1, step.service.stat().st_gid)
    with new.open("rb") as file:
        os.fsync(file.fileno())
    return new


def _own(file: Path, like: Path, entry: Entry, *, exists: bool = False) -> None:
    """As what it replaces; else as it was, where these users are known here; else as its folder. Root alone can."""
    if os.geteuid() != 0:
        return
    found = like.stat()
    user, group = found.st_uid, found.st_gid
    if not exists:
        with suppress(KeyError):
            user = pwd.getpwnam(entry.owner).pw_uid if entry.owner else user
        with suppress(KeyError):
            group = grp.getgrnam(entry.group).gr_gid if entry.group else group
    os.chown(file, user, group, follow_symlinks=False)


def _fold_logs(store: Path, stamp: str) -> list[Path]:
    """Bring what waits in the old store's log into it, and take the log away: it would be played into the new one."""
    if _is_database(store):
        with suppress(sqlite3.Error), closing(sqlite3.connect(store, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    asides = []
    for ending in _LOGS:
        log = store.with_name(store.name + ending)
        if not log.exists():
            continue
        if log.stat().st_size == 0 or ending == "-shm":
            log.unlink()
            continue
        # The old store is damaged, or it would have taken it up: both are kept, under names that belong together.
        aside = _aside(store, stamp)
        aside = aside.with_name(aside.name + ending)
        log.replace(aside)
        asides.append(aside)
    return asides


def _is_database(store: Path) -> bool:
    """Whether a file begins as SQLite's do: beside what is none, SQLite throws a log away."""
    if not store.is_file():
        return False
    with store.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def _keep(target: Path, stamp: str) -> Path | None:
    """A second name for what stands there, so that it is never without."""
    if not target.exists() and not target.is_symlink():
        return None
    aside = _aside(target, stamp)
    try:
        os.link(target, aside, follow_symlinks=False)
    except OSError as error:
        if aside.exists():
            raise BackupError(f"restore: {aside} is there already: wait for a second, or move it away") from error
        # A file system without second names (FAT): a copy.
        shutil.copy2(target, aside, follow_symlinks=False)
    return aside


def _aside(target: Path, stamp: str) -> Path:
    return target.with_name(f"{target.name}.before-{stamp}")


def _undo(done: Sequence[tuple[Step, Path | None]]) -> None:
    for step, aside in reversed(done):
        with suppress(OSError):
            if aside is None:
                step.target.unlink()
            elif aside.samefile(step.target):
                # Not replaced yet: two names of one file, which `rename` would leave both.
                aside.unlink()
            else:
                aside.replace(step.target)
