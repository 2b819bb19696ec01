"""How the controller judges, decides and switches.

Every threshold that a user may want to change stands here with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from edge_balancer.settings.contacts import TellingSettings
from edge_balancer.types.switching import Mode
from firmware_bridge.settings.base import Finding, Section


class TelemetrySettings(Section):
    """What counts as a believable, fresh reading, and how much is kept in memory."""

    stale_s: float = Field(default=180.0, ge=5, le=7200)
    """A reading older than this is stale, unless its meter is known to report more seldom (see `stale_periods`)."""
    stale_periods: float = Field(default=2.5, ge=1.5, le=10)
    """A reading is fresh for this many of its meter's own reporting periods, if that is longer than `stale_s`."""
    max_age_s: float = Field(default=2700.0, ge=60, le=14400)
    """No reading is fresh beyond this age, however seldom its meter reports."""
    future_s: float = Field(default=30.0, ge=1, le=3600)
    """A time stamp further ahead than this is refused."""
    messages_per_second: int = Field(default=50, ge=5, le=100_000)
    """Messages of one meter or switch that are read within a second; more are counted and left unread, so that a
    flood of one delays no other."""
    orders_per_second: int = Field(default=10, ge=1, le=1000)
    """Orders on one topic (the mode, requests and releases of one house, silences) that are read within a second; more
    are counted and left unread. Of the requests of all houses together 100, or twice this; of the releases as many, or
    two for each house where that is more."""
    max_house_w: float = Field(default=60_000.0, gt=0)
    """A house's power beyond this, in W, is refused as a unit error or a broken meter."""
    grid_s: float = Field(default=10.0, ge=1, le=900)
    """Step of the ring buffers, s."""
    ring_hours: float = Field(default=24.0, gt=0, le=336)
    """Length of the ring buffers, h."""


class DecisionSettings(Section):
    """When houses are moved, and what must never happen."""

    mode: Mode = Mode.AUTO
    """Mode at the first start: `auto`, `advise` (publish decisions, command nothing) or `hold`. Later the last mode
    set counts."""
    automatic: bool = True
    """Whether the mode `auto` moves houses without anybody asking. `false` while switches are tested one by one: then
    it carries out the requests of operators alone, and only says what it would do itself."""
    operations_per_house_day: float = Field(default=2.0, gt=0, le=100)
    """Budget: operations per switchable house and day that the price of a move is calibrated to."""
    max_operations_per_house_day: int = Field(default=8, ge=1, le=200)
    """Hard cap for each house in any 24 hours: four times the budget leaves room for busy days. In the long run the
    price holds a switch near 1.65 times the budget; at 8 a day it would make 30,000 operations in ten years."""
    max_operations_per_feeder_hour: int = Field(default=60, ge=1, le=10_000)
    """Hard cap for the feeder in any hour."""
    dwell_s: float = Field(default=900.0, ge=0, le=86_400)
    """Least time between two operations of one house."""
    max_moves: int = Field(default=3, ge=1, le=3)
    """Most houses moved by one decision."""
    neutral_trigger_a: float | None = Field(default=None, ge=0)
    """Neutral current above which moves are looked for; 0.25 % of the transformer's rated current where not
    given."""
    neutral_release: float = Field(default=0.7, gt=0, le=1)
    """Hysteresis: the trigger is released below this fraction of its level."""
    confirm_s: float = Field(default=0.0, ge=0, le=3600)
    """How long the neutral current must stay above the trigger. Zero is sound: the forecast already discounts what
    will not last."""
    voltage_confirm_s: float = Field(default=30.0, ge=0, le=3600)
    """How long a voltage must stay outside the limits before it triggers."""
    smoothing_s: float = Field(default=5.0, ge=0, le=120)
    """Time constant that takes the inrush out of meters that report every second; meters that report every ten are
    not slowed."""
    min_coverage: float = Field(default=0.8, ge=0, le=1)
    """Least fraction of the feeder's houses with fresh readings for automatic switching."""
    outage_cooldown_s: float = Field(default=300.0, ge=0, le=7200)
    """No automatic switching for this long after supply or telemetry of the feeder has come back (cold
    load pick-up)."""
    pv_reconnect_s: float = Field(default=300.0, ge=0, le=3600)
    """Time a PV inverter stays away after its house was moved (IEEE 1547: 300 s)."""
    pv_energy_price: float = Field(default=0.03, ge=0)
    """What a watt-hour of PV lost in a move counts against the gain, in A min of neutral current."""
    voltage_weight: float = Field(default=1.5, ge=0)
    """What relieving a violated voltage by one volt for a minute counts, in A min of neutral current."""
    distance_weight: float = Field(default=0.15, ge=0, le=1)
    """Share of the objective in which a house counts by its electrical distance, which is learned from its own meter:
    less loss and less voltage unbalance far out, for a little more current in the transformer's neutral."""


class SwitchingSettings(Section):
    """The life of a command."""

    expiry_s: float = Field(default=10.0, ge=1, le=300)
    """A switch must refuse a command older than this."""
    ack_timeout_s: float = Field(default=30.0, ge=2, le=900)
    """A switch that has not answered within this time is locked out."""
    verify_timeout_s: float = Field(default=120.0, ge=5, le=7200)
    """A move that the meter has not confirmed within this time, or 2.5 of the meter's own periods (more where its
    readings are often lost), locks its house out."""
    max_in_flight: int = Field(default=3, ge=1, le=20)
    """Most commands under way at one time."""
    voltage_evidence: bool = True
    """Whether houses' own voltages tell where they are: a move must show in them where the phases differ enough, and a
    record that they contradict over hours is doubted."""

    def contradictions(self) -> Iterator[Finding]:
        if self.ack_timeout_s < self.expiry_s:
            yield Finding(
                ("ack_timeout_s",),
                self.ack_timeout_s,
                f"is shorter than expiry_s = {self.expiry_s:g}: a switch could still act on a command already given up",
                f"set ack_timeout_s to at least {self.expiry_s:g}, or expiry_s to at most {self.ack_timeout_s:g}",
                involves=(("expiry_s",),),
            )


class AlertSettings(Section):
    """When people are told."""

    neutral_pct: float = Field(default=100.0, gt=0, le=500)
    """Severe imbalance: neutral current above this percentage of what the transformer's neutral bears."""
    clear_ratio: float = Field(default=0.9, gt=0, lt=1)
    """Hysteresis: an alert is over below this fraction of its level."""
    confirm_s: float = Field(default=60.0, ge=0, le=3600)
    """How long a condition must last before it is told."""
    clear_s: float = Field(default=300.0, ge=0, le=7200)
    """How long it must be gone before the alert is over."""
    switching_per_hour: int = Field(default=30, ge=1)
    """Frequent switching: operations of the feeder in an hour that are told."""
    stale_meters_pct: float = Field(default=20.0, gt=0, le=100)
    """Stale meters: percentage of the houses without a fresh reading that is told."""
    broker_lost_s: float = Field(default=120.0, ge=10, le=86_400)
    """Broker lost: seconds without a connection that are told."""
    clock_s: float = Field(default=900.0, ge=60, le=86_400)
    """Clock: seconds without synchronisation that are told."""
    refused_per_hour: int = Field(default=60, ge=1, le=100_000)
    """Refused orders: requests, releases, acknowledgements and modes refused within an hour that are told."""
    telling: TellingSettings = TellingSettings()


class LogSettings(Section):
    """What the program says about itself."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least grave messages that are still written."""
    format: Literal["auto", "json", "console"] = "auto"
    """`auto`: JSON under systemd or into a pipe, coloured on a terminal."""
