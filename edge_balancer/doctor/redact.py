"""Takes out of a text what nobody else should read: secrets, and who is told where. Pure.

Every secret of the configuration is replaced wherever it stands, in whatever text; what only looks like one too.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import SecretStr

from edge_balancer.settings.root import Configuration
from firmware_bridge.settings.base import Section

HIDDEN: Final = "[hidden]"
_LEAST: Final = 4
"""A shorter secret would be found in every second word; its own key is hidden all the same."""
_PRIVATE: Final = frozenset(
    {"account_sid", "api_key_sid", "messaging_service_sid", "from_number", "service_centre", "to"}
)
_LOOKS: Final = (
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),
    re.compile(r"\+\d{6,15}"),
    # Keys and signatures; a UUID or a date is shorter between its hyphens.
    re.compile(r"\b[0-9a-fA-F]{32,}\b"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]+"),
    re.compile(r"(?<=\bebt_)[0-9a-f]{12}_[\w-]+"),
    # What a service has in its environment need not be known here: `systemctl show` prints all of it.
    re.compile(r"(?m)(?<=^Environment=).+"),
    re.compile(r"(?m)(?<=\bEDGE_BALANCER_)\w+=.*"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL),
)


class Redactor:
    """Knows the secrets of one configuration."""

    def __init__(self, config: Configuration | None, more: Iterable[str] = ()) -> None:
        found = {*more, *(() if config is None else _secrets(config))}
        # The longest first: a secret may be a part of another.
        known = sorted((word for word in found if len(word) >= _LEAST), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for look in _LOOKS:
            text = look.sub(HIDDEN, text)
        return text


def settings_without_secrets(config: Configuration) -> dict[str, Any]:
    """The configuration as JSON types: secrets, and how people are reached, replaced."""
    plain = _without(config)
    assert isinstance(plain, dict)  # noqa: S101 - what a section becomes
    return plain


def _without(value: Any, name: str = "") -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else ""
    if isinstance(value, Section):
        return {key: _without(getattr(value, key), key) for key in type(value).model_fields}
    if isinstance(value, (tuple, list)):
        return [_without(one, name) for one in value]
    if isinstance(value, dict):
        return {str(key): _without(one, str(key)) for key, one in value.items()}
    if name in _PRIVATE and value:
        return HIDDEN
    if isinstance(value, enum.Enum):
        return str(value)
    return value if isinstance(value, (bool, int, float)) or value is None else str(value)


def _secrets(value: Any, name: str = "") -> Iterator[str]:
    """Every secret text below a section, line by line where it has several."""
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        for part in (secret, *(line.strip() for line in secret.splitlines())):
            # An address is logged also without its scheme, and Apprise's stand behind a name.
            yield from (part, part.partition("://")[2], part.partition("=")[2].strip())
    elif isinstance(value, Section):
        for key in type(value).model_fields:
            yield from _secrets(getattr(value, key), key)
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _secrets(one, name)
    elif name in _PRIVATE and isinstance(value, str):
        yield value
