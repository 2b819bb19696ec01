"""The decision desk: watches the triggers, keeps forecast and price up to date, and writes the decisions. Sends
nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.distance import ElectricalDistance
from edge_balancer.decision.advice import Advice, Told
from edge_balancer.decision.explain import sentence, wish_sentence
from edge_balancer.decision.guard import Guard, Situation
from edge_balancer.decision.planner import Outlook, Planner, Proposal
from edge_balancer.decision.price import PriceOfMove
from edge_balancer.decision.triggers import Triggers
from edge_balancer.decision.unmetered import UnmeteredCurrent
from edge_balancer.decision.wear import WearAccounts
from edge_balancer.forecast.advisor import Advisor
from edge_balancer.forecast.interface import MissingModel, Model
from edge_balancer.settings.root import Configuration
from edge_balancer.switching.roster import Roster
from edge_balancer.telemetry.latest import LatestReadings, Round
from edge_balancer.types.decisions import Decision, Move, Trigger
from edge_balancer.types.kept import KeptHouses
from edge_balancer.types.phases import ROTATION
from edge_balancer.types.switching import Mode, SwitchRequest

REVIEW_S: Final = 10.0
"""With readings flowing but little change, the moves are looked at anew this often."""
SPACED_HOUSES: Final = 600
"""On a feeder of so many houses looks keep a second apart, on a larger one more (its square): a search compares all
pairs of moves, and a Pi has other things to do."""
CHANGE: Final = 0.02
"""A neutral current that changed by less than this share, and by less than a quarter of the trigger, needs no new
look."""
REPEAT_ADVICE_S: Final = 900.0
"""Where nothing is moved without being asked for, the same advice is not repeated sooner."""
RETURN_S: Final = 30.0
"""An inverter is waited for this much longer than it should take, and one period of its house's meter more: a reading
half with it and half without would look like a load that came and went, and make others move."""
TYPICAL_RMS_W: Final = 1300.0
"""Root mean square of a house's load before anything was measured."""
SOLAR_RMS: Final = 0.35
"""Root mean square of a PV plant's output as a share of its rating, over a year's days and nights."""


class DecisionDesk:
    """Decides for one feeder. Times are monotonic seconds; `wall` (Unix seconds) serves records alone."""

    def __init__(
        self,
        config: Configuration,
        roster: Roster,
        latest: LatestReadings,
        guard: Guard,
        session: uuid.UUID,
        advisor: Advisor | None = None,
        model: Model | MissingModel | None = None,
    ) -> None:
        """`advisor` forecasts in the survival blend's place; `model` corrects the blend, under supervision."""
        d = config.decision
        self._config = config
        self._roster = roster
        self._latest = latest
        self._guard = guard
        self._planner = Planner(config, roster, guard)
        self._session = session
        self._serial = 0
        self._distance = ElectricalDistance(len(roster), config.feeder.nominal_voltage_v)
        self.advice = Advice(config, roster, advisor, model)
        self._blend = self.advice.blend
        self._price = PriceOfMove(d.operations_per_house_day, roster.movable, self._prior_a2())
        self._wear = WearAccounts(d.operations_per_house_day, len(roster))
        self._triggers = Triggers(config)
        self._unmetered = UnmeteredCurrent(latest, config.feeder.nominal_voltage_v)
        self._civil = np.nan
        self._looked_at = -np.inf
        self._looked_n: complex = complex(np.inf, 0.0)
        self._looked_phase: NDArray[np.int8] = roster.phase.copy()
        self._new_readings = False
        self._trigger: Trigger | None = None
        self._usable: NDArray[np.bool_] = np.zeros(len(roster), dtype=bool)
        self._dark_phases: NDArray[np.bool_] = np.ones(3, dtype=bool)
        self._advised: tuple[tuple[Move, ...], float] = ((), -np.inf)

    def _prior_a2(self) -> float:
        """Expected mean square of a house's current before anything was measured, A^2, from the PV ratings."""
        volts = self._config.feeder.nominal_voltage_v
        single = ~self._roster.three_phase
        solar = (SOLAR_RMS * self._roster.pv_w[single]) ** 2
        return float((TYPICAL_RMS_W**2 + (solar.mean() if single.any() else 0.0)) / volts**2)

    def observe(self, rounds: Iterable[Round], now: float, civil: float) -> None:
        """Let the forecast take readings. `civil`: Unix seconds that the time of day is told by, from here on; NaN
        where it is not known."""
        self._civil = civil
        away = self._solar_away(now)
        # The time in which an inverter was away is no gap in what is known of its house.
        longest = self._latest.stale_limits_s + np.where(self._roster.pv_w > 0.0, self._waits_for_solar_s(), 0.0)
        for batch in rounds:
            load = batch.p + 1j * np.nan_to_num(batch.q, nan=0.0)
            self._distance.observe(batch.index, batch.p, batch.v, batch.at, self._roster.last_move[batch.index])
            # In the dark a house draws nothing, which says nothing of what it will draw when supply is back.
            here = ~away[batch.index] & ~(batch.v < 0.5 * self._config.feeder.nominal_voltage_v)
            index = batch.index[here]
            self.advice.observe(index, load[here], batch.at[here], civil, longest[index])
            self._new_readings = True
        self.advice.follow(now, civil)

    def _solar_away(self, now: float) -> NDArray[np.bool_]:
        """Houses that were moved while they exported and whose inverter is not back yet. What they draw meanwhile says
        nothing about later, and must not make other houses move."""
        roster = self._roster
        since = now - roster.last_move
        exported = (roster.pv_w > 0.0) & (self._blend.now.real < 0.0)
        return np.asarray(exported & (since < self._waits_for_solar_s()))

    def _waits_for_solar_s(self) -> NDArray[np.float64]:
        """[houses] for how long after a move a house's readings are taken to be without its inverter."""
        period_s = np.nan_to_num(self._latest.period, nan=0.0)
        return np.asarray(self._config.decision.pv_reconnect_s + RETURN_S + period_s)

    def situation(
        self, now: float, mode: Mode, fresh: NDArray[np.bool_], coverage: float, outage_until: float
    ) -> Situation:
        """What the guard and the planner judge by, at this instant."""
        latest, roster = self._latest, self._roster
        single = ~roster.three_phase & (roster.phase >= 0)
        usable = fresh & single
        away = self._solar_away(now)
        present = np.where(away, latest.p + 1j * np.nan_to_num(latest.q, nan=0.0), self._blend.now)
        load = np.where(usable, present, 0.0)
        age = now - latest.at
        silent = single & ~fresh & np.isfinite(age)
        if silent.any():
            # A house that fell silent has not stopped drawing: counted as nothing, its phase would look light and be
            # filled up. It is estimated, and the guard moves neither it nor others to a phase that is largely silent.
            load = np.where(silent, self._blend.estimate(self._civil, age), load)
        nominal = self._config.feeder.nominal_voltage_v
        phase = roster.phase[single]
        current = np.conj(load[single]) / nominal
        per_phase = np.bincount(phase, current.real, 3) + 1j * np.bincount(phase, current.imag, 3)
        no_supply = usable & (latest.v < 0.5 * nominal)
        v_min, v_max = np.full(3, np.inf), np.full(3, -np.inf)
        # A dead house (its breaker open) says nothing about its phase.
        live = usable & (latest.v > 0.5 * nominal)
        np.minimum.at(v_min, roster.phase[live], latest.v[live])
        np.maximum.at(v_max, roster.phase[live], latest.v[live])
        unknown = np.isinf(v_min)
        v_min[unknown] = v_max[unknown] = np.nan
        if roster.three_phase.any():
            shared = latest.v3[fresh & roster.three_phase]
            # A blown fuse of a three-phase house is no voltage of the feeder either.
            shared = np.where(shared > 0.5 * nominal, shared, np.nan)
            if len(shared):
                v_min = np.fmin(v_min, np.fmin.reduce(shared, axis=0))
                v_max = np.fmax(v_max, np.fmax.reduce(shared, axis=0))
        return Situation(
            now,
            mode,
            fresh,
            age,
            coverage,
            outage_until,
            load,
            np.where(away & usable, self._blend.now - load, 0.0),
            per_phase,
            self._head_current(now, per_phase),
            np.isfinite(age),
            no_supply,
            self._dark(now, single, usable, no_supply),
            v_min,
            v_max,
            latest.stale_limits_s,
        )

    def _head_current(self, now: float, per_phase: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Current of each phase at the transformer, A: all houses, or its own meter where that shows more."""
        latest, nominal = self._latest, self._config.feeder.nominal_voltage_v
        head: NDArray[np.complex128] = per_phase + (latest.p3 - 1j * latest.q3).sum(axis=0) / nominal
        reading = latest.fresh_transformer(now)
        if reading is None:
            return head
        measured = (np.array(reading.p) - 1j * np.nan_to_num(np.array(reading.q), nan=0.0)) / nominal
        return np.where(np.abs(measured) > np.abs(head), measured, head)  # NaN compares as less

    def _dark(
        self, now: float, single: NDArray[np.bool_], usable: NDArray[np.bool_], no_supply: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Phases to which nothing may be moved: most of their houses have no supply, too few report, or the
        transformer's meter shows no voltage. A phase without a house shows nothing against it."""
        phase = self._roster.phase
        houses = np.bincount(phase[single], minlength=3)
        reporting = np.bincount(phase[usable], minlength=3)
        without = np.bincount(phase[no_supply], minlength=3)
        dark = (2 * without > reporting) | (reporting < self._config.decision.min_coverage * houses)
        reading = self._latest.fresh_transformer(now)
        if reading is not None:
            dark |= np.array(reading.v) < 0.5 * self._config.feeder.nominal_voltage_v
        return np.asarray(dark)

    def consider(self, wall: float, s: Situation) -> Decision | None:
        """Look for moves if a trigger is on and something has changed; None where nothing is to be done."""
        now_a = np.conj(s.load_va) / np.complex128(self._config.feeder.nominal_voltage_v)
        fixed = self._unmetered.current(s)
        neutral = complex((s.phase_current_a * ROTATION).sum()) + fixed
        measured = now_a[s.fresh & ~self._roster.three_phase]
        trigger = self._triggers.update(s, abs(neutral), self._roster.phase)
        own = s.mode is Mode.AUTO and self._config.decision.automatic
        free = own and not self._roster.halted and s.now >= s.outage_until
        mean_square_a2 = float(np.mean(np.abs(measured) ** 2)) if len(measured) else np.nan
        self._price.advance(s.now, mean_square_a2, free=free, wanted=trigger is not None)
        self._wear.advance(s.now)
        kind, self._trigger = self._trigger, None if trigger is None else trigger[0]
        if trigger is None or s.mode is Mode.HOLD:
            return None
        freed = self._has_been_freed(s)
        if self._trigger is kind and not freed and not self._worth_a_look(s.now, neutral):
            return None
        outlook = self._outlook(s, now_a, fixed)
        proposal = self._planner.propose(outlook, s)
        shadow = self._shadow_moves(wall, outlook, s, proposal.moves)
        self._looked_at, self._looked_n, self._new_readings = s.now, neutral, False
        self._looked_phase = self._roster.phase.copy()
        if not proposal.moves or (not own and self._advised_already(proposal.moves, s.now)):
            return None
        decision = self._decision(trigger, wall, s, proposal, outlook.price, commanded=own, shadow=shadow)
        self._pay(decision)
        return decision

    def request(self, wall: float, s: Situation, wish: SwitchRequest) -> Decision:
        """An operator's wish, judged as any other move. Not commanded where the guard vetoes it; the record says
        why."""
        origin = self._roster.phase_of(self._roster.index[wish.house])
        move = Move(wish.house, wish.phase if origin is None else origin, wish.phase)
        vetoes = tuple(self._guard.judge([move], s, manual=True))
        now_a = np.conj(s.load_va) / np.complex128(self._config.feeder.nominal_voltage_v)
        outlook = self._outlook(s, now_a, self._unmetered.current(s))
        before = self._planner.neutral_now(outlook)
        turn = ROTATION[move.target] - ROTATION[move.origin]
        after = before + complex(now_a[self._roster.index[wish.house]] * turn)
        moves = () if vetoes else (move,)
        proposal = Proposal(moves, 0.0, abs(before), abs(after if moves else before), (), vetoes, (), 0.0)
        decision = self._decision(
            (Trigger.REQUEST, 0.0, 0.0), wall, s, proposal, outlook.price, commanded=bool(moves), wish=wish
        )
        self._pay(decision)
        return decision

    def _pay(self, decision: Decision) -> None:
        if decision.commanded:
            self._price.spend(len(decision.moves))
            for move in decision.moves:
                self._wear.spend(self._roster.index[move.house])

    def due(self) -> float | None:
        """When a pending confirmation completes."""
        return self._triggers.due()

    @property
    def distance_ohm(self) -> NDArray[np.float64]:
        """[houses] loop resistance back to the transformer, ohm; NaN where not known yet."""
        return self._distance.ohm

    def learned(self) -> dict[str, Any]:
        return {
            "houses": list(self._roster.ids),
            **self.advice.learned(),
            "price": self._price.learned(),
            "wear": self._wear.learned(),
            "distance": self._distance.learned(),
        }

    def relearn(self, learned: dict[str, Any]) -> bool:
        """Take back what `learned()` gave. Houses that came or went since do not cost the others what they taught."""
        kept = learned.get("houses")
        if not isinstance(kept, list):
            return False
        houses = KeptHouses.of(kept, self._roster.ids)
        if 2 * np.count_nonzero(houses.known) > len(self._roster):
            # The price follows the size of the feeder's houses: of another feeder it would tell nothing.
            self._price.relearn(learned.get("price", {}))
        self._wear.relearn(learned.get("wear"), houses)
        self._distance.relearn(learned.get("distance"), houses)
        return self.advice.relearn(learned, houses)

    def _outlook(self, s: Situation, now_a: NDArray[np.complex128], fixed: complex) -> Outlook:
        told = self.advice.told(self._civil, s.heard, self._typical_va)
        period_s = self._latest.usual_period_s
        price = self._price.price(self.advice.ordinary_min(period_s))
        distance = self._distance.relative() if self._config.decision.distance_weight > 0.0 else None
        factor = self._price_factor(told)
        ahead = self.advice.ahead(period_s)
        return Outlook(ahead, told.forecast_a, now_a, fixed, told.error_a, price, factor, distance)

    def _price_factor(self, told: Told) -> NDArray[np.float64]:
        wear = self._wear.factor()
        return wear if told.price_factor is None else wear * told.price_factor

    @property
    def _typical_va(self) -> float:
        return self._price.typical_a * self._config.feeder.nominal_voltage_v

    def _shadow_moves(
        self, wall: float, outlook: Outlook, s: Situation, moves: tuple[Move, ...]
    ) -> tuple[Move, ...] | None:
        """What would have been chosen by a model that is in shadow; None where none is."""
        told = self.advice.in_shadow(s.heard, self._typical_va)
        if told is None:
            return None
        factor = self._price_factor(told)
        other = replace(outlook, forecast_a=told.forecast_a, error_a=told.error_a, price_factor=factor)
        shadow = self._planner.propose(other, s).moves
        self.advice.compare(wall, moves, shadow)
        return shadow

    def _has_been_freed(self, s: Situation) -> bool:
        """Whether a house, or a phase to move to, may be used that could not before: a switch has spoken, a lock was
        cleared, enough houses report, supply or an operator's mode is back. What was looked at then is not all there
        is now."""
        roster = self._roster
        covered = s.coverage >= self._config.decision.min_coverage
        calm = covered and s.mode is not Mode.HOLD and not roster.halted and s.now >= s.outage_until
        usable = roster.known & ~roster.offline & ~roster.locked & ~roster.in_flight & s.fresh & calm
        freed = bool((usable & ~self._usable).any() or (self._dark_phases & ~s.dark).any())
        self._usable, self._dark_phases = usable, s.dark
        return freed

    def _worth_a_look(self, now: float, neutral: complex) -> bool:
        if now - self._looked_at < (len(self._roster) / SPACED_HOUSES) ** 2:
            return False
        step = max(CHANGE * abs(self._looked_n), 0.25 * self._config.neutral_trigger_a)
        return bool(
            not abs(neutral - self._looked_n) < step
            or (self._new_readings and now - self._looked_at >= REVIEW_S)
            or not np.array_equal(self._looked_phase, self._roster.phase)
        )

    def _advised_already(self, moves: tuple[Move, ...], now: float) -> bool:
        last, at = self._advised
        if moves == last and now - at < REPEAT_ADVICE_S:
            return True
        self._advised = (moves, now)
        return False

    def _decision(
        self,
        trigger: tuple[Trigger, float, float],
        wall: float,
        s: Situation,
        proposal: Proposal,
        price: float,
        *,
        commanded: bool,
        wish: SwitchRequest | None = None,
        shadow: tuple[Move, ...] | None = None,
    ) -> Decision:
        self._serial += 1
        kind, value, limit = trigger
        phase_p = np.bincount(
            self._roster.phase[self._roster.phase >= 0], s.load_va.real[self._roster.phase >= 0], 3
        ).tolist()
        if wish is None:
            text = sentence(kind, value, limit, proposal, self.advice.name)
        else:
            text = wish_sentence(wish, proposal)
        v_max = [None if v != v else v for v in s.v_max.tolist()]
        return Decision(
            id=str(uuid.uuid5(self._session, f"decision:{self._serial}")),
            at=s.now,
            wall=wall,
            trigger=kind,
            trigger_value=value,
            trigger_limit=limit,
            moves=proposal.moves,
            commanded=commanded,
            neutral_before_a=proposal.neutral_before_a,
            neutral_after_a=proposal.neutral_after_a,
            gain=proposal.gain,
            price=price,
            phase_p=(phase_p[0], phase_p[1], phase_p[2]),
            phase_v_max=(v_max[0], v_max[1], v_max[2]),
            coverage=s.coverage,
            candidates=proposal.candidates,
            vetoes=proposal.vetoes,
            blocks=proposal.blocks,
            advice=self.advice.name,
            operator=wish.operator if wish else "",
            order=wish.order if wish else "",
            text=text,
            asked=proposal.asked if wish is None else None,
            shadow_moves=shadow,
        )
