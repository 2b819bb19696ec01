"""What belongs to a site: which files its configuration leads to, and from which folder each is counted.

Not in a backup: `bridge.db` (an interlock that forgets its last commands would take old ones again), the queue of
alerts (what was told once would be told again), whether a model is on trial, open logins.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_balancer.backup.errors import BackupError
from edge_balancer.backup.manifest import Kind, Place
from edge_balancer.models.serving import FOLDER as MODELS
from edge_balancer.settings.root import Configuration

CREDENTIALS: Final = Path("/etc/credstore")
_CREDENTIAL_NAMES: Final = "edge-balancer.*"
_STATE: Final = "STATE_DIRECTORY"
_PASSING: Final = "CREDENTIALS_DIRECTORY"


@dataclass(frozen=True, slots=True)
class Places:
    """The folders that paths count from."""

    configuration: Path
    """The configuration file itself."""
    config: Path
    state: Path
    credentials: Path

    def target(self, place: Place, path: str, kind: Kind) -> Path:
        """Where a file of an archive belongs on this machine."""
        if kind == "configuration":
            return self.configuration
        folders = {"config": self.config, "state": self.state, "credentials": self.credentials}
        return Path(path) if place == "elsewhere" else folders[place] / path

    def relative(self, file: Path, kind: Kind) -> tuple[Place, str]:
        """Where a file is counted from. Both folders may be one here, and two where it is restored."""
        named: list[tuple[Place, Path]] = [("state", self.state), ("config", self.config)]
        for place, folder in reversed(named) if kind in {"settings", "key"} else named:
            if file.is_relative_to(folder):
                return place, file.relative_to(folder).as_posix()
        return "elsewhere", file.as_posix()


@dataclass(frozen=True, slots=True)
class Source:
    """One file that belongs to the site."""

    file: Path
    kind: Kind
    place: Place
    path: str


def places(configuration: Path, environ: Mapping[str, str]) -> Places:
    """As the settings count them: what is kept from `$STATE_DIRECTORY`, all else from the configuration's folder."""
    configuration = configuration.absolute()
    state = environ.get(_STATE, "").partition(":")[0]
    return Places(configuration, configuration.parent, Path(state) if state else configuration.parent, CREDENTIALS)


def sources(config: Configuration, where: Places, environ: Mapping[str, str]) -> Iterator[Source]:
    """The files of a loaded configuration, without its own file and the store. Raises BackupError for one that is
    missing and must not be."""
    for file in (config.houses_file, config.mqtt.ca_file, config.mqtt.cert_file, config.dashboard.tls_certificate):
        if file is not None and not _passing(file, environ):
            yield _source(where, file, "settings")
    if config.bridge.templates is not None:
        yield from _tree(where, config.bridge.templates, "settings")
    if config.dashboard.accounts.exists():
        yield _source(where, config.dashboard.accounts, "accounts")
    yield from _tree(where, config.storage.path.parent / MODELS, "model")


def keys(config: Configuration, where: Places, environ: Mapping[str, str]) -> Iterator[Source]:
    """The files that prove who we are."""
    for file in (config.mqtt.key_file, config.dashboard.tls_key):
        # One that lies among the credentials is found there.
        if file is not None and not _passing(file, environ) and file.parent != where.credentials:
            yield _source(where, file, "key")
    if where.credentials.is_dir():
        if not os.access(where.credentials, os.R_OK | os.X_OK):
            raise BackupError(f"backup: {where.credentials} cannot be read by this user: call it as root (sudo)")
        for file in sorted(where.credentials.glob(_CREDENTIAL_NAMES)):
            if file.is_file():
                yield Source(file, "credential", "credentials", file.name)


def _source(where: Places, file: Path, kind: Kind) -> Source:
    if not file.is_file():
        raise BackupError(
            f"backup: {file} is named in the configuration and is not there: `edge-balancer check` says more"
        )
    return Source(file, kind, *where.relative(file, kind))


def _tree(where: Places, folder: Path, kind: Kind) -> Iterator[Source]:
    # What begins with a dot is being written at this moment, or is not ours.
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.is_file() and not hidden:
            yield Source(file, kind, *where.relative(file, kind))


def _passing(file: Path, environ: Mapping[str, str]) -> bool:
    """Whether systemd lends it for the life of a service: its original is among the credentials."""
    folder = environ.get(_PASSING)
    return bool(folder) and file.is_relative_to(Path(folder or "/"))
