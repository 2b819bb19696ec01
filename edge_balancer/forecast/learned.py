"""The learned forecast in use: a model's correction upon the survival blend, and the supervision under which it stands.

The blend is always at hand: whatever is wrong with an answer, the forecast of that same step is the blend's. A model
that fails, answers nonsense, is asked about what it was never trained on, or forecasts worse than the blend is set
aside for good (`demotion`). It comes back when a person activates a model, which gives it another identity; a restart
alone brings back none. One that is late again and again, or hangs, is the machine's fault as a rule: it is tried again
after an hour, and after twice as long each time that it does not last. Pure: the model is handed in as something to
call, durations are measured by it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.answers import Answer, answer_of
from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.drift import Drift
from edge_balancer.forecast.features import features
from edge_balancer.forecast.horizon import BLOCK_MINUTES, Horizon
from edge_balancer.forecast.interface import MissingModel, Model, ModelRefusedError
from edge_balancer.forecast.score import Score
from edge_balancer.forecast.tracker import FeatureTracker
from edge_balancer.types.demotion import Blame, Demotion, blame_of
from edge_balancer.types.kept import KeptHouses
from edge_balancer.types.phases import ROTATION

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

LATE_OF: Final = 20
"""Calls of which the durations are remembered."""
MOST_LATE: Final = 3
"""So many late answers among them are not the machine's hiccup. A late one is never used."""
AGAIN_S: Final = 3_600.0
"""A model that was too slow is tried again after this long: the backup that held it up is over."""
LONGEST_AWAY_S: Final = 86_400.0
"""And after twice as long as the last time, up to this, where it did not last;"""
LASTED_S: Final = 43_200.0
"""one that advised for so long did."""
ROOM_W: Final = 500.0
"""A corrected forecast goes no further than this beyond what the house has ever done."""
ABSURD_TIMES: Final = 2.0
ABSURD_W: Final = 5_000.0
"""A correction of more than twice all that a house has done, and this, is no forecast."""
SPREAD_BOUNDS: Final = (0.5, 2.0)
"""The error by a model's own spread is taken within these times that of the blend's record."""
_REMEMBERED: Final = ("identity", "fault", "blame", "fault_wall", "away_s", "back_wall")


class LearnedAdvisor:
    """An `Advisor` for one feeder. Times are monotonic seconds; `wall` is civil time (Unix s), NaN while unknown."""

    def __init__(
        self,
        blend: SurvivalBlend,
        tracker: FeatureTracker,
        model: Model | MissingModel,
        horizon: Horizon,
        houses: Sequence[str],
        phase: NDArray[np.int8],
        *,
        deadline_s: float = 0.02,
        shadow: bool = False,
    ) -> None:
        """`phase` [houses] is looked at, and never changed, at every sample of the score. `shadow`: the model is asked
        and judged, and the blend advises."""
        if len(horizon.weights_min) != len(BLOCK_MINUTES):
            raise ValueError(f"the horizon has {len(horizon.weights_min)} blocks: a model knows {len(BLOCK_MINUTES)}")
        self.model = model
        self.shadow = shadow
        self._blend = blend
        self._tracker = tracker
        self._horizon = horizon
        self.houses = tuple(houses)
        self._phase = phase
        self._deadline_s = deadline_s
        self.demotion: Demotion | None = None
        """Why the model is set aside; None while it is not."""
        self.fault_wall: float | None = None
        """Since when (Unix s), where that is known."""
        self._away_s = AGAIN_S
        """For how long it is set aside where it is too slow."""
        self._back_wall: float | None = None
        """When it was last tried again."""
        self.drift = Drift(None)
        self.score = Score(tracker.counts, horizon)
        self.durations_s: deque[float] = deque(maxlen=LATE_OF)
        self.calls = 0
        self.late = 0
        """Calls since the start, and answers that came too late."""
        self.strange = 0
        """Houses for which the model was not heard at the last call."""
        self.shadow_forecast: Complex | None = None
        """What the model would have made of the last forecast, in `shadow`."""
        self._answer: Answer | None = None
        self._remembered: dict[str, Any] = {}
        if isinstance(model, MissingModel):
            self.demotion = Demotion(model.reason, model.blame)
        else:
            self.drift = Drift(model.card.ranges)

    @property
    def name(self) -> str:
        """As decisions are signed: by whom the last forecast was made."""
        if self.shadow or self._answer is None or isinstance(self.model, MissingModel):
            return self._blend.name
        return f"model {self.model.name} {self.model.card.version}".strip()

    @property
    def fault(self) -> str:
        """Why the model is set aside, in words; empty while it is not."""
        return "" if self.demotion is None else self.demotion.reason

    @property
    def working(self) -> bool:
        """Whether the model is asked at all."""
        return not self.fault

    def observe(self, index: NDArray[np.intp], load: Complex, at: Floats, longest_s: float | Floats) -> None:
        """Take the readings that the blend takes."""
        if not isinstance(self.model, MissingModel):
            self._tracker.observe(index, load, at, longest_s)

    def follow(self, now: float, wall: float) -> None:
        """All readings up to `now` were taken; now and then both forecasts are noted and judged."""
        if isinstance(self.model, MissingModel):
            return
        self._tracker.tick(now, wall, self._blend.now.real)
        self._try_again(wall)
        if self.fault or wall != wall or not self.score.due(now):
            return
        base, told, _ = self._told(wall, self._horizon, sample=True)
        turn = np.where(self._tracker.counts & (self._phase >= 0), ROTATION[self._phase], 0.0)
        full = self.score.sample(now, told.real, base.real, turn, self._blend.measured)
        reason = self.drift.verdict()
        if full and not reason and not self.shadow:
            reason = self.score.verdict()
        if reason:
            self._set_aside(Demotion(reason, Blame.UNFIT), wall)

    def forecast(self, wall: float, horizon: Horizon) -> Complex:
        """As `Advisor.forecast`: the blend's, corrected where the model may be heard."""
        base, told, self._answer = self._told(wall, horizon)
        self.shadow_forecast = told if self.shadow and self._answer is not None else None
        return base if self.shadow else told

    def error_va(self, first_va: float) -> Floats:
        """As `Advisor.error_va`: by the model's spread where it gave one with the last forecast, within bounds."""
        error = self._blend.error_va(first_va)
        if self.shadow:
            return error
        return self.spread_va(error)

    def spread_va(self, error: Floats) -> Floats:
        """The error [blocks] of all houses' sum by the model's last answer, within bounds of `error`, the blend's."""
        if self._answer is None or self._answer.spread is None:
            return error
        counted = self._tracker.counts & np.isfinite(self._tracker.at)
        own = np.sqrt((self._answer.spread[counted] ** 2).sum(axis=0))
        return np.asarray(np.clip(own, SPREAD_BOUNDS[0] * error, SPREAD_BOUNDS[1] * error))

    def price_factor(self) -> Floats | None:
        """[houses] factor on the price of moving each, by the last forecast; None where all count alike."""
        return None if self.shadow else self.shadow_price_factor()

    def shadow_price_factor(self) -> Floats | None:
        """The same, whether it is used or not."""
        return None if self._answer is None else self._answer.price_factor

    def _told(self, wall: float, horizon: Horizon, *, sample: bool = False) -> tuple[Complex, Complex, Answer | None]:
        """The blend's forecast and the model's, the same one where the model cannot be heard; and its answer."""
        usual = self._blend.usual(wall, horizon)
        base = self._blend.upon(usual)
        if self.fault or isinstance(self.model, MissingModel) or wall != wall:
            return base, base, None
        table = features(self._blend, self._tracker, wall, horizon, usual, base)
        try:
            answer = self._ask(self.model, self.drift.handed(table))
            if answer is None:
                return base, base, None
            outside = self.drift.outside(table)
            answer = self._heard(answer, outside, sample=sample)
        except _TooSlowError as error:
            self._set_aside(Demotion(str(error), Blame.SLOW), wall)
            return base, base, None
        except ModelRefusedError as error:
            self._set_aside(Demotion(str(error), Blame.BROKEN), wall)
            return base, base, None
        return base, base + self._within(base.real, answer.correction), answer

    def _ask(self, model: Model, table: NDArray[np.float32]) -> Answer | None:
        """The model's answer; None where it came too late. Raises ModelRefusedError where it is of no use."""
        self.calls += 1
        try:
            outputs = model(table)
            answer = answer_of(outputs, len(table))
        except ModelRefusedError:
            raise
        except TimeoutError as error:
            raise _TooSlowError(f"it hangs: {_first_line(error)}") from error
        except Exception as error:
            # Whatever a model does, the controller goes on.
            raise ModelRefusedError(f"it failed: {type(error).__name__}: {_first_line(error)}") from error
        self.durations_s.append(outputs.duration_s)
        # Written so that a duration that is no number counts as late.
        if outputs.duration_s <= self._deadline_s:
            return answer
        self.late += 1
        late = sum(not duration <= self._deadline_s for duration in self.durations_s)
        if late >= MOST_LATE:
            raise _TooSlowError(
                f"it is too slow: {late} of its last {len(self.durations_s)} answers took longer than "
                f"{1000.0 * self._deadline_s:g} ms, the last one {1000.0 * outputs.duration_s:.0f} ms"
            )
        return None

    def _heard(self, answer: Answer, outside: NDArray[np.bool_], *, sample: bool) -> Answer:
        """Without its words on houses unlike those it was trained on. Raises ModelRefusedError for what is absurd."""
        tracker = self._tracker
        heard = np.isfinite(tracker.at)
        if sample:
            self.drift.note(outside, heard & tracker.known)
        strange = heard & outside.any(axis=1)
        self.strange = int(np.count_nonzero(strange))
        silent = strange | ~heard
        correction = np.where(silent[:, None], 0.0, answer.correction)
        span = np.where(heard, tracker.highest_w - tracker.lowest_w, 0.0)
        largest = np.abs(correction).max(axis=1)
        absurd = largest > ABSURD_TIMES * span + ABSURD_W
        if absurd.any():
            k = int(np.argmax(np.where(absurd, largest, 0.0)))
            raise ModelRefusedError(f"it corrected the forecast of {self.houses[k]} by {largest[k] / 1000.0:.0f} kW")
        factor = answer.price_factor
        return Answer(correction, answer.spread, None if factor is None else np.where(silent, 1.0, factor))

    def _within(self, base: Floats, correction: Floats) -> Floats:
        """The correction, cut where it leads beyond what a house has ever done."""
        tracker = self._tracker
        heard = np.isfinite(tracker.at)
        low = np.where(heard, tracker.lowest_w, 0.0)[:, None] - ROOM_W
        high = np.where(heard, tracker.highest_w, 0.0)[:, None] + ROOM_W
        return np.clip(base + correction, np.minimum(base, low), np.maximum(base, high)) - base

    def _set_aside(self, demotion: Demotion, wall: float) -> None:
        if demotion.blame is Blame.SLOW:
            lasted = self._back_wall is None or abs(wall - self._back_wall) >= LASTED_S
            self._away_s = AGAIN_S if lasted else min(2.0 * self._away_s, LONGEST_AWAY_S)
        self.demotion, self.fault_wall = demotion, wall
        self._answer, self.shadow_forecast = None, None

    def _try_again(self, wall: float) -> None:
        """Ask a model again that was too slow some hours ago."""
        if self.demotion is None or self.demotion.blame is not Blame.SLOW or wall != wall:
            return
        # A clock that was years ahead must not mean years of waiting, nor one that steps back a little none.
        if self.fault_wall is None or abs(wall - self.fault_wall) >= self._away_s:
            self.demotion, self.fault_wall, self._back_wall = None, None, wall
            self.durations_s.clear()

    def learned(self) -> dict[str, Any]:
        """What a restart must not forget: the score, the drift, and that the model was set aside."""
        if isinstance(self.model, MissingModel):
            return self._remembered
        return {
            "identity": self.model.identity,
            "fault": self.fault,
            "blame": "" if self.demotion is None else str(self.demotion.blame),
            "fault_wall": self.fault_wall,
            "away_s": self._away_s,
            "back_wall": self._back_wall,
            "tracker": self._tracker.learned(),
            "score": self.score.learned(),
            "drift": self.drift.learned(),
        }

    def relearn(self, learned: Any, houses: KeptHouses) -> None:
        """Take back what `learned()` gave, of `houses`; nonsense is left aside. What another model, or the same one
        before it was activated anew, has earned is not this one's."""
        if not isinstance(learned, dict):
            return
        if isinstance(self.model, MissingModel):
            # A file that is away for one start must not come back as if nothing had been. What is by house is left: the
            # houses may be others by then.
            self._remembered = {name: learned.get(name) for name in _REMEMBERED}
            return
        self._tracker.relearn(learned.get("tracker"), houses)
        if learned.get("identity") != self.model.identity:
            return
        self.score.relearn(learned.get("score"), houses)
        self.drift.relearn(learned.get("drift"))
        self._back_wall = _number(learned.get("back_wall"))
        self._away_s = min(max(_number(learned.get("away_s")) or 0.0, AGAIN_S), LONGEST_AWAY_S)
        fault = learned.get("fault")
        if isinstance(fault, str) and fault:
            self.demotion = Demotion(fault, blame_of(learned.get("blame")))
            self.fault_wall = _number(learned.get("fault_wall"))


class _TooSlowError(ModelRefusedError):
    """The answer is none, for it takes too long."""


def _number(said: Any) -> float | None:
    good = isinstance(said, (int, float)) and not isinstance(said, bool) and math.isfinite(said)
    return float(said) if good else None


def _first_line(error: Exception) -> str:
    """Runtimes explain themselves at length."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else "it did not say why"
