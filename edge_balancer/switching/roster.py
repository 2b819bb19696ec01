"""Where every house stands and what its switch has done: the positions, locks and operations that the guard asks for.

Times are monotonic seconds. Nothing is judged here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_balancer.settings.houses import HouseSettings
from edge_balancer.types.phases import Phase

DAY_S = 86_400.0
HOUR_S = 3600.0


class Roster:
    """All houses of the configuration, in its order; arrays have shape [houses]."""

    def __init__(self, houses: Sequence[HouseSettings]) -> None:
        count = len(houses)
        self.houses = tuple(houses)
        self.ids = tuple(house.id for house in houses)
        self.index = {name: k for k, name in enumerate(self.ids)}
        self.phase: NDArray[np.int8] = np.array(
            [-1 if house.three_phase or house.phase is None else int(house.phase) for house in houses], dtype=np.int8
        )
        """Where the house is taken to be; -1 for three-phase houses. A move under way counts as done."""
        self.known = np.zeros(count, dtype=bool)
        """Whether its switch has said so since the controller started."""
        self.offline = np.zeros(count, dtype=bool)
        self.in_flight = np.zeros(count, dtype=bool)
        self.locked = np.zeros(count, dtype=bool)
        self.lock_reason: dict[int, str] = {}
        self.halted = ""
        """Why no switch is commanded automatically until a person has looked; empty where they may be."""
        self.doubt = np.zeros(count)
        """How sure the voltages are that the house is not on `phase`; 0 where they do not contradict it."""
        self.last_move = np.full(count, -np.inf)
        self.switchable = np.array([house.switchable for house in houses], dtype=bool)
        self.critical = np.array([house.critical for house in houses], dtype=bool)
        self.three_phase = np.array([house.three_phase for house in houses], dtype=bool)
        self.pv_w = np.array([house.pv_w for house in houses], dtype=np.float64)
        self.operations_day = np.zeros(count, dtype=np.int64)
        """Operations of the last 24 hours, as of the last `forget`."""
        self._day: deque[tuple[float, int]] = deque()
        self._hour: deque[float] = deque()

    def __len__(self) -> int:
        return len(self.houses)

    @property
    def movable(self) -> int:
        """How many houses may ever be moved."""
        return sum(house.movable for house in self.houses)

    def phase_of(self, house: int) -> Phase | None:
        """The phase a house is taken to be on; None for a three-phase house."""
        value = int(self.phase[house])
        return Phase(value) if value >= 0 else None

    def lock(self, house: int, reason: str) -> bool:
        """Lock a house out until a person clears it. False where it was locked already (the first reason stands)."""
        if self.locked[house]:
            return False
        self.locked[house] = True
        self.lock_reason[house] = reason
        return True

    def clear(self, house: int) -> None:
        self.locked[house] = False
        self.lock_reason.pop(house, None)

    def record_operation(self, house: int, at: float) -> None:
        """An operation was commanded. It counts from the command on, whatever becomes of it."""
        self.last_move[house] = max(self.last_move[house], at)
        self.operations_day[house] += 1
        self._day.append((at, house))
        self._hour.append(at)

    def forget(self, now: float) -> None:
        """Drop operations that are older than a day (per house) or an hour (of the feeder)."""
        while self._day and now - self._day[0][0] >= DAY_S:
            _, house = self._day.popleft()
            self.operations_day[house] -= 1
        while self._hour and now - self._hour[0] >= HOUR_S:
            self._hour.popleft()

    @property
    def operations_hour(self) -> int:
        """Operations of the whole feeder in the last hour, as of the last `forget`."""
        return len(self._hour)
