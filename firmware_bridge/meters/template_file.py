"""What a template file says, judged: TOML text in, `Template` out, every mistake named with its remedy. Opens no file.

The keys that it may have are in `template_grammar`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, cast

from pydantic import ValidationError

from firmware_bridge.errors import TemplateError
from firmware_bridge.lines.requests import Function
from firmware_bridge.meters.points import Quantity
from firmware_bridge.meters.template import (
    Identity,
    Kind,
    Register,
    Sentinel,
    Serial,
    Template,
    lacking,
    misplaced,
    plausible,
    point_named,
)
from firmware_bridge.meters.template_grammar import UNITS, IdentityEntry, MeterFile, Pattern, RegisterEntry, SerialEntry
from firmware_bridge.settings.base import Section


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A file's keys over those of the one that it extends; registers, limits and serial settings one by one."""
    result = {**base, **over}
    for table in ("registers", "plausible", "serial"):
        if isinstance(base.get(table), dict) and isinstance(over.get(table), dict):
            result[table] = {**base[table], **over[table]}
    return result


def build(name: str, data: Mapping[str, Any], place: str, *, own: bool = False) -> Template:
    """The template that a file's content describes. Raises TemplateError that names every mistake."""
    try:
        entry = MeterFile.model_validate(dict(data))
    except ValidationError as error:
        raise TemplateError("; ".join(_said(place, dict(found)) for found in error.errors())) from error
    limits = _limits(entry, place)
    registers = tuple(
        sorted(
            (_register(entry, key, each, limits, place) for key, each in entry.registers.items()),
            key=lambda register: (register.function, register.address),
        )
    )
    _judge(entry, registers, place)
    return Template(
        name=name,
        title=entry.title,
        phases=entry.phases,
        registers=registers,
        max_registers=entry.max_registers,
        signed_power=entry.signed_power,
        fills_holes=entry.fills_holes,
        serial=Serial(entry.serial.baud, entry.serial.parity, entry.serial.stop_bits, entry.serial.unit),
        identities=tuple(_identity(each, place, number) for number, each in enumerate(entry.identity)),
        wait_s=entry.wait_s,
        source=entry.source.strip(),
        notes=entry.notes.strip(),
        own=own,
    )


def _limits(entry: MeterFile, place: str) -> dict[Quantity, tuple[float, float]]:
    limits = {}
    for key, (low, high) in entry.plausible.items():
        at = f"{place}: plausible.{key} = [{low:g}, {high:g}]"
        if key not in list(Quantity):
            raise TemplateError(f"{at}: no such quantity: {_did_you_mean(key, list(Quantity))}")
        if low >= high:
            raise TemplateError(f"{at}: the lower limit comes first: write [{high:g}, {low:g}]")
        limits[Quantity(key)] = (low, high)
    return limits


def _register(
    entry: MeterFile, key: str, each: RegisterEntry, limits: Mapping[Quantity, tuple[float, float]], place: str
) -> Register:
    at = f"{place}: registers.{key}"
    point = point_named(key)
    if point is None:
        raise TemplateError(f"{at}: no such value: {_did_you_mean(key, _all_points())}")
    if wrong := misplaced(point, entry.phases):
        raise TemplateError(f"{at} {wrong}")
    kind = Kind(each.type or entry.type)
    if each.address + kind.words > 0x10000:
        raise TemplateError(f"{at}: address = {each.address}: its last word lies beyond 65535: correct the address")
    if kind.words > entry.max_registers:
        raise TemplateError(
            f"{at}: type = {kind}: {kind.words} registers, more than max_registers = {entry.max_registers} can read: "
            "correct one of them"
        )
    scale = each.scale if each.scale is not None else entry.scale
    if scale == 0:
        raise TemplateError(f"{at}: scale = 0 would make every value 0: write the factor to the unit")
    low, high = plausible(point, entry.phases, limits.get(point.quantity))
    patterns = each.missing if each.missing is not None else entry.missing
    return Register(
        point=point,
        function=Function(each.function or entry.function),
        address=each.address,
        kind=kind,
        scale=scale * _factor(each.unit, point.quantity, at),
        low_word_first=(each.word_order or entry.word_order) == "low_first",
        missing=tuple(dict.fromkeys(_sentinel(pattern, kind, at) for pattern in patterns)),
        low=low,
        high=high,
    )


def _factor(unit: str | None, quantity: Quantity, at: str) -> float:
    if unit is None:
        return 1.0
    factor, quantities = UNITS.get(unit, (0.0, frozenset()))
    if quantity not in quantities:
        fitting = ", ".join(name for name, (_, of) in UNITS.items() if quantity in of)
        raise TemplateError(f'{at}: unit = "{unit}": not a unit of {quantity}: write one of {fitting}')
    return factor


def _sentinel(pattern: Pattern, kind: Kind, at: str) -> Sentinel:
    ones = (1 << kind.bits) - 1
    most = ones >> 1 if kind.signed else ones
    if pattern == "high_word_7fff":
        top = kind.bits - 16
        return Sentinel(0xFFFF << top, 0x7FFF << top)
    if isinstance(pattern, str):
        # Of floating-point numbers the patterns are NaNs, which never are values.
        return Sentinel(ones, {"largest": most, "smallest": ones ^ most, "all_ones": ones}[pattern])
    if not 0 <= pattern <= ones:
        raise TemplateError(f"{at}: missing = {pattern}: no pattern of {kind}: write 0 to 0x{ones:X}")
    return Sentinel(ones, pattern)


def _identity(each: IdentityEntry, place: str, number: int) -> Identity:
    at = f"{place}: identity {number + 1} (address {each.address})"
    if bool(each.codes) == bool(each.texts):
        raise TemplateError(f"{at}: what is expected there? Give either codes = [...] or texts = [...]")
    if any(code >= 1 << 16 * each.count for code in each.codes):
        raise TemplateError(f"{at}: a code does not fit into count = {each.count} registers: raise count")
    return Identity(Function(each.function), each.address, each.count, each.codes, each.texts, each.proves)


def _judge(entry: MeterFile, registers: tuple[Register, ...], place: str) -> None:
    """What only the registers together show."""
    if wrong := lacking((register.point for register in registers), entry.phases):
        raise TemplateError(f"{place}: registers {wrong}")
    for one, other in pairwise(registers):
        if one.function == other.function and one.end > other.address:
            raise TemplateError(
                f"{place}: registers.{one.point} (address {one.address}, {one.kind}) and registers.{other.point} "
                f"(address {other.address}) overlap: correct an address or a type"
            )


def _all_points() -> Iterator[str]:
    for quantity in Quantity:
        for suffix in ("", "_l1", "_l2", "_l3"):
            yield quantity + suffix


def _did_you_mean(key: str, known: Any) -> str:
    names = [str(name) for name in known]
    near = get_close_matches(key, names, n=1)
    return f"did you mean {near[0]}?" if near else f"write one of {', '.join(names)}"


def _said(place: str, found: dict[str, Any]) -> str:
    """One mistake that pydantic found."""
    location = tuple(part for part in cast("tuple[str | int, ...]", found["loc"]) if part != "function-after")
    key = ".".join(str(part) for part in location) or "the file"
    if found["type"] == "missing":
        return f"{place}: {key} is missing: add it"
    value = found["input"]
    shown = f'"{value}"' if isinstance(value, str) else value
    if found["type"] == "extra_forbidden":
        return f"{place}: {key} = {shown}: unknown key: {_did_you_mean(str(location[-1]), _known(location))}"
    return f"{place}: {key} = {shown}: {found['msg'].lower()}: correct it"


def _known(location: tuple[str | int, ...]) -> list[str]:
    models: dict[str | int, type[Section]] = {
        "registers": RegisterEntry,
        "identity": IdentityEntry,
        "serial": SerialEntry,
    }
    model = models.get(location[0], MeterFile) if len(location) > 1 else MeterFile
    return list(model.model_fields)
