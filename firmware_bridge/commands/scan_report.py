"""What a scan found, as a table and as configuration to paste. Makes text, does no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from firmware_bridge.commands.table import table
from firmware_bridge.meters.recognise import Certainty, Found
from firmware_bridge.settings.devices import LineSettings


@dataclass(frozen=True, slots=True)
class Seen:
    """One device, and how the line was opened when it answered."""

    settings: LineSettings
    found: Found


def report(port: str, seen: Sequence[Seen]) -> Iterator[str]:
    """Lines of text."""
    if not seen:
        yield f"No device answers on {port}."
        yield (
            "Look at power and wiring (A and B may be swapped), try --parity none,even and a longer --timeout; does "
            "another program hold the line?"
        )
        return
    yield from table(("baud", "unit", "model", "certainty"), [_row(one) for one in seen], right=frozenset({0, 1}))
    yield ""
    lines = list(dict.fromkeys(one.settings for one in seen))
    if len(lines) > 1:
        yield "# These devices differ in baud rate or parity: set all of a line alike, at the devices themselves."
    houses = count(1)
    for settings in lines:
        yield from _line(port, settings, [one.found for one in seen if one.settings == settings], houses)


def _row(one: Seen) -> tuple[str, ...]:
    settings, found = one.settings, one.found
    rate = f"{settings.baud} 8{settings.parity[0].upper()}{settings.stop_bits}" if settings.serial else "-"
    return rate, str(found.unit), " or ".join(found.models) or found.what, str(found.certainty)


def _line(port: str, settings: LineSettings, found: Sequence[Found], houses: Iterator[int]) -> Iterator[str]:
    yield "[[bridge.lines]]"
    yield 'name = "line1"'
    yield f"port = {json.dumps(port)}"
    if settings.serial:
        yield f"baud = {settings.baud}"
        if settings.parity != "none":
            yield f'parity = "{settings.parity}"'
        if settings.stop_bits != 1:
            yield f"stop_bits = {settings.stop_bits}"
    for one in found:
        yield ""
        yield from _device(one, houses)
    yield ""


def _device(found: Found, houses: Iterator[int]) -> Iterator[str]:
    if not found.models:
        yield f"# unit {found.unit}: {found.what}"
        if found.certainty is Certainty.LIKELY:
            yield "# a switch: [[bridge.lines.switches]] with house, model (`firmware-bridge models`), unit, relays"
        return
    yield "[[bridge.lines.meters]]"
    yield f'house = "h{next(houses)}"  # the house that it measures, or "transformer"'
    others = f"  # or {', '.join(found.models[1:])}: they cannot be told apart" if len(found.models) > 1 else ""
    yield f'model = "{found.models[0]}"{others}'
    yield f"unit = {found.unit}"
