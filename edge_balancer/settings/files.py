"""Files that the configuration is in, and files that it names: reading them, finding them, saying why they cannot be
used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from edge_balancer.errors import Problem
from edge_balancer.settings.explain import shown
from edge_balancer.settings.root import Configuration
from firmware_bridge.settings.base import Finding, Location

# No configuration is larger; what is, is another file.
_MAX_BYTES: Final = 16 * 1024 * 1024
_CERTIFICATES: Final = {"mqtt": ("ca_file", "cert_file", "key_file"), "dashboard": ("tls_certificate", "tls_key")}
"""Keys that name a file in PEM form, by their section."""
_STATE: Final = "STATE_DIRECTORY"


def read_text(file: Path, what: str, remedy: str, encoding: str = "utf-8-sig") -> tuple[str, Problem | None]:
    """The file's text (in UTF-8 a byte order mark may begin it), or why it cannot be had."""
    wrong = ""
    try:
        if file.is_dir():
            wrong = f"is a folder, where {what} is expected"
        elif file.exists() and not file.is_file():
            wrong = f"is a device or a pipe, where {what} is expected"
        elif file.exists() and file.stat().st_size > _MAX_BYTES:
            wrong = f"is larger than {_MAX_BYTES // 1024 // 1024} MB: that is not {what}"
        else:
            return file.read_bytes().decode(encoding), None
    except FileNotFoundError:
        wrong = f"does not exist: {what} is expected there"
    except UnicodeDecodeError as error:
        wrong, remedy = f"is not UTF-8 text (byte {error.start + 1})", "save it as UTF-8"
    except (OSError, ValueError) as error:
        wrong = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        remedy = f"let the user that runs this read it, or {remedy}"
    return "", Problem(printable(file), "", wrong, remedy)


def resolve(configuration: Configuration, folder: Path, environ: Mapping[str, str]) -> Configuration:
    """The same configuration with every path absolute: those of what is kept from `$STATE_DIRECTORY`, all others from
    `folder`."""
    # systemd separates several state directories with colons; the first is ours.
    state = environ.get(_STATE, "").partition(":")[0]
    kept = Path(state) if state else folder
    files = {
        section: {name: folder / file for name in names if (file := getattr(getattr(configuration, section), name))}
        for section, names in _CERTIFICATES.items()
    }
    table = configuration.houses_file
    return configuration.model_copy(
        update={
            "mqtt": configuration.mqtt.model_copy(update=files["mqtt"]),
            "storage": configuration.storage.model_copy(update={"path": kept / configuration.storage.path}),
            "dashboard": configuration.dashboard.model_copy(
                update={**files["dashboard"], "accounts": kept / configuration.dashboard.accounts}
            ),
            "bridge": configuration.bridge.model_copy(
                update={
                    "state": kept / configuration.bridge.state,
                    "templates": None if (own := configuration.bridge.templates) is None else folder / own,
                }
            ),
            "houses_file": None if table is None else folder / table,
        }
    )


def file_findings(configuration: Configuration) -> Iterator[Finding]:
    """What is wrong with the files that a resolved configuration names, the houses' table aside."""
    for section, names in _CERTIFICATES.items():
        for name in names:
            file: Path | None = getattr(getattr(configuration, section), name)
            if file is not None:
                yield from _pem_findings((section, name), file)
    kept: tuple[tuple[Location, Path], ...] = (
        (("storage", "path"), configuration.storage.path),
        (("bridge", "state"), configuration.bridge.state),
    )
    for at, file in kept:
        if file.is_dir():
            remedy = f"name a file in it, e.g. {at[0]}.db"
            yield Finding(at, file, "is a folder, where the database file is expected", remedy)
    if configuration.bridge.state == configuration.storage.path:
        yield Finding(
            ("bridge", "state"),
            configuration.bridge.state,
            "is the store's own file: the interlocks keep a file of theirs",
            "give it another name, e.g. bridge.db",
            involves=(("storage", "path"),),
        )


def _pem_findings(at: Location, file: Path) -> Iterator[Finding]:
    # Any byte is a letter in latin-1: what is no text at all is then told as what it is not, a PEM file.
    dotted = ".".join(map(str, at))
    text, problem = read_text(file, "a certificate or key (PEM)", f"correct {dotted}, or remove it", "latin-1")
    if problem is not None:
        yield Finding(at, file, problem.wrong, problem.remedy)
    elif "-----BEGIN " not in text:
        yield Finding(
            at,
            file,
            "is no certificate or key in PEM form: it has no line -----BEGIN ...",
            "convert it with openssl, or give another file",
        )


def printable(name: str | os.PathLike[str]) -> str:
    """A name as it can be shown on any terminal."""
    text = os.fspath(name)
    return text if text.isprintable() else shown(text)
