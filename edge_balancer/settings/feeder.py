"""The feeder and its transformer: ratings and the voltage limits that hold there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from firmware_bridge.settings.base import Finding, Section

# Continuous neutral loading a distribution transformer bears, in percent of its rated current (IEC 60076-1 practice:
# a star-star winding has a weak neutral, a delta or zigzag primary bears more).
NEUTRAL_LIMIT_PCT: Final = {"Yyn0": 25.0, "Dyn11": 40.0, "Dyn5": 40.0, "Yzn5": 100.0, "Yzn11": 100.0}

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
"""A name that is also one MQTT topic level: letters, digits, `_`, `.`, `-`."""


class VoltageLimits(Section):
    """Voltage limits in percent of nominal; the defaults are EN 50160's."""

    low_pct: float = Field(default=-10.0, ge=-30, lt=0)
    """Lowest ten-minute mean, % of nominal."""
    high_pct: float = Field(default=10.0, gt=0, le=20)
    """Highest ten-minute mean, % of nominal."""
    extreme_low_pct: float = Field(default=-15.0, ge=-50, lt=0)
    """Lowest value ever, % of nominal."""
    extreme_high_pct: float = Field(default=10.0, gt=0, le=30)
    """Highest value ever, % of nominal."""
    vuf_pct: float = Field(default=2.0, gt=0, le=10)
    """Highest ten-minute voltage unbalance factor V2/V1, %."""


class FeederSettings(Section):
    """The feeder that this controller keeps balanced."""

    id: Identifier = "feeder"
    """Name of the feeder; part of every MQTT topic."""
    nominal_voltage_v: float = Field(default=230.0, ge=100, le=300)
    """Nominal line-to-neutral voltage, V."""
    transformer_kva: float = Field(default=250.0, gt=0, le=5000)
    """Rated power of the transformer, kVA."""
    vector_group: Literal["Yyn0", "Dyn11", "Dyn5", "Yzn5", "Yzn11"] = "Dyn11"
    """Decides how much current the neutral bears."""
    neutral_limit_pct: float | None = Field(default=None, gt=0, le=200)
    """Neutral current the transformer bears, % of its rated current; by the vector group where not given."""
    phase_limit_pct: float = Field(default=100.0, gt=0, le=200)
    """Highest loading of one phase that a move may cause, % of the rated current."""
    source_impedance_ohm: float = Field(default=0.25, gt=0, le=5)
    """Typical loop impedance (phase and neutral) from the transformer to a house, ohm: how far a moved load shifts a
    voltage."""
    latitude_deg: float | None = Field(default=None, ge=-90, le=90)
    """Where the feeder stands, degrees north. Only for a learned forecast that was trained to tell the sun by the place
    (an alert says if so). A degree (100 km) is near enough."""
    longitude_deg: float | None = Field(default=None, ge=-180, le=180)
    """Degrees east. Give both or neither."""
    limits: VoltageLimits = VoltageLimits()

    def contradictions(self) -> Iterator[Finding]:
        for given, missing in (("latitude_deg", "longitude_deg"), ("longitude_deg", "latitude_deg")):
            if getattr(self, given) is not None and getattr(self, missing) is None:
                yield Finding(
                    (missing,),
                    None,
                    f"is missing: {given} alone tells no place",
                    f"give both, or leave {given} out",
                    involves=((given,),),
                )

    @property
    def rated_current_a(self) -> float:
        """Rated line current of the transformer, A: S / (3 V)."""
        return self.transformer_kva * 1000.0 / (3.0 * self.nominal_voltage_v)

    @property
    def neutral_limit_a(self) -> float:
        """Neutral current the transformer bears, A."""
        pct = self.neutral_limit_pct
        return self.rated_current_a * (NEUTRAL_LIMIT_PCT[self.vector_group] if pct is None else pct) / 100.0

    def volts(self, pct: float) -> float:
        """A limit in percent of nominal, as volts."""
        return self.nominal_voltage_v * (1.0 + pct / 100.0)

    @property
    def nominal_line_to_line_v(self) -> float:
        return self.nominal_voltage_v * math.sqrt(3.0)
