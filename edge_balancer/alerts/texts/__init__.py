"""Every sentence about alerts, in each language that there is. Words only: what is said when is decided elsewhere.

A language is one file beside `english`, with the same names and the same places for values, and a line in `LANGUAGES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edge_balancer.alerts.texts.english import SENTENCES as _ENGLISH


class Texts:
    """The sentences of one language."""

    __slots__ = ("_sentences",)

    def __init__(self, sentences: Mapping[str, str]) -> None:
        self._sentences = sentences

    def say(self, name: str, **values: object) -> str:
        """The sentence of that name with its values. Raises KeyError for a name or a value that is not there."""
        return self._sentences[name].format_map(values)

    def knows(self, name: str) -> bool:
        return name in self._sentences


ENGLISH: Final = Texts(_ENGLISH)
LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {"en": _ENGLISH}


def texts_of(language: str) -> Texts:
    """The sentences of a language of the settings."""
    return Texts(LANGUAGES[language])
