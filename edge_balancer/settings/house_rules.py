"""What only all houses together show: none at all, none that may move, meters and switches that two of them claim.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edge_balancer.settings.explain import dotted
from edge_balancer.settings.fields import number
from edge_balancer.settings.houses import HouseSettings, MeterSource
from edge_balancer.settings.root import Configuration
from edge_balancer.types.readings import TRANSFORMER
from firmware_bridge.settings.base import Finding, Location

_HOUSES: Final[Location] = ("houses",)

Claim = tuple[str, int | None, str, tuple[tuple[str, str], ...]]
"""What makes two meter sources the same: topic, channel, format and paths. Their role does not: it would be counted
twice."""


def house_findings(configuration: Configuration) -> Iterator[Finding]:
    """Everything that is wrong with the houses whose single values are right."""
    if not configuration.houses:
        yield Finding(
            _HOUSES, None, "are missing: there is nothing to balance", "write [[houses]], or give houses_file (CSV)"
        )
    elif not any(house.movable for house in configuration.houses):
        yield Finding(
            _HOUSES,
            None,
            "cannot move: each is critical, three-phase or not switchable; the feeder is only watched",
            "set switchable = true for houses that have a phase switch",
            severity="warning",
        )
    for index, house in enumerate(configuration.houses):
        yield from _one_house(configuration, index, house)
    for index, meter in enumerate(configuration.transformer_meters):
        yield from _meter(("transformer_meters", index), meter)
    yield from _meters_given_twice(configuration)
    yield from _switches_given_twice(configuration)


def _one_house(configuration: Configuration, index: int, house: HouseSettings) -> Iterator[Finding]:
    at: Location = ("houses", index)
    if house.three_phase and house.phase is not None:
        yield Finding(
            (*at, "phase"),
            str(house.phase),
            "has no meaning for a three-phase house",
            "remove it, or set three_phase to false",
            involves=((*at, "three_phase"),),
            severity="warning",
        )
    limit = configuration.telemetry.max_house_w
    if house.pv_w > limit:
        yield Finding(
            (*at, "pv_w"),
            house.pv_w,
            f"is above telemetry.max_house_w = {number(limit)}: readings at full sun would be refused",
            "correct it (it is in W), or raise telemetry.max_house_w",
            involves=(("telemetry", "max_house_w"),),
            severity="warning",
        )
    if house.switch_topic:
        yield from _topic((*at, "switch_topic"), house.switch_topic)
    for number_, meter in enumerate(house.meters):
        yield from _meter((*at, "meters", number_), meter)


def _meter(at: Location, meter: MeterSource) -> Iterator[Finding]:
    yield from _topic((*at, "topic"), meter.topic)
    if meter.fields and meter.format != "json":
        yield Finding(
            (*at, "fields"),
            None,
            f'have no effect with format = "{meter.format}"',
            'remove them, or set format = "json"',
            involves=((*at, "format"),),
            severity="warning",
        )


def _topic(at: Location, topic: str) -> Iterator[Finding]:
    if set("+#\0") & set(topic) or topic.strip("/ ") != topic:
        yield Finding(
            at,
            topic,
            "is no topic of one device: it must have no '+', no '#', and no '/' or space at its ends",
            "write the topic that this device uses, e.g. tele/house-7/SENSOR",
        )


def _meters_given_twice(configuration: Configuration) -> Iterator[Finding]:
    first: dict[Claim, Location] = {}
    for at, meter in _sources(configuration):
        claim: Claim = (meter.topic, meter.channel, meter.format, tuple(sorted(meter.fields.items())))
        other = first.setdefault(claim, at)
        if other != at:
            channel = "" if meter.channel is None else f", channel {meter.channel}"
            yield Finding(
                (*at, "topic"),
                meter.topic,
                f"is read by {_owner(configuration, other)} too (the same topic{channel}): its power would count twice",
                "give each house its own topic or channel",
                involves=((*other, "topic"),),
            )


def _sources(configuration: Configuration) -> Iterator[tuple[Location, MeterSource]]:
    """Every meter source, those first that stand in the configuration; then those that follow from an id."""
    base = configuration.base_topic
    for index, house in enumerate(configuration.houses):
        if not house.meters:
            yield ("houses", index), MeterSource(topic=f"{base}/meter/{house.id}")
    if not configuration.transformer_meters:
        yield ("transformer_meters",), MeterSource(topic=f"{base}/meter/{TRANSFORMER}")
    for index, meter in enumerate(configuration.transformer_meters):
        yield ("transformer_meters", index), meter
    for index, house in enumerate(configuration.houses):
        for number_, meter in enumerate(house.meters):
            yield ("houses", index, "meters", number_), meter


def _switches_given_twice(configuration: Configuration) -> Iterator[Finding]:
    base = configuration.base_topic
    owners: dict[str, int] = {}
    for index, house in enumerate(configuration.houses):
        if house.movable and not house.switch_topic:
            owners[f"{base}/switch/{house.id}"] = index
    for index, house in enumerate(configuration.houses):
        if not house.switch_topic:
            continue
        other = owners.setdefault(house.switch_topic, index)
        if other != index:
            yield Finding(
                ("houses", index, "switch_topic"),
                house.switch_topic,
                f"is the switch of {_owner(configuration, ('houses', other))} too: one command would move two houses",
                "give each switch its own topic",
                involves=(("houses", other, "switch_topic"),),
            )


def _owner(configuration: Configuration, at: Location) -> str:
    match at:
        case ("houses", int(index), *_):
            return f"house {configuration.houses[index].id}"
        case _:
            return f"the transformer ({dotted(at)})"
