"""What the controller and its switches did in the judged days: operations, failures, broken promises. Counts only."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from edge_balancer.simulation.world import World
from edge_balancer.twin.grid.model import Bools, Floats
from edge_balancer.types.decisions import Decision
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.switching import Command

_DAY_S: Final = 86_400.0
RETURN_H: Final = (1, 4)
_TROUBLES: Final = (EventKind.FAILED, EventKind.TIMED_OUT, EventKind.LOCKED, EventKind.CLEARED)


@dataclass(frozen=True, slots=True)
class Operation:
    """A house that was moved: `at` (Unix s) it was on its new phase."""

    at: float
    house: str
    origin: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A command that failed, or a house that was locked out, doubted or released."""

    at: float
    house: str
    kind: str
    reason: str


@dataclass(slots=True)
class Conduct:
    """Kept while the simulation runs. Judged is what happens from `since` on; caps look back beyond it."""

    world: World
    since: float
    operations: list[Operation] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    commands: int = 0
    failed: int = 0
    timed_out: int = 0
    lock_outs: int = 0
    verified: int = 0
    verified_by_witness: int = 0
    """Of them those whose move voltage or transformer showed; the others by a living meter alone."""
    cap_violations: int = 0
    oscillations: int = 0
    """Houses commanded back to where they came from within their dwell time."""
    returns: dict[int, int] = field(default_factory=lambda: dict.fromkeys(RETURN_H, 0))
    """The same within so many hours, which nothing forbids beyond the dwell."""
    dwell_violations: int = 0
    wrong_episodes: int = 0
    halted_s: float = 0.0
    blind_s: float = 0.0
    """With fresh readings of too few houses to move any by itself."""
    doubts: int = 0
    """Records that the controller rightly came to doubt: the house was elsewhere."""
    doubts_wrong: int = 0
    doubt_after_s: list[float] = field(default_factory=list)
    """Of each right doubt, how long the house had been elsewhere, commands under way in between included."""
    wrong_s: Floats = field(init=False)
    """[H] how long the controller believed a house where it was not, commands under way left out."""
    _wrong: Bools = field(init=False)
    _wrong_since: Floats = field(init=False)
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _last: dict[str, tuple[float, int]] = field(default_factory=dict)
    """House -> when it was commanded last, and from where."""
    _reasons: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wrong_s = np.zeros(len(self.world.names))
        self._wrong = np.zeros(len(self.world.names), dtype=bool)
        self._wrong_since = np.zeros(len(self.world.names))

    def decided(self, decision: Decision) -> None:
        if decision.commanded:
            self._reasons[decision.id] = decision.text

    def commanded(self, command: Command, now: float) -> None:
        """An operation counts from its command on, whatever becomes of it."""
        settings = self.world.config.decision
        judged = now >= self.since
        recent = self._recent.setdefault(command.house, deque())
        while recent and recent[0] <= now - _DAY_S:
            recent.popleft()
        recent.append(now)
        last = self._last.get(command.house)
        self._last[command.house] = (now, int(command.origin))
        if not judged:
            return
        self.commands += 1
        self.cap_violations += len(recent) > settings.max_operations_per_house_day
        if last is None:
            return
        back = last[1] == int(command.phase)
        if now - last[0] < settings.dwell_s:
            self.dwell_violations += 1
            self.oscillations += back
        for hours in self.returns:
            self.returns[hours] += back and now - last[0] < 3600.0 * hours

    def moved(self, at: float, command: Command) -> None:
        reason = self._reasons.get(command.decision, "")
        if at >= self.since:
            self.operations.append(Operation(at, command.house, str(command.origin), str(command.phase), reason))

    def recorded(self, event: Event, now: float) -> None:
        if now < self.since:
            return
        if event.kind in _TROUBLES:
            reason = str(event.body.get("reason") or event.body.get("result") or "")
            self.troubles.append(Trouble(now, event.house, str(event.kind), reason))
        match event.kind:
            case EventKind.FAILED:
                self.failed += 1
            case EventKind.TIMED_OUT:
                self.timed_out += 1
            case EventKind.LOCKED:
                self.lock_outs += 1
            case EventKind.VERIFIED:
                self.verified += 1
                self.verified_by_witness += event.body.get("strength") == "agrees"
            case _:
                pass

    def forget(self) -> None:
        """Reasons of decisions whose commands have all ended are not needed any more: called between days."""
        kept = list(self._reasons.items())[-100:]
        self._reasons = dict(kept)

    def doubted(self, house: int, rightly: bool, now: float) -> None:
        """The controller begins to doubt where a house is."""
        if now < self.since:
            return
        reason = "it was elsewhere" if rightly else "it was where it is on record"
        self.troubles.append(Trouble(now, self.world.names[house], "doubted", reason))
        if not rightly:
            self.doubts_wrong += 1
            return
        self.doubts += 1
        self.doubt_after_s.append(now - float(self._wrong_since[house] if self._wrong[house] else now))

    def stood(self, elsewhere: Bools, in_flight: Bools, halted: bool, blind: bool, now: float, seconds: float) -> None:
        """For `seconds` up to `now` these houses ([H]) stood elsewhere than on record. Of those with a command under
        way nobody is wrong about where they are; a house that was wrong before goes on being so."""
        wrong = elsewhere & ~in_flight
        held = wrong | (self._wrong & in_flight)
        begins = held & ~self._wrong
        self._wrong_since[begins] = now - seconds
        self._wrong = held
        if now <= self.since:
            return
        self.wrong_s += wrong * seconds
        self.wrong_episodes += int(np.count_nonzero(begins))
        self.halted_s += seconds * halted
        self.blind_s += seconds * blind

    def per_house(self) -> dict[str, int]:
        """Operations of each house with a switch."""
        counts = {name: 0 for name, has in zip(self.world.names, self.world.switchable.tolist(), strict=True) if has}
        for operation in self.operations:
            counts[operation.house] += 1
        return counts
