"""The real controller replayed on the planned history with a given set of switches: what it moves, and what that gains.

The readings reach it through the same file format and the same code as in `replay`. Nothing is decided here.
"""

from __future__ import annotations

import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edge_balancer.forecast.interface import MissingModel, Model
from edge_balancer.planning.figures import Figures, figures
from edge_balancer.planning.history import DAY_S, History, Phases
from edge_balancer.planning.search import Progress
from edge_balancer.replay.run import Replay, ReplayOptions
from edge_balancer.settings.houses import HouseSettings
from edge_balancer.settings.root import Configuration
from edge_balancer.types.phases import Phase

_PIECE: Final = 360
"""Slots that are handed to the controller at a time."""


@dataclass(frozen=True, slots=True)
class DynamicRun:
    """`phase` (T, H): where each house was in each slot. `operations` per house (H,)."""

    phase: Phases
    operations: np.ndarray[tuple[int], np.dtype[np.int64]]
    days: float
    neutral: Figures

    @property
    def operations_per_day(self) -> float:
        return float(self.operations.sum()) / self.days if self.days else 0.0


def run_controller(
    history: History,
    config: Configuration,
    start: Phases,
    switchable: frozenset[str],
    *,
    model: Model | MissingModel | None = None,
    warm_up: int = 0,
    progress: Progress | None = None,
) -> DynamicRun:
    """Let the controller have the switches of these houses, everyone on `start` (H,) at first.

    `model`: a learned forecast, one whose calls take no time.

    A slot's mean is reported at its end, as meters do; what the controller then does counts from the next slot on. In
    the first `warm_up` slots it learns what it can, and nothing of them is in the result.
    """
    replay = Replay(_configured(history, config, start, switchable), ReplayOptions(), model)
    with tempfile.TemporaryDirectory(prefix="edge-balancer-plan-") as folder:
        # Piece by piece: a whole run would put tens of megabytes on the SD card, and nobody would see how far it is.
        for begin in range(0, len(history.t), _PIECE):
            readings = Path(folder) / "readings.csv"
            _write(readings, history.part(begin, min(begin + _PIECE, len(history.t))), config.feeder.nominal_voltage_v)
            replay.run(readings)
            if progress is not None:
                progress(f"{min(1.0, (begin + _PIECE) / len(history.t)):.0%}")
    index = {_name(member.id): h for h, member in enumerate(history.members)}
    phase = np.repeat(start[np.newaxis].astype(np.int8), len(history.t), axis=0)
    operations = np.zeros(len(history.members), dtype=np.int64)
    ends = history.t + history.step_s
    for at, house, _, target, _ in replay.moves():
        h = index[house]
        slot = int(np.searchsorted(ends, at, side="left"))
        phase[slot:, h] = int(Phase.parse(target))
        operations[h] += slot >= warm_up
    judged = history.part(warm_up, len(history.t))
    phase = phase[warm_up:]
    return DynamicRun(
        phase, operations, len(judged.t) * history.step_s / DAY_S, figures(judged.neutral(phase.astype(np.intp)))
    )  # fmt: skip


def _name(member: str) -> str:
    """A phase of a three-phase house is a house of its own here, and a house's name holds no slash."""
    return member.replace("/", ".")


def _configured(history: History, config: Configuration, start: Phases, switchable: frozenset[str]) -> Configuration:
    pv_w = {house.id: house.pv_w for house in config.houses}
    houses = tuple(
        HouseSettings(
            id=_name(member.id),
            phase=Phase(int(phase)),
            switchable=member.id in switchable,
            critical=not member.eligible,
            pv_w=pv_w.get(member.id, 0.0),
        )
        for member, phase in zip(history.members, start, strict=True)
    )
    return config.model_copy(update={"houses": houses})


def _write(path: Path, history: History, nominal_v: float) -> None:
    names = [_name(member.id) for member in history.members]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("t", "house", "p", "q", "v"))
        for k, t in enumerate((history.t + history.step_s).tolist()):
            known = np.flatnonzero(history.known[k])
            volts = history.volts[k, known].astype(np.float64)
            power = np.conj(history.own[k, known]) * np.where(np.isfinite(volts), volts, nominal_v)
            for h, p, q, v in zip(
                known.tolist(), power.real.tolist(), power.imag.tolist(), volts.tolist(), strict=True
            ):
                writer.writerow((t, names[h], f"{p:.1f}", f"{q:.1f}", "" if v != v else f"{v:.2f}"))
