"""Follows the controller's own state from tick to tick: since when the broker is away, how far the clock was set, how
many orders were refused within the hour, by the controller and by the switches. The judgement is in `own_conditions`.

Only what is out of order, or may end an alert that stands, becomes a condition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final

from edge_balancer.alerts import own_conditions as own
from edge_balancer.alerts.catalogue import AlertKind
from edge_balancer.alerts.conditions import SILENT_S
from edge_balancer.alerts.lifecycle import Condition
from edge_balancer.alerts.texts import Texts
from edge_balancer.settings.policy import AlertSettings
from edge_balancer.types.ports import Inputs
from edge_balancer.types.switching import SwitchReport, SwitchResult

HOLD_S: Final = 600.0
"""What happened in an instant (a start, a set clock) stands for this long."""
HOUR_S: Final = 3600.0
COUNT_EVERY_S: Final = 60.0
FORGED: Final = frozenset({"not_signed", "wrong_signature", "replayed", "old_sequence"})
"""How the reasons of switches begin that say: this command is not the controller's, or not for now."""
MOST_FORGED: Final = 1000


class OwnWatch:
    """Times are monotonic seconds; `starts` are those of the last hour that nothing had announced, this one included.
    `has_transformer`: whether a meter of the transformer is configured."""

    def __init__(self, settings: AlertSettings, texts: Texts, starts: int, has_transformer: bool) -> None:
        self._settings = settings
        self._texts = texts
        self._starts = starts
        self._has_transformer = has_transformer
        self._started: float | None = None
        self._lost_since: float | None = None
        self._unsynced_since: float | None = None
        self._offset: float | None = None
        """Wall less monotonic time at the last tick with a synchronised clock, s."""
        self._step_s = 0.0
        self._stepped_at = -HOLD_S
        self._refused: deque[tuple[float, int]] = deque()
        """(when, how many orders had been refused by then), one entry a minute for an hour."""
        self._forged: deque[float] = deque(maxlen=MOST_FORGED)
        """When switches refused a command as forged."""
        self._answered: dict[str, tuple[str, float | None]] = {}
        """House -> command and time stamp of the refusal that was counted last: a state is said more than once."""

    def hear(self, now: float, report: SwitchReport) -> None:
        """Count what a switch took for forged; what the broker has merely kept was counted before."""
        if report.result is not SwitchResult.REJECTED or report.retained:
            return
        what = (report.id, report.t)
        if report.reason.partition(":")[0] in FORGED and self._answered.get(report.house) != what:
            self._answered[report.house] = what
            self._forged.append(now)

    def look(
        self, now: float, inputs: Inputs, transformer_at: float | None, open_kinds: Collection[str]
    ) -> list[Condition]:
        """`transformer_at`: when the transformer's meter was last heard."""
        if self._started is None:
            self._started = now
        found: list[Condition] = []
        if self._starts >= own.STARTS_TOLD and now - self._started < HOLD_S:
            found.append(own.restarted(self._starts, self._texts))
        found += self._broker(now, inputs.connected, open_kinds)
        found += self._clock(now, inputs, open_kinds)
        refused = self._refused_within_hour(now, inputs.refused_orders)
        if refused >= self._settings.refused_per_hour or AlertKind.ORDERS_REFUSED in open_kinds:
            found.append(own.orders_refused(refused, self._settings, self._texts))
        while self._forged and self._forged[0] <= now - HOUR_S:
            self._forged.popleft()
        if len(self._forged) >= own.FORGED_TOLD or AlertKind.COMMANDS_FORGED in open_kinds:
            found.append(own.commands_forged(len(self._forged), self._texts))
        found += [own.message_flood(flood, self._texts) for flood in inputs.floods]
        found += self._transformer(now, transformer_at, open_kinds)
        return found

    def _broker(self, now: float, connected: bool, open_kinds: Collection[str]) -> list[Condition]:
        if connected:
            self._lost_since = None
        elif self._lost_since is None:
            self._lost_since = now
        lasted_s = 0.0 if self._lost_since is None else now - self._lost_since
        if lasted_s <= self._settings.broker_lost_s and AlertKind.BROKER_LOST not in open_kinds:
            return []
        return [own.broker_lost(lasted_s, self._settings, self._texts)]

    def _clock(self, now: float, inputs: Inputs, open_kinds: Collection[str]) -> list[Condition]:
        found: list[Condition] = []
        offset = inputs.wall - now
        if not inputs.synced:
            # What sets a clock that was wrong is welcome.
            self._offset = None
            self._unsynced_since = now if self._unsynced_since is None else self._unsynced_since
        else:
            self._unsynced_since = None
            if self._offset is not None and abs(offset - self._offset) > own.STEP_S:
                self._step_s, self._stepped_at = offset - self._offset, now
            self._offset = offset
        if now - self._stepped_at < HOLD_S and self._step_s:
            found.append(own.clock_stepped(self._step_s, self._texts))
        lasted_s = 0.0 if self._unsynced_since is None else now - self._unsynced_since
        if lasted_s > self._settings.clock_s or AlertKind.CLOCK_UNSYNCHRONISED in open_kinds:
            found.append(own.clock_unsynchronised(lasted_s, self._settings, self._texts))
        return found

    def _refused_within_hour(self, now: float, refused: int) -> int:
        counts = self._refused
        if not counts:
            counts.append((now, refused))
        while len(counts) > 1 and counts[1][0] <= now - HOUR_S:
            counts.popleft()
        if now - counts[-1][0] >= COUNT_EVERY_S:
            counts.append((now, refused))
        return refused - counts[0][1]

    def _transformer(self, now: float, at: float | None, open_kinds: Collection[str]) -> list[Condition]:
        if at is None and not self._has_transformer:
            return []
        since = self._started if at is None else at
        age_s = 0.0 if since is None else now - since
        if age_s <= SILENT_S and AlertKind.TRANSFORMER_SILENT not in open_kinds:
            return []
        return [own.transformer_silent(age_s, SILENT_S, self._texts)]
