"""What the API says of the present: status, phases, houses, switches. One struct per thing on the wire.

W, var, V, A, %, Unix seconds; null where unknown. Decisions, alerts and history are in `record_model`, orders in
`order_model`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Mode

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
PhaseName = Literal["L1", "L2", "L3"]
Triple = tuple[float, float, float]
_NAMES: Final[tuple[PhaseName, ...]] = ("L1", "L2", "L3")


def name_of(phase: Phase) -> PhaseName:
    """As phases are called on the wire."""
    return _NAMES[phase]


class FeederInfo(msgspec.Struct, frozen=True):
    """The feeder and its limits. `v_low` and `v_high` bound a ten-minute mean."""

    id: str
    timezone: str
    """IANA name of the site's time zone; `UTC` where neither the settings nor the machine name one."""
    utc_offset_s: float
    """Of the site's local time now, s."""
    nominal_voltage_v: float
    rated_current_a: float
    neutral_limit_a: float
    """What the transformer's neutral bears, A."""
    v_low: float
    v_high: float
    houses: int
    movable: int
    """How many of them may ever be moved."""


class ModeNow(msgspec.Struct, frozen=True):
    """The mode in force, and who set it (`start`: since the controller started)."""

    mode: Mode
    by: str


class Budget(msgspec.Struct, frozen=True):
    """Operations of phase switches: what the price is calibrated to, the hard cap, and what was used."""

    operations_per_house_day: float
    max_operations_per_house_day: int
    used_24h: int
    """All houses together."""
    used_1h: int


class BrokerNow(msgspec.Struct, frozen=True):
    """The connection to the broker, and how often it was made since the start."""

    state: str
    connections: int


class StorageNow(msgspec.Struct, frozen=True):
    """The store: why it cannot save at present (empty when it can), and the last row of the audit trail."""

    fault: str
    head: str


class Health(msgspec.Struct, frozen=True):
    """All in one word, and why."""

    level: Literal["ok", "warn", "fail"]
    reasons: tuple[str, ...]


class Status(msgspec.Struct, frozen=True):
    """The controller at this instant."""

    version: str
    t: float
    uptime_s: float
    clock_synced: bool
    feeder: FeederInfo
    mode: ModeNow
    halted: str
    """Why nothing is moved until a person has looked; empty where nothing stands against it."""
    settling: bool
    """Whether the feeder is left alone after an outage."""
    houses_fresh: int
    houses_total: int
    budget: Budget
    broker: BrokerNow
    storage: StorageNow
    advice: str
    """Which forecast advises."""
    alerts_active: int
    automatic: bool
    """Whether the mode `auto` moves houses without anybody asking (`decision.automatic`)."""
    health: Health


class PhaseNow(msgspec.Struct, frozen=True):
    """One phase: sums over its fresh houses, and their voltages. `p` is `load_w` less `solar_w`."""

    p: float
    q: float
    i: float
    v_min: float | None
    v_mean: float | None
    v_max: float | None
    houses: int
    export_w: float
    load_w: float
    """What the houses that draw take together, W."""
    solar_w: float
    """What the houses that feed in give together, W."""


class Unswitched(msgspec.Struct, frozen=True):
    """The same houses and loads with every house on the phase of the configuration: the feeder without any move."""

    i_n: float
    imbalance: float
    p: Triple


class Phases(msgspec.Struct, frozen=True):
    """The feeder, as `B/phases` has it. `i_n` in A; `imbalance`, `vuf`, `pvur`, `current_unbalance`, `loading` in
    %."""

    t: float
    l1: PhaseNow = msgspec.field(name="L1")
    l2: PhaseNow = msgspec.field(name="L2")
    l3: PhaseNow = msgspec.field(name="L3")
    i_n: float
    imbalance: float
    coverage: Share
    mode: Mode
    vuf: float | None
    pvur: float | None
    current_unbalance: float | None
    loading: float | None
    reverse_power: bool
    injection_spread: float
    metered: float | None
    houses_fresh: int
    houses_total: int
    unswitched: Unswitched


class House(msgspec.Struct, frozen=True):
    """One house now."""

    id: str
    phase: PhaseName | None
    """Where it is taken to be; null for a three-phase house."""
    configured_phase: PhaseName | None
    switchable: bool
    three_phase: bool
    pv: bool
    critical: bool
    p: float | None
    """Net load, W; negative where it feeds in."""
    q: float | None
    v: float | None
    t: float | None
    """When its last reading was measured; null where none came yet."""
    fresh: bool
    in_flight: bool
    """Whether a move of it is under way."""
    known: bool
    """Whether its switch has said where it stands since the start."""
    offline: bool
    locked: str | None
    """Why it is locked out until a person clears it."""
    doubt: Share
    """How sure the voltages are that it is not on `phase`."""
    operations_24h: int
    operations_left: int
    """Before the hard cap of a day."""
    last_move: float | None
    distance_ohm: float | None
    """Loop resistance back to the transformer, learned from its own meter."""


class Recent(msgspec.Struct, frozen=True):
    """The last minutes from memory, decimated: mean net load (W) of each step from `t` on; null in gaps."""

    step_s: float
    t: tuple[float, ...]
    p: tuple[float | None, ...]


class MoveMade(msgspec.Struct, frozen=True):
    """One move on record, and what became of it."""

    t: float
    house: str
    origin: PhaseName = msgspec.field(name="from")
    target: PhaseName = msgspec.field(name="to")
    state: Literal["planned", "sent", "acknowledged", "verified", "failed", "timed_out", "rejected", "not_sent"]
    reason: str
    took_s: float | None
    command: str
    decision: str


class HouseDetail(House, frozen=True, kw_only=True):
    """One house with its recent past."""

    recent: Recent
    moves: tuple[MoveMade, ...]
    """The last ones, newest first."""


class HousePage(msgspec.Struct, frozen=True):
    """Some houses, in the configuration's order. `next` is the cursor of the next page, null on the last."""

    items: tuple[House, ...]
    next: str | None


class Switch(msgspec.Struct, frozen=True):
    """One phase switch."""

    house: str
    phase: PhaseName | None
    known: bool
    offline: bool
    locked: str | None
    in_flight: bool
    operations_24h: int
    operations_total: int | None
    """As the switch itself counts; null where it does not say."""


class Switches(msgspec.Struct, frozen=True):
    items: tuple[Switch, ...]


class UnknownMeter(msgspec.Struct, frozen=True):
    """A meter or switch that speaks on the contract's topics and is not configured."""

    id: str
    topic: str
    count: int
    t: float
    payload: str
    """The beginning of what it said last."""


class UnknownMeters(msgspec.Struct, frozen=True):
    items: tuple[UnknownMeter, ...]
