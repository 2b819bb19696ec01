"""A decision and its whole explanation, as it is recorded and published."""

from __future__ import annotations

import enum

import msgspec

from edge_balancer.types.phases import Phase


class Trigger(enum.StrEnum):
    """Why a decision was looked for."""

    IMBALANCE = "imbalance"
    VOLTAGE = "voltage"
    INJECTION = "injection"
    REQUEST = "request"


class VetoReason(enum.StrEnum):
    """Why the guard forbids a move. The order is the order of judgement: the first that applies is the one recorded."""

    MODE = "mode"
    HALTED = "halted"
    NOT_SWITCHABLE = "not_switchable"
    THREE_PHASE = "three_phase"
    CRITICAL = "critical"
    LOCKED = "locked"
    POSITION_UNKNOWN = "position_unknown"
    WRONG_RECORD = "wrong_record"
    SWITCH_OFFLINE = "switch_offline"
    IN_FLIGHT = "in_flight"
    ALREADY_THERE = "already_there"
    STALE = "stale"
    NO_SUPPLY = "no_supply"
    COVERAGE = "coverage"
    OUTAGE = "outage"
    DWELL = "dwell"
    DAILY_CAP = "daily_cap"
    FEEDER_CAP = "feeder_cap"
    PV_RECONNECT = "pv_reconnect"
    TARGET_DARK = "target_dark"
    TARGET_VOLTAGE = "target_voltage"
    TARGET_HEADROOM = "target_headroom"


class Move(msgspec.Struct, frozen=True):
    """One house from one phase to another."""

    house: str
    origin: Phase
    target: Phase


class Candidate(msgspec.Struct, frozen=True):
    """A move that was weighed. `gain` and `price` are in A min over the horizon; a move pays when gain > price."""

    move: Move
    gain: float
    price: float


class Veto(msgspec.Struct, frozen=True):
    """A move that the guard forbade: why, the value it saw and the limit it held against it."""

    move: Move
    reason: VetoReason
    value: float | None = None
    limit: float | None = None


class BlockForecast(msgspec.Struct, frozen=True):
    """The feeder in one block of the horizon: its length, the weight it has, and the neutral current (A) if nothing
    or all moves."""

    minutes: float
    weight: float
    neutral_before_a: float
    neutral_after_a: float


class Decision(msgspec.Struct, frozen=True):
    """Moves chosen at one instant, with all that is needed to understand and repeat the choice."""

    id: str
    at: float
    """Monotonic seconds."""
    wall: float
    """Unix seconds."""
    trigger: Trigger
    trigger_value: float
    trigger_limit: float
    moves: tuple[Move, ...]
    """What will be commanded; in `advise` mode, what would be."""
    commanded: bool
    neutral_before_a: float
    """Neutral current now, A."""
    neutral_after_a: float
    """Neutral current now if all moves were done at once, A."""
    gain: float
    """Expected gain over the horizon, A min, before the price."""
    price: float
    """Price of one move in force, A min."""
    phase_p: tuple[float, float, float]
    """Net load per phase at the decision, W."""
    phase_v_max: tuple[float | None, float | None, float | None]
    coverage: float
    candidates: tuple[Candidate, ...]
    """The best single moves, best first, chosen or not."""
    vetoes: tuple[Veto, ...]
    blocks: tuple[BlockForecast, ...]
    advice: str
    """Which forecast was used."""
    operator: str = ""
    order: str = ""
    """Id of the operator's order, where it came by the API."""
    text: str = ""
    """The explanation in one English sentence."""
    asked: float | None = None
    """What its moves ask together, A min: the price of each with its switch's wear and the sun that it loses, less what
    it does for voltages outside of their limits. None in records of before it was told."""
    shadow_moves: tuple[Move, ...] | None = None
    """What a learned forecast in shadow would have had moved; null where none is in shadow."""
