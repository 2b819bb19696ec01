"""What fits into an SMS: the alphabet of GSM 03.38, lengths in one or several parts, and shortening that falsifies
nothing.

Pure. Not the encoding on a modem's line, which is in `gsm_pdu`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

ESCAPE: Final = 0x1B
BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet (3GPP TS 23.038, 6.2.1) by code; the escape at its place is no character."""
EXTENSION: Final = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
"""Behind the escape (6.2.1.1): each counts as two."""
CODES: Final = {character: code for code, character in enumerate(BASIC) if code != ESCAPE}

SINGLE_SEPTETS: Final = 160
PART_SEPTETS: Final = 153
"""Of each part of a concatenated SMS: its header takes seven."""
SINGLE_UNITS: Final = 70
PART_UNITS: Final = 67
"""UTF-16 code units, where a character is outside of the alphabet."""
MOST_PARTS: Final = 255
"""The header counts them in one octet."""

_CUT: Final = "..."
_TYPOGRAPHY: Final = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u2039": "<", "\u203a": ">", "\u201c": '"', "\u201d": '"',
        "\u201e": '"', "\u00ab": '"', "\u00bb": '"', "\u2013": "-", "\u2014": "-", "\u2010": "-", "\u2011": "-",
        "\u2212": "-", "\u2026": "...", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u00b0": " deg", "\u00b1": "+/-",
        "\u00b2": "2", "\u00b3": "3", "\u00b5": "u", "\u03bc": "u", "\u00b7": ".", "\u2022": "-", "\u00d7": "x",
        "\u2264": "<=", "\u2265": ">=", "\u2192": "->", "\u2190": "<-", "`": "'", "\u00b4": "'", "\t": " ",
    }
)  # fmt: skip
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;])\s+")


def is_gsm(text: str) -> bool:
    """Whether every character is in the alphabet or its extension."""
    return all(character in CODES or character in EXTENSION for character in text)


def septets(text: str) -> int:
    """Length of a text of the alphabet, in 7-bit characters."""
    return sum(2 if character in EXTENSION else 1 for character in text)


def units(text: str) -> int:
    """Length in UTF-16 code units."""
    return sum(2 if ord(character) > 0xFFFF else 1 for character in text)


def plain(text: str) -> str:
    """The same text within the alphabet where that costs it no more than typography and accents.

    One character outside takes the room from 160 to 70. A text in another script stays as it is.
    """
    replaced = "".join(_without_accent(character) for character in text.translate(_TYPOGRAPHY))
    return replaced if is_gsm(replaced) else text


def count(text: str) -> int:
    """How many SMS it takes."""
    return len(parts(text))


def parts(text: str) -> tuple[str, ...]:
    """The text as the SMS that carry it; no character is torn apart. An empty text is one empty SMS."""
    if is_gsm(text):
        return tuple(_split(text, SINGLE_SEPTETS, PART_SEPTETS, septets))
    return tuple(_split(text, SINGLE_UNITS, PART_UNITS, units))


def fit(text: str, most_parts: int, ending: str = "") -> str:
    """The text within so many SMS, `ending` (how to answer) always whole behind it.

    Where it must be shortened, whole sentences go first, from the end, then whole words: a number that is cut is
    another number. What is missing shows as "...".
    """
    tail = f" {plain(ending).strip()}" if ending.strip() else ""
    body = " ".join(plain(" ".join(text.split())).split())
    if count(body + tail) <= most_parts:
        return (body + tail).strip()
    sentences = _SENTENCE_END.split(body)
    for kept in range(len(sentences) - 1, 0, -1):
        shortened = " ".join(sentences[:kept])
        # A first sentence alone may say too little of what to do; rather its successor cut than gone altogether.
        if count(f"{shortened} {_CUT}{tail}") <= most_parts:
            return _with_words(shortened, sentences[kept], tail, most_parts)
    return _with_words("", sentences[0], tail, most_parts)


def fit_answerable(text: str, most_parts: int, answer: str) -> str:
    """As `fit`; where the text's last sentence says to answer with `ACK <answer>`, that sentence stays whole."""
    if answer and (hint := re.search(rf"[^.!?]*\bACK {re.escape(answer)}\b[^.!?]*[.!?]?\s*$", text)) is not None:
        return fit(text[: hint.start()], most_parts, hint[0])
    return fit(text, most_parts)


def _with_words(kept: str, sentence: str, tail: str, most_parts: int) -> str:
    """What is kept, and as many words of the next sentence as find room."""
    words = sentence.split(" ")
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if count(_joined(kept, words[:middle], tail)) <= most_parts:
            low = middle
        else:
            high = middle - 1
    if low or kept:
        return _joined(kept, words[:low], tail)
    return _hard_cut(sentence, tail, most_parts)


def _joined(kept: str, words: list[str], tail: str) -> str:
    text = " ".join([kept, *words]).strip()
    return f"{text} {_CUT}{tail}" if text.endswith((".", "!", "?", ";")) else f"{text}{_CUT}{tail}"


def _hard_cut(text: str, tail: str, most_parts: int) -> str:
    """A single word longer than all the room there is: cut by characters."""
    while text and count(f"{text}{_CUT}{tail}") > most_parts:
        text = text[:-1]
    return f"{text}{_CUT}{tail}"


def _split(text: str, single: int, each: int, length: Callable[[str], int]) -> Iterator[str]:
    if length(text) <= single:
        yield text
        return
    part, used = "", 0
    for character in text:
        size = length(character)
        if used + size > each:
            yield part
            part, used = "", 0
        part += character
        used += size
    yield part


def _without_accent(character: str) -> str:
    if character in CODES or character in EXTENSION:
        return character
    base = unicodedata.normalize("NFKD", character)[:1]
    # Ligatures and digits in rings have a plain form too; a letter of another script has none and stays.
    return base if base in CODES else character
