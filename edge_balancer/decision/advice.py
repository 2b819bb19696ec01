"""Whose forecast the decisions are made on: the survival blend, a learned model upon it, or an advisor handed in.

It turns loads into currents and keeps what is known of a model in shadow. Nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.advisor import Advisor
from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.horizon import Horizon, horizon, patience_for
from edge_balancer.forecast.interface import MissingModel, Model
from edge_balancer.forecast.learned import LearnedAdvisor
from edge_balancer.forecast.report import report
from edge_balancer.forecast.sun import Place
from edge_balancer.forecast.tracker import FeatureTracker
from edge_balancer.settings.root import Configuration
from edge_balancer.switching.roster import Roster
from edge_balancer.types.decisions import Move
from edge_balancer.types.demotion import Demotion
from edge_balancer.types.kept import KeptHouses

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Told:
    """A forecast as the planner takes it: `forecast_a` [houses, blocks] A in each house's own frame, `error_a`
    [blocks] A, `price_factor` [houses] or None."""

    forecast_a: Complex
    error_a: Floats
    price_factor: Floats | None


class Advice:
    """Of one feeder. `civil` is Unix seconds, NaN while the time is not known."""

    def __init__(
        self,
        config: Configuration,
        roster: Roster,
        advisor: Advisor | None,
        model: Model | MissingModel | None,
    ) -> None:
        """At most one of `advisor`, which forecasts in the blend's place, and `model`, which corrects it. Raises
        ValueError for both."""
        if advisor is not None and model is not None:
            raise ValueError(f"give an advisor ({advisor.name}) or a model ({model.name}), not both")
        self._roster = roster
        single = ~roster.three_phase
        self._budget = config.decision.operations_per_house_day
        self._blocks = horizon(patience_for(self._budget))
        self._nominal_v = config.feeder.nominal_voltage_v
        self.blend = SurvivalBlend(len(roster), config.decision.smoothing_s, roster.pv_w <= 0.0, single)
        self.model: LearnedAdvisor | None = None
        if model is not None:
            model, place = _placed(model, config)
            self.model = LearnedAdvisor(
                self.blend,
                FeatureTracker(len(roster), roster.pv_w, single, place),
                model,
                self._blocks,
                roster.ids,
                roster.phase,
                deadline_s=config.forecast.deadline_ms / 1000.0,
                shadow=config.forecast.shadow,
            )
        self._advisor: Advisor = advisor or self.model or self.blend
        self._looks = 0
        self._differing = 0
        self._last: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """As decisions are signed now."""
        return self._advisor.name

    @property
    def fault(self) -> str:
        """Why a learned model that was asked for does not advise; empty where it does, or none was."""
        return "" if self.model is None else self.model.fault

    @property
    def demotion(self) -> Demotion | None:
        """The same, with the kind of reason that it is."""
        return None if self.model is None else self.model.demotion

    def observe(self, index: NDArray[np.intp], load: Complex, at: Floats, civil: float, longest_s: Floats) -> None:
        """Readings of distinct houses, [n] each; see `SurvivalBlend.observe`."""
        self.blend.observe(index, load, at, civil, longest_s)
        if self.model is not None:
            self.model.observe(index, load, at, longest_s)

    def follow(self, now: float, civil: float) -> None:
        """All readings up to `now` were taken."""
        self.blend.learn(now, civil, self._blocks)
        if self.model is not None:
            self.model.follow(now, civil)

    def ahead(self, period_s: float) -> Horizon:
        """How far a move looks ahead now: less far in a restless hour, never less than meters take to report
        (`period_s`; NaN where that is not known)."""
        return horizon(patience_for(self._budget, self.blend.unrest, period_s))

    def ordinary_min(self, period_s: float) -> float:
        """The discounted minutes of an ordinary hour's look ahead. The price is measured by these, so that a budget is
        worth the same at any hour."""
        return float(horizon(patience_for(self._budget, 1.0, period_s)).weights_min.sum())

    def told(self, civil: float, heard: NDArray[np.bool_], first_va: float) -> Told:
        """The forecast that is decided on. `heard` [houses]: of whom a reading has come; `first_va`: see `Advisor`."""
        forecast = self._advisor.forecast(civil, self._blocks)
        factor = None if self.model is None else self.model.price_factor()
        return self._currents(forecast, heard, self._advisor.error_va(first_va), factor)

    def in_shadow(self, heard: NDArray[np.bool_], first_va: float) -> Told | None:
        """After `told`: what a model in shadow would have told; None where there is none, or it said nothing."""
        if self.model is None or self.model.shadow_forecast is None:
            return None
        error_va = self.model.spread_va(self.blend.error_va(first_va))
        return self._currents(self.model.shadow_forecast, heard, error_va, self.model.shadow_price_factor())

    def _currents(self, forecast: Complex, heard: NDArray[np.bool_], error_va: Floats, factor: Floats | None) -> Told:
        own = np.where(heard[:, None], np.conj(forecast) / self._nominal_v, 0.0)
        own[self._roster.three_phase] = 0.0
        return Told(own, error_va / self._nominal_v, factor)

    def compare(self, wall: float, moves: tuple[Move, ...], shadow: tuple[Move, ...]) -> None:
        """Count how often the model in shadow would have chosen otherwise."""
        self._looks += 1
        if set(moves) != set(shadow):
            self._differing += 1
            self._last = {"t": wall, "blend": _words(moves), "model": _words(shadow)}

    def learned(self) -> dict[str, Any]:
        return {"blend": self.blend.learned(), "model": {} if self.model is None else self.model.learned()}

    def relearn(self, learned: dict[str, Any], houses: KeptHouses) -> bool:
        """Take back what `learned()` gave. False where the blend's part does not fit."""
        if self.model is not None:
            self.model.relearn(learned.get("model"), houses)
        return self.blend.relearn(learned.get("blend", {}), houses)

    def diagnostics(self) -> dict[str, Any]:
        """For people and for monitoring."""
        content: dict[str, Any] = {"advice": self.name, "unrest": round(self.blend.unrest, 3)}
        if self.model is not None:
            content["model"] = report(self.model)
            if self.model.shadow:
                content["shadow"] = {"looks": self._looks, "differing": self._differing, "last_differing": self._last}
        return content


def _placed(model: Model | MissingModel, config: Configuration) -> tuple[Model | MissingModel, Place | None]:
    """The place by which time and sun are told, where the model's training told them so; a model that needs one that
    is not configured cannot be had."""
    feeder = config.feeder
    if isinstance(model, MissingModel) or not model.card.by_place:
        return model, None
    if feeder.latitude_deg is None or feeder.longitude_deg is None:
        reason = "it tells time and sun by the feeder's place: give feeder.latitude_deg and feeder.longitude_deg"
        return MissingModel(model.name, reason), None
    return model, Place(feeder.latitude_deg, feeder.longitude_deg)


def _words(moves: tuple[Move, ...]) -> list[str]:
    return [f"{move.house}: {move.origin.name} to {move.target.name}" for move in moves]
