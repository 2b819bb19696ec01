"""The feeder at one instant, as published on `B/phases`, and the minute means that are stored."""

from __future__ import annotations

import msgspec

from edge_balancer.types.switching import Mode


class PhaseState(msgspec.Struct, frozen=True):
    """One phase: sums over its fresh houses (W, var, A), voltages over them (V), how many they are, and what they
    feed in (W)."""

    p: float
    q: float
    i: float
    v_min: float | None
    v_mean: float | None
    v_max: float | None
    houses: int
    export_w: float


class FeederState(msgspec.Struct, frozen=True):
    """`B/phases`. `i_n` in A; `imbalance`, `vuf`, `pvur`, `loading` in percent; `coverage` from 0 to 1."""

    t: float
    l1: PhaseState = msgspec.field(name="L1")
    l2: PhaseState = msgspec.field(name="L2")
    l3: PhaseState = msgspec.field(name="L3")
    i_n: float
    imbalance: float
    coverage: float
    mode: Mode
    vuf: float | None = None
    pvur: float | None = None
    current_unbalance: float | None = None
    loading: float | None = None
    reverse_power: bool = False
    injection_spread: float = 0.0
    """Most minus least export of the three phases, percent of the whole export."""
    metered: float | None = None
    """Share of the transformer's power that the houses' meters show, 0 to 1; None without its meter or near no load."""
    houses_fresh: int = 0
    houses_total: int = 0

    @property
    def phases(self) -> tuple[PhaseState, PhaseState, PhaseState]:
        return (self.l1, self.l2, self.l3)


class MinuteMean(msgspec.Struct, frozen=True, gc=False):
    """The mean of one house (or of the transformer's phase, as `transformer/L1`) over one wall-clock minute.

    `minute` is the minute's start in Unix seconds. W, var, V; `readings` is how many stand behind it.
    """

    minute: int
    house: str
    phase: int
    """Index of the phase the house was on at the minute's end; -1 where unknown or three-phase."""
    p: float
    q: float
    v_min: float
    v_mean: float
    v_max: float
    readings: int


class MinuteOfFeeder(msgspec.Struct, frozen=True, gc=False):
    """The mean of the feeder over one wall-clock minute: neutral current (A), imbalance (%), net load per phase (W)."""

    minute: int
    i_n: float
    i_n_max: float
    imbalance: float
    p: tuple[float, float, float]
    v_max: tuple[float, float, float]
    v_min: tuple[float, float, float]
    coverage: float
