"""Secrets that stand in the configuration file: taken out of its text for the archive, and put back.

What stands for one is a word that names its key, so that a configuration without its secrets says what it lacks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, Final

from edge_balancer.backup.errors import BackupError
from edge_balancer.settings.fields import sections

_WORD: Final = "@secret:{}@"


def take_out(text: str) -> tuple[str, dict[str, str]]:
    """The text without its secrets, and what was taken out by key. Raises BackupError where one cannot be found in
    it, though it must be there."""
    taken: dict[str, str] = {}
    for dotted, value in _secrets_in(tomllib.loads(text)).items():
        written = next((form for form in _forms(value) if form in text), None)
        if written is None:
            raise BackupError(
                f"backup: {dotted} is written in a way in which it cannot be taken out of the file: "
                "write it on one line between double quotes, or give it as a systemd credential"
            )
        text = text.replace(written, _WORD.format(dotted))
        taken[dotted] = written
    left = [dotted for dotted, value in _secrets_in(tomllib.loads(text)).items() if value != _WORD.format(dotted)]
    if left or any(written in text for written in taken.values()):
        raise BackupError(
            f"backup: {', '.join(left or taken)} could not be taken out of the file: give it as a credential"
        )
    return text, taken


def put_back(text: str, taken: Mapping[str, str]) -> str:
    for dotted, written in taken.items():
        text = text.replace(_WORD.format(dotted), written)
    return text


def missing(text: str) -> tuple[str, ...]:
    """Keys whose secrets were taken out and not put back."""
    found = _secrets_in(tomllib.loads(text)).items()
    return tuple(dotted for dotted, value in found if value == _WORD.format(dotted))


def _secrets_in(document: Mapping[str, Any]) -> dict[str, str]:
    """Dotted key -> the secret that the document gives it, where it gives any."""
    found: dict[str, str] = {}
    for section in sections():
        for key in section.keys:
            if not key.secret:
                continue
            value: Any = document
            for part in key.path:
                value = value.get(part) if isinstance(value, Mapping) else None
            if isinstance(value, str) and value:
                found[key.dotted] = value
    return found


def _forms(value: str) -> tuple[str, ...]:
    """How a value may stand between its quotes, the most particular first."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return (escaped, value)
