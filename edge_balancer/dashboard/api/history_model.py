"""What the API says of measured history: curves over time, in few enough steps to be drawn."""

from __future__ import annotations

import msgspec

from edge_balancer.dashboard.api.model import PhaseName
from edge_balancer.dashboard.api.record_model import MoveState


class MoveMark(msgspec.Struct, frozen=True):
    """A move, as a mark in a chart."""

    t: float
    house: str
    origin: PhaseName = msgspec.field(name="from")
    target: PhaseName = msgspec.field(name="to")
    outcome: MoveState


class FeederHistory(msgspec.Struct, frozen=True):
    """The feeder in steps of `step_s`, from each `t` on (Unix s); null where nothing was measured.

    `i_n`, `i_n_min`, `i_n_max` in A; `imbalance` (with `_min` and `_max`) in %; `p_l1` ... in W, likewise;
    `v_min_l1` ... and `v_max_l1` ... in V; `coverage` from 0 to 1.
    """

    t: list[int]
    step_s: int
    series: dict[str, list[float | None]]
    moves: tuple[MoveMark, ...]
    """The newest ones of the time asked for, oldest first."""


class HouseHistory(msgspec.Struct, frozen=True):
    """One house in steps of `step_s`, from each `t` on (Unix s); null where nothing was measured.

    `p`, `p_min`, `p_max` in W, `q` in var, `v_min`, `v_mean`, `v_max` in V; `phase` 0, 1, 2 for L1, L2, L3, -1 where it
    was not known.
    """

    t: list[int]
    step_s: int
    series: dict[str, list[float | None]]
    moves: tuple[MoveMark, ...]
