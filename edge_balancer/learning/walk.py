"""Drives the survival blend and the feature tracker over a recording, as the controller does, and tells at even
instants what they knew then; later, what the houses really drew. What a model is trained on is made by the very
functions that the daemon asks it with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.features import features
from edge_balancer.forecast.horizon import Horizon
from edge_balancer.forecast.tracker import FeatureTracker
from edge_balancer.learning.recordings import Recording
from edge_balancer.settings.policy import DecisionSettings, TelemetrySettings

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Complex = NDArray[np.complex128]

TICK_S: Final = 60.0
"""The sky need not be looked at more often."""
LEAST_SEEN: Final = 0.8
"""A block's mean counts where readings cover this share of it."""


@dataclass(frozen=True, slots=True)
class Instant:
    """What was known at `wall` (Unix s), after `slot` slots: `inputs` [houses, features]; `forecast` [houses, blocks]
    P + jQ, W and var, by the blend; `error_va` [blocks] of the houses' sum by the blend; `unrest` of the feeder
    against its usual; `heard` [houses] whether the last reading was fresh."""

    slot: int
    wall: float
    inputs: Singles
    forecast: Complex
    error_va: Floats
    unrest: float
    heard: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rows:
    """An instant with what came: `target` [houses, blocks] kW, what each block's mean net load was above the blend's
    forecast, NaN where it was not seen."""

    at: Instant
    target: Singles


class Walk:
    """One pass over a recording. `sigma0_va`: a house's usual load before anything is known, as in the controller."""

    def __init__(self, recording: Recording, horizon: Horizon, every_s: float, sigma0_va: float = 1300.0) -> None:
        self._recording = recording
        self._horizon = horizon
        self._every = max(1, round(every_s / recording.step_s))
        self._tick = max(1, round(TICK_S / recording.step_s))
        self._sigma0_va = sigma0_va
        houses = len(recording.houses)
        solar = recording.pv_w > 0.0
        policy, telemetry = DecisionSettings(), TelemetrySettings()
        self.blend = SurvivalBlend(houses, policy.smoothing_s, ~solar)
        self.tracker = FeatureTracker(houses, recording.pv_w)
        fresh_s = max(telemetry.stale_s, telemetry.stale_periods * recording.step_s)
        self._fresh_s = min(telemetry.max_age_s, fresh_s)
        self._longest_s = self._fresh_s + np.where(solar, policy.pv_reconnect_s + recording.step_s, 0.0)

    def instants(self, from_slot: int = 0) -> Iterator[Instant]:
        """From `from_slot` on; what lies before is learned from."""
        recording = self._recording
        last = np.full(len(recording.houses), -np.inf)
        # As an engine that starts with the record: the times at which survival is sampled count from here.
        self.blend.learn(recording.start, recording.start, self._horizon)
        for piece in recording.pieces():
            for k in range(len(piece.load)):
                slot = piece.first + k + 1
                at = recording.start + slot * recording.step_s
                index = np.flatnonzero(piece.heard[k])
                if len(index):
                    last[index] = at
                    self._take(index, piece.load[k, index].astype(np.complex128), at)
                self.blend.learn(at, at, self._horizon)
                asked = slot >= from_slot and slot % self._every == 0
                if asked or slot % self._tick == 0:
                    self.tracker.tick(at, at, self.blend.now.real)
                if asked:
                    yield self._instant(slot, at, at - last <= self._fresh_s)

    def _take(self, index: NDArray[np.intp], load: Complex, at: float) -> None:
        when, longest = np.full(len(index), at), self._longest_s[index]
        self.blend.observe(index, load, when, at, longest)
        self.tracker.observe(index, load, when, longest)

    def _instant(self, slot: int, at: float, heard: NDArray[np.bool_]) -> Instant:
        usual = self.blend.usual(at, self._horizon)
        forecast = self.blend.upon(usual)
        inputs = features(self.blend, self.tracker, at, self._horizon, usual, forecast)
        return Instant(slot, at, inputs, forecast, self.blend.error_va(self._sigma0_va), self.blend.unrest, heard)


class Truth:
    """Means of coming blocks, told from running sums over the longest horizon. Fed slot by slot."""

    def __init__(self, houses: int, step_s: float, horizon: Horizon) -> None:
        self._starts = np.maximum(np.round(horizon.starts_s / step_s).astype(np.intp), 0)
        ends = np.round(horizon.ends_s / step_s).astype(np.intp)
        # A block shorter than a slot is that slot's.
        self._ends = np.maximum(ends, self._starts + 1)
        self.reach = int(self._ends[-1])
        self._energy = np.zeros((self.reach + 1, houses))
        self._seen = np.zeros((self.reach + 1, houses))
        self.slot = 0

    def add(self, load_w: NDArray[Any], heard: NDArray[np.bool_]) -> None:
        before, now = self.slot % len(self._seen), (self.slot + 1) % len(self._seen)
        self._energy[now] = self._energy[before] + np.where(heard, load_w, 0.0)
        self._seen[now] = self._seen[before] + heard
        self.slot += 1

    def means_w(self, slot: int) -> Floats:
        """[houses, blocks] after `slot` slots, W; NaN where too little was seen. All of the horizon must have come."""
        if slot != self.slot - self.reach:
            raise ValueError(f"asked for slot {slot} at slot {self.slot}: its horizon ends at {slot + self.reach}")
        a, b = (slot + self._starts) % len(self._seen), (slot + self._ends) % len(self._seen)
        seen = (self._seen[b] - self._seen[a]).T
        mean = (self._energy[b] - self._energy[a]).T / np.maximum(seen, 1.0)
        return np.where(seen >= LEAST_SEEN * (self._ends - self._starts), mean, np.nan)


def rows(recording: Recording, horizon: Horizon, every_s: float, from_slot: int = 0) -> Iterator[Rows]:
    """Instants with what came after them, as soon as their horizon has gone by; those of the last hours never do."""
    truth = Truth(len(recording.houses), recording.step_s, horizon)
    waiting: deque[Instant] = deque()
    ahead = _slots(recording)
    for instant in Walk(recording, horizon, every_s).instants(from_slot):
        waiting.append(instant)
        while truth.slot < instant.slot:
            truth.add(*next(ahead))
            if waiting[0].slot + truth.reach == truth.slot:
                old = waiting.popleft()
                yield Rows(old, ((truth.means_w(old.slot) - old.forecast.real) / 1000.0).astype(np.float32))


def _slots(recording: Recording) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
    for piece in recording.pieces():
        yield from zip(piece.load.real, piece.heard, strict=True)
