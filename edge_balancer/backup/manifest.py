"""What an archive says about itself, first of all it holds: what is in it, for where, with which hash."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final, Literal

import msgspec

FORMAT: Final = 2
WHOLE_FORMAT: Final = 1
"""Of an archive that needs no others; older programs restore it too."""
NAME: Final = "manifest.json"
MOST_MANIFEST_BYTES: Final = 4 * 1024 * 1024
MOST_ENTRIES: Final = 5000
MOST_PARTS: Final = 20_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = re.compile(r"([a-z]{1,20})-\d{1,12}-[0-9a-f]{16}\.db\.gz")

Kind = Literal["configuration", "settings", "store", "accounts", "model", "key", "credential", "secrets"]
Place = Literal["config", "state", "credentials", "elsewhere", "none"]
"""The folder that a path counts from: the configuration's, the service's, systemd's credentials; `elsewhere` it is
absolute; `none` is no file of its own."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file in the archive."""

    name: str
    """In the archive."""
    kind: Kind
    place: Place
    path: str
    size: int
    sha256: str
    mode: int = 0o640
    owner: str = ""
    """Names, not numbers: they differ between machines. Empty where nobody of that number is known."""
    group: str = ""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of the store's rows in a file of its own, which several archives share. `parts` makes and reads it."""

    name: str
    size: int
    """Of what is in it, uncompressed, as is its hash."""
    sha256: str

    @property
    def group(self) -> str:
        return self.name.partition("-")[0]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole archive."""

    format: int
    contents: Literal["site", "keys"]
    program: str
    """Version of edge-balancer."""
    feeder: str
    created: str
    """ISO 8601, UTC."""
    schema: int = 0
    """Of the store; 0 where there is none."""
    head: str = ""
    """Of the audit trail, as `audit verify` prints it."""
    secrets: tuple[str, ...] = ()
    """Keys whose values stood in the configuration and are in the keys' archive."""
    entries: tuple[Entry, ...] = ()
    parts: tuple[Part, ...] = ()
    """What the store in it lacks; empty where that is whole."""

    def of(self, kind: Kind) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind == kind)


def encode(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode(data: bytes) -> Manifest:
    """Raises ValueError, which says what is wrong."""
    try:
        # The format alone first: a later one may have fields that are unknown here.
        found = msgspec.json.decode(data, type=_Format).format
        if found > FORMAT:
            raise ValueError(f"it is of format {found}, this program knows {FORMAT}: use the program that made it")
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"its manifest is damaged ({error})") from error
    if len(manifest.entries) > MOST_ENTRIES:
        raise ValueError(f"its manifest names more than {MOST_ENTRIES} files")
    names = [entry.name for entry in manifest.entries]
    targets = [(entry.place, entry.path) for entry in manifest.entries if entry.place != "none"]
    if len(set(names)) != len(names) or len(set(targets)) != len(targets):
        raise ValueError("its manifest names a file twice")
    for entry in manifest.entries:
        if wrong := _wrong(entry):
            raise ValueError(f"its manifest names {entry.name!r} {wrong}")
    if len(manifest.parts) > MOST_PARTS or (manifest.parts and not _is_one_name(manifest.feeder)):
        raise ValueError("its manifest names records that cannot be")
    for part in manifest.parts:
        if not _PART.fullmatch(part.name) or part.size < 0 or not _SHA256.fullmatch(part.sha256):
            raise ValueError(f"its manifest names records in {part.name!r}, which cannot be")
    return manifest


class _Format(msgspec.Struct):
    format: int


def _wrong(entry: Entry) -> str:
    """Why an entry must not be unpacked."""
    if not _is_inside(entry.name) or entry.name == NAME:
        return "as no name of a file inside of it"
    if entry.place == "elsewhere":
        if not PurePosixPath(entry.path).is_absolute() or ".." in PurePosixPath(entry.path).parts:
            return f"for {entry.path!r}, which is no absolute path"
    elif entry.place != "none" and not _is_inside(entry.path):
        return f"for {entry.path!r}, which leads out of its folder"
    if entry.size < 0 or not _SHA256.fullmatch(entry.sha256) or entry.mode & ~0o777:
        return "with a size, hash or mode that cannot be"
    return ""


def _is_one_name(text: str) -> bool:
    return _is_inside(text) and len(PurePosixPath(text).parts) == 1


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path
