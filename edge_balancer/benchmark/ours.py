"""The real engine on a case: its readings through `Engine.step`, its commands through simulated switches.

It learns on the history and is judged on the rest, on the same phases in one run, with the budget as its setting and
four times the budget as its cap. The inverter of a house that moves trips, and its meter shows it.
"""

from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Floats
from edge_balancer.benchmark.case import DAY_S, Case, Phases
from edge_balancer.benchmark.meters import Metered
from edge_balancer.benchmark.pairwise import Progress
from edge_balancer.benchmark.scenarios import Meters, Switches
from edge_balancer.benchmark.schedule import Schedule, Writing
from edge_balancer.benchmark.volts import HouseVoltages
from edge_balancer.engine import Engine
from edge_balancer.forecast.advisor import Advisor
from edge_balancer.forecast.interface import Model
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.settings.houses import HouseSettings
from edge_balancer.settings.policy import DecisionSettings, SwitchingSettings
from edge_balancer.settings.root import Configuration
from edge_balancer.twin.devices.switches import PhaseSwitches, SwitchOptions
from edge_balancer.types.events import EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Outputs, Restored
from edge_balancer.types.readings import NAN, Reading
from edge_balancer.types.switching import Mode

_SESSION: Final = uuid.uuid5(uuid.NAMESPACE_URL, "edge-balancer bench balance")


@dataclass(frozen=True, slots=True)
class EngineRun:
    """`schedule`: where each house was in each slot, history included. `failed` commands and `lock_outs` in the judged
    part."""

    schedule: Schedule
    failed: int
    lock_outs: int


def cap_of(per_house_day: float) -> int:
    """The cap of a house's operations in 24 hours at a budget of so many on average, as the defaults have it."""
    return max(2, round(4.0 * per_house_day))


def configuration(case: Case, per_house_day: float, *, voltages: bool = False) -> Configuration:
    """The controller's settings: the defaults but for the budget and its cap. `voltages`: whether meters have them."""
    roof_w = np.zeros(case.houses) if case.roof_w is None else case.roof_w
    return Configuration(
        feeder=FeederSettings(nominal_voltage_v=case.nominal_v, transformer_kva=case.transformer_kva),
        houses=tuple(
            HouseSettings(
                id=name,
                phase=Phase(int(phase)),
                switchable=bool(switchable),
                pv_w=float(roof_w[h]),
            )
            for h, (name, phase, switchable) in enumerate(zip(_names(case), case.initial, case.switchable, strict=True))
        ),
        decision=DecisionSettings(
            mode=Mode.AUTO,
            operations_per_house_day=per_house_day,
            max_operations_per_house_day=cap_of(per_house_day),
        ),
        switching=SwitchingSettings(voltage_evidence=voltages),
    )


def run_engine(
    case: Case,
    config: Configuration,
    meters: Meters,
    switches: Switches,
    seed: int,
    progress: Progress,
    volts: HouseVoltages | None = None,
    advisor: Advisor | None = None,
    model: Model | None = None,
) -> EngineRun:
    """Drive the engine over history and judged part. Without `volts` the meters measure none; `advisor` forecasts in
    place of the engine's own, `model` corrects that."""
    metered = Metered(case, meters, seed)
    run = _Run(case, config, metered, switches, seed, volts, advisor, model)
    days = -1
    for slot in range(case.slots):
        at = case.start + (slot + 1) * case.step_s
        run.until(at + meters.delay_s)
        run.step(at + meters.delay_s, run.readings(slot, at))
        if (day := int((at - case.start) // DAY_S)) != days:
            days = day
            progress(f"  engine: day {day} of {case.slots * case.step_s / DAY_S:.0f}")
    return run.result()


def _names(case: Case) -> list[str]:
    return [f"h{h + 1:03d}" for h in range(case.houses)]


class _Run:
    def __init__(
        self,
        case: Case,
        config: Configuration,
        metered: Metered,
        switches: Switches,
        seed: int,
        volts: HouseVoltages | None,
        advisor: Advisor | None,
        model: Model | None,
    ) -> None:
        self._volts = volts
        middle = np.asarray(case.start + (np.arange(case.slots) + 0.5) * case.step_s, dtype=np.float64)
        self._level = np.zeros(0) if volts is None else volts.level(middle)
        self._means: deque[Floats] = deque(maxlen=metered.period)
        """Of the slots that the next readings are over: the houses' mean voltages (H,)."""
        self._before: list[tuple[int, float, Phases]] = []
        """Of moves since the last slot's end: slot, part of it gone by then, where the houses were until then."""
        self._at_phase = case.initial.copy()
        self._case = case
        self._metered = metered
        self._names = _names(case)
        self._known = 0
        start = {name: Phase(int(phase)) for name, phase in zip(_names(case), case.initial, strict=True)}
        self._index = {name: h for h, name in enumerate(start)}
        self._judged_at = case.start + case.judged * case.step_s
        self._switches = PhaseSwitches(start, _options(switches), seed)
        self._writing = Writing(case)
        self._engine = Engine(config, _SESSION, Restored(wall=case.start), case.start, advisor, model)
        self._sent: list[str] = []
        self._wake: float | None = None
        self._failed = self._lock_outs = 0
        self._take(
            self._engine.step(case.start, Inputs(wall=case.start, reports=self._switches.report_all(case.start))),
            case.start,
        )

    def readings(self, slot: int, at: float) -> list[Reading]:
        """What meters measured at the end of the slot, and what arrives of it. After `until`: a move shows at once."""
        heard = np.flatnonzero(self._metered.arrives[slot])
        values = self._metered.value[slot, heard]
        named = zip(
            heard.tolist(), values.real.tolist(), values.imag.tolist(), self._measured(slot, heard), strict=True
        )
        return [Reading(self._names[h], at, p, q, v) for h, p, q, v in named]

    def _measured(self, slot: int, heard: NDArray[np.intp]) -> list[float]:
        """The voltages of these houses over their meters' period, as the meters show them."""
        if self._volts is None:
            return [NAN] * len(heard)
        self._means.append(self._mean_v(self._volts, slot))
        mean = self._means[0] if len(self._means) == 1 else np.mean(self._means, axis=0)
        shown: list[float] = self._metered.shown_v(slot, mean)[heard].tolist()
        return shown

    def _mean_v(self, volts: HouseVoltages, slot: int) -> Floats:
        """The houses' true voltages (H,) over a slot, moves inside it included."""
        power, level = self._metered.power(slot), float(self._level[slot])
        now = [one for one in self._before if one[0] <= slot]
        self._before = [one for one in self._before if one[0] > slot]
        last = self._before[0][2] if self._before else self._at_phase
        total, since = np.zeros(self._case.houses), 0.0
        for _, part, phases in now:
            if part > since:
                total += (part - since) * volts.at(power, phases, level)
                since = part
        return np.asarray(total + (1.0 - since) * volts.at(power, last, level))

    def until(self, at: float) -> None:
        """Let switches answer and time-outs strike up to and including `at`."""
        while True:
            due = min((t for t in (self._switches.next_due(), self._wake) if t is not None), default=None)
            if due is None or due > at:
                return
            self.step(due, [])

    def step(self, now: float, batch: list[Reading]) -> None:
        reports, clears = self._switches.speak(now)
        for at, command in self._switches.moved[self._known :]:
            house = self._index[command.house]
            slot, part = self._writing.place(at)
            self._before.append((slot, part, self._at_phase.copy()))
            self._at_phase[house] = int(command.phase)
            self._writing.move(house, int(command.phase), slot, part)
            self._metered.moved(house, slot, part)
        self._known = len(self._switches.moved)
        while True:
            sent, self._sent = self._sent, []
            inputs = Inputs(wall=now, readings=batch, reports=reports, clears=clears, sent=sent)
            self._take(self._engine.step(now, inputs), now)
            if not self._sent:
                return
            # The engine learns at once what has left, as the daemon tells it.
            batch, reports, clears = [], [], []

    def _take(self, outputs: Outputs, now: float) -> None:
        judged = now >= self._judged_at
        for event in outputs.events:
            if event.kind is EventKind.LOCKED:
                self._lock_outs += judged
                self._switches.summon(event.house, now)
            elif event.kind in (EventKind.FAILED, EventKind.TIMED_OUT):
                self._failed += judged
        for command in outputs.commands:
            self._sent.append(command.id)
            self._switches.take(command, now)
        self._wake = outputs.due if outputs.due is None or outputs.due > now else None

    def result(self) -> EngineRun:
        return EngineRun(self._writing.schedule(), self._failed, self._lock_outs)


def _options(switches: Switches) -> SwitchOptions:
    """Switches of the twin; readings of whole slots know of no dead time."""
    s = switches
    return SwitchOptions(
        (s.time_s, s.time_s), 0.0, s.failing, s.silent, s.sticking, s.lying, repair_s=s.repair_h * 3600.0
    )
