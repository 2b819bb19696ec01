"""The phase switches of a replay: they take a fixed time, and fail as often as they are told to, half of the times
silently. Those of the twin, without their dead time: recorded readings know of none."""

from __future__ import annotations

from edge_balancer.twin.devices.switches import PhaseSwitches, SwitchOptions
from edge_balancer.types.phases import Phase


class SimulatedSwitches(PhaseSwitches):
    """Where every house really is."""

    def __init__(
        self, phases: dict[str, Phase], switch_time_s: float, failure_rate: float, repair_s: float, seed: int
    ) -> None:
        options = SwitchOptions(
            delay_s=(switch_time_s, switch_time_s),
            dead_s=0.0,
            failing=failure_rate / 2.0,
            silent=failure_rate / 2.0,
            repair_s=repair_s,
        )
        super().__init__(phases, options, seed)
