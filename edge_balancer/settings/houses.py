"""The houses of the feeder, and where their meters and phase switches are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from edge_balancer.settings.feeder import Identifier
from edge_balancer.settings.json_path import compile_path
from edge_balancer.types.phases import Phase
from edge_balancer.types.readings import TRANSFORMER
from firmware_bridge.settings.base import Finding, Section


def _parse_phase(value: Any) -> Any:
    return Phase.parse(str(value)) if isinstance(value, (str, int)) and not isinstance(value, Phase) else value


PhaseName = Annotated[Phase, BeforeValidator(_parse_phase), PlainSerializer(str)]

MeterFormat = Literal[
    "native",
    "shelly1",
    "shelly2",
    "tasmota",
    "zigbee2mqtt",
    "esphome",
    "opendtu",
    "ahoydtu",
    "dsmr",
    "json",
]


DSMR_PHASES: Final = (1, 2, 3)


class MeterSource(Section):
    """One MQTT source of a house's or the transformer's measurements that are not native ones on `B/meter/<id>`."""

    topic: str = Field(min_length=1)
    """MQTT topic; where the format spreads its values over several topics, their common prefix."""
    format: MeterFormat = "native"
    """The language the meter speaks; `native` is the one of the MQTT contract, `json` any JSON object."""
    channel: int | None = Field(default=None, ge=0, le=31)
    """Channel, phase or list index on a meter with several; counted as the device counts."""
    role: Literal["net", "load", "generation"] = "net"
    """What it measures: the house's net load, its load alone, or its generation alone. With `load` and `generation` the
    net is their difference; a lone `generation` is the house's net."""
    scale: float = Field(default=1.0, gt=0)
    """Factor to watts, for a meter that reports other units (1000 for kW)."""
    invert: bool = False
    """True where the meter counts export as positive."""
    fields: dict[Literal["p", "q", "v", "i", "t", "e_import", "e_export"], str] = {}
    """For `format = "json"`: where each value stands, as a path like `ENERGY.Power[0]`."""

    def contradictions(self) -> Iterator[Finding]:
        if self.format == "json" and "p" not in self.fields:
            yield Finding(
                ("fields", "p"),
                None,
                'is missing: format "json" needs the path of the active power',
                'give it, e.g. fields = { p = "power" }',
                involves=(("format",), ("fields",)),
            )
        if self.format == "json":
            for name, path in self.fields.items():
                try:
                    compile_path(path)
                except ValueError as error:
                    yield Finding(
                        ("fields", name),
                        path,
                        f"is no path: {error}",
                        "write keys and indices like ENERGY.Power[0], or with a factor like Total * 1000",
                    )
        if self.format == "dsmr" and self.channel is not None and self.channel not in DSMR_PHASES:
            yield Finding(
                ("channel",),
                self.channel,
                "is no phase of a DSMR meter, which counts them 1, 2, 3",
                "give 1, 2 or 3, or leave it out for all phases together",
                involves=(("format",),),
            )


class HouseSettings(Section):
    """One house."""

    id: Identifier
    """Name of the house; part of its MQTT topics."""
    phase: PhaseName | None = None
    """Phase it is on when the controller first runs; afterwards its switch's report counts. Not for three-phase
    houses."""
    switchable: bool = True
    """Whether it has a phase switch that the controller may use."""
    critical: bool = False
    """Life support, a lift, a direct motor above 1 kW: never switched."""
    three_phase: bool = False
    """Connected to all three phases: counted, never switched."""
    pv_w: float = Field(default=0.0, ge=0, le=100_000)
    """Rated PV power, W."""
    meters: tuple[MeterSource, ...] = ()
    """Where its measurements come from; empty for the native format on `B/meter/<id>`."""
    switch_topic: str = ""
    """Prefix of its switch's topics (`<prefix>/set`, `/state`, `/availability`); empty for `B/switch/<id>`."""

    def contradictions(self) -> Iterator[Finding]:
        if self.id == TRANSFORMER:
            yield Finding(("id",), self.id, "is the name of the transformer's own meter", "give the house another id")
        if not self.three_phase and self.phase is None:
            yield Finding(
                ("phase",),
                None,
                "is missing: a single-phase house must have the phase it is on now",
                "set phase to L1, L2 or L3, or three_phase to true",
                involves=(("three_phase",),),
            )

    @property
    def movable(self) -> bool:
        """Whether the controller may ever move it."""
        return self.switchable and not self.critical and not self.three_phase
