"""What the lines and relays of the configuration have to do with its houses; and what is wrong with them in themselves.

The latter is the bridge's own judgement, which reads its templates.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_balancer.settings.houses import HouseSettings
from edge_balancer.settings.root import Configuration
from edge_balancer.types.readings import TRANSFORMER
from firmware_bridge.errors import BridgeError
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.service.problems import problems
from firmware_bridge.settings.base import Finding, Location
from firmware_bridge.settings.devices import LineMeter


def bridge_findings(configuration: Configuration) -> Iterator[Finding]:
    """Everything wrong with a configuration whose paths are absolute."""
    bridge = configuration.bridge
    houses = {house.id: (index, house) for index, house in enumerate(configuration.houses)}
    exporting = {house.id for house in configuration.houses if house.pv_w > 0.0}
    for finding in problems(bridge, may_feed_in=exporting, houses=houses):
        yield Finding(
            ("bridge", *finding.at),
            finding.value,
            finding.wrong,
            finding.remedy,
            tuple(("bridge", *place) for place in finding.involves),
            finding.severity,
        )
    for number, line in enumerate(bridge.lines):
        for place, meter in enumerate(line.meters):
            at: Location = ("bridge", "lines", number, "meters", place)
            if meter.house == TRANSFORMER and configuration.transformer_meters:
                yield _metered_twice(at, meter, ("transformer_meters",))
            if meter.house in houses:
                index, house = houses[meter.house]
                if house.meters:
                    yield _metered_twice(at, meter, ("houses", index, "meters"))
                yield from _phases(configuration, at, meter, ("houses", index), house)
        for place, switch in enumerate(line.switches):
            yield from _switch(("bridge", "lines", number, "switches", place), switch.house, houses)
    for place, relays in enumerate(bridge.relays):
        yield from _switch(("bridge", "relays", place), relays.house, houses)


def _metered_twice(at: Location, meter: LineMeter, other: Location) -> Finding:
    return Finding(
        (*at, "house"),
        meter.house,
        "has meters over MQTT too: its power would count twice",
        "remove one of the two",
        involves=(other,),
    )


def _phases(
    configuration: Configuration, at: Location, meter: LineMeter, other: Location, house: HouseSettings
) -> Iterator[Finding]:
    try:
        template = load_meter(meter.model, configuration.bridge.templates)
    except BridgeError:
        return  # told by the bridge itself
    single = template.phases == 1
    if single and house.three_phase:
        yield Finding(
            (*at, "model"),
            meter.model,
            f"is a single-phase meter, and house {house.id} is on three phases",
            "use a three-phase meter, or set three_phase to false",
            involves=((*other, "three_phase"),),
        )
    if not single and not house.three_phase:
        yield Finding(
            (*at, "model"),
            meter.model,
            f"is a three-phase meter, and house {house.id} is on one phase",
            "use a single-phase meter, or set three_phase to true",
            involves=((*other, "three_phase"),),
        )


def _switch(at: Location, name: str, houses: dict[str, tuple[int, HouseSettings]]) -> Iterator[Finding]:
    if name not in houses:
        return  # told by the bridge itself
    index, house = houses[name]
    if house.switch_topic:
        yield Finding(
            (*at, "house"),
            name,
            f"has its switch on {house.switch_topic} too: two would move the same house",
            "remove the switch here, or the house's switch_topic",
            involves=(("houses", index, "switch_topic"),),
        )
    if not house.movable:
        why = "critical" if house.critical else "three-phase" if house.three_phase else "not switchable"
        yield Finding(
            (*at, "house"),
            name,
            f"is {why}: its switch will never be used",
            "remove the switch, or correct the house",
            involves=(("houses", index),),
            severity="warning",
        )
