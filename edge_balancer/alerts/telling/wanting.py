"""What is to be said on one way at this moment, and what holds back the rest. When it is said, `teller` decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from edge_balancer.alerts.telling.causes import causes_of, is_cause
from edge_balancer.alerts.telling.directory import Way
from edge_balancer.alerts.telling.following import has_calmed
from edge_balancer.alerts.telling.state import RANK, Episode, Flap, Hold, Missed, Progress, State
from edge_balancer.settings.contacts import TellingSettings

_LATE: frozenset[Hold] = frozenset({Hold.QUIET, Hold.CAP, Hold.DOWN})
"""What keeps an alert from being told in time, and leaves a line behind where it is over by then."""


@dataclass(slots=True)
class Wants:
    """What one way is to be told."""

    begun: list[Episode] = field(default_factory=list)
    """Begun or risen."""
    flaps: list[tuple[Flap, Episode]] = field(default_factory=list)
    reminders: list[Episode] = field(default_factory=list)
    ends: list[Episode] = field(default_factory=list)
    calmed: list[Flap] = field(default_factory=list)

    @property
    def news(self) -> list[Episode]:
        """What has a deadline."""
        return [*self.begun, *(episode for _, episode in self.flaps)]


class Wanting:
    """One step's questions. `held` counts each reason once for each alert and way."""

    def __init__(
        self, state: State, settings: TellingSettings, ways: Sequence[Way], at: float, held: Counter[Hold]
    ) -> None:
        self._state = state
        self._settings = settings
        self._ways = ways
        self._at = at
        self._held = held
        self._causes = [episode for episode in state.episodes.values() if is_cause(episode)]
        self._silenced = {e.key: is_silenced(state, e.key) for e in state.episodes.values()}
        self._standing_keys = {e.key for e in state.episodes.values() if e.standing}

    def escalate(self) -> None:
        """Hand alerts that nobody has acknowledged, or that nobody could be told of, to the contacts of the next
        order."""
        for episode in self._state.episodes.values():
            orders = sorted({way.order for way in self._ways if way.least <= episode.rank})
            if orders and episode.level < orders[0]:
                episode.level, episode.level_at = orders[0], None
            if not episode.standing or episode.acked or self._silenced[episode.key]:
                continue
            higher = [order for order in orders if order > episode.level]
            if higher and self._is_unanswered(episode):
                episode.level, episode.level_at = higher[0], None

    def _is_unanswered(self, episode: Episode) -> bool:
        s = self._settings
        told = [
            episode.ways.get(way.id, Progress())
            for way in self._ways
            if way.order <= episode.level and way.least <= episode.rank
        ]
        if all(progress.failed for progress in told):
            return True
        if episode.rank < RANK[s.ack_severity]:
            return False
        if episode.level_at is not None:
            return self._at - episode.level_at >= s.escalate_s
        since = [progress.wanted_at for progress in told if progress.wanted_at is not None]
        if any(Hold.QUIET in progress.holds for progress in told):
            # Who wants to hear nothing at night is no reason to tell nobody.
            since.append(episode.seen_at)
        return bool(since) and self._at - min(since) >= s.deadline_s(episode.rank) + s.escalate_s

    def of(self, way: Way) -> Wants:
        wants = Wants()
        waiting = {item.episode for letter in self._state.open_letters(way.id) for item in letter.items}
        episodes = list(self._state.episodes.values())
        for episode in episodes:
            if episode.standing and way.least <= episode.rank and way.order <= episode.level:
                self._standing(wants, way, episode, waiting)
        for episode in episodes:
            if not episode.standing:
                self._over(wants, way, episode, waiting)
        for flap in self._state.flaps.values():
            if way.id in flap.told and has_calmed(flap, self._settings, self._at):
                wants.calmed.append(flap)
        return wants

    def hold(self, progress: Progress, why: Hold) -> None:
        if why not in progress.holds:
            progress.holds.add(why)
            self._held[why] += 1

    def _standing(self, wants: Wants, way: Way, episode: Episode, waiting: set[str]) -> None:
        progress = episode.way(way.id)
        flap = self._state.flaps.get(episode.key)
        flapping = flap is not None and flap.flapping
        silenced = self._silenced[episode.key]
        if not (progress.told or flapping or silenced or episode.acked):
            self._go_on(way, episode, progress, waiting)
        if progress.told >= episode.rank:
            if not (flapping or silenced or episode.id in waiting) and self._is_remindable(progress, episode):
                wants.reminders.append(episode)
            return
        why = self._against(way, episode, flap)
        if why is not None:
            self.hold(progress, why)
            progress.wanted_at = None
            if why is Hold.FLAPPING:
                progress.ended = True
            return
        if progress.wanted_at is None:
            progress.wanted_at = self._at
        if flap is not None and flapping and not self._lasts(way, episode, flap):
            wants.flaps.append((flap, episode))
        else:
            wants.begun.append(episode)

    def _go_on(self, way: Way, episode: Episode, progress: Progress, waiting: set[str]) -> None:
        """What is back before its end was told still stands for who reads: that is no news. What somebody has
        acknowledged, and what is graver than before, is."""
        for before in self._state.episodes.values():
            known = before.ways.get(way.id)
            if before.key != episode.key or before.standing or known is None or known.ended or known.failed:
                continue
            acked = before.acked and episode.rank >= RANK[self._settings.ack_severity]
            if known.told < episode.rank or acked or before.id in waiting:
                continue
            progress.told, progress.told_at, progress.heard = known.told, known.told_at, known.heard
            progress.since = before.since if known.since is None else known.since
            known.ended = True
            if episode.level_at is None:
                episode.level, episode.level_at = max(episode.level, before.level), before.level_at
            for ids in self._state.clock.numbers.values():
                if before.id in ids and episode.id not in ids:
                    ids.append(episode.id)

    def _against(self, way: Way, episode: Episode, flap: Flap | None) -> Hold | None:
        """Why an alert that stands is not to be told on a way; None where it is."""
        if episode.acked:
            return Hold.ACKNOWLEDGED
        if self._silenced[episode.key]:
            return Hold.SILENCE
        if flap is not None and flap.flapping and flap.told.get(way.id, 0) >= episode.rank:
            return None if self._lasts(way, episode, flap) else Hold.FLAPPING
        for cause in causes_of(episode, self._causes, self._at):
            known = cause.ways.get(way.id)
            if (known is not None and known.told) or (way.least <= cause.rank and way.order <= cause.level):
                return Hold.FOLLOWS
        return None

    def _lasts(self, way: Way, episode: Episode, flap: Flap) -> bool:
        """Whether an alert that asks to be acknowledged no longer flaps but stands: that is told once."""
        s = self._settings
        grave = episode.rank >= RANK[s.ack_severity] and flap.stood.get(way.id, 0) < episode.rank
        return grave and self._at - episode.seen_at >= s.escalate_s

    def _is_remindable(self, progress: Progress, episode: Episode) -> bool:
        s = self._settings
        return (
            s.remind_s > 0.0
            and not episode.acked
            and not progress.failed
            and episode.rank >= RANK[s.ack_severity]
            and progress.told_at is not None
            and self._at - progress.told_at >= s.remind_s
        )

    def _over(self, wants: Wants, way: Way, episode: Episode, waiting: set[str]) -> None:
        progress = episode.ways.get(way.id)
        if progress is None or progress.ended:
            return
        flap = self._state.flaps.get(episode.key)
        if not progress.told and flap is not None and flap.flapping and progress.wanted_at is not None:
            # That it flaps says more than that it was there.
            if way.id in flap.told:
                progress.ended = True
                self.hold(progress, Hold.FLAPPING)
            else:
                wants.flaps.append((flap, episode))
        elif not progress.told:
            self._too_late(way, episode, progress)
        elif not way.resolved or (progress.failed and not progress.heard) or self._flaps(way, episode):
            progress.ended = True
        elif (flap is not None and flap.flapping) or episode.key in self._standing_keys:
            # What is about to be told of its return, or of its flapping, says more.
            pass
        elif not self._silenced[episode.key] and episode.id not in waiting:
            wants.ends.append(episode)

    def _flaps(self, way: Way, episode: Episode) -> bool:
        """Whether what was told of the flapping says enough: its end comes with the summary."""
        flap = self._state.flaps.get(episode.key)
        return flap is not None and flap.flapping and way.id in flap.told

    def _too_late(self, way: Way, episode: Episode, progress: Progress) -> None:
        """It was over before it could be told: a line in what is told next, unless it was not to be told at all."""
        progress.ended = True
        held = bool(progress.holds & _LATE)
        if progress.wanted_at is None and not held:
            return
        began_at = self._at if progress.wanted_at is None else progress.wanted_at
        line = Missed(episode.key, episode.since, episode.over_wall, prompt=not held, at=began_at)
        self._state.way(way.id).missed.append(line)
        progress.wanted_at = None


def is_silenced(state: State, key: str) -> bool:
    return any(matches(key, silence.pattern) for silence in state.silences.values())


def matches(key: str, pattern: str) -> bool:
    """Whether an alert's key is meant: the key itself, its kind, or a pattern such as `*/h12`."""
    return key.startswith(f"{pattern}/") or fnmatchcase(key, pattern)


def holds_of(episodes: Iterable[Episode], way: str) -> set[Hold]:
    """Everything that has held these back on a way."""
    found: set[Hold] = set()
    for episode in episodes:
        progress = episode.ways.get(way)
        found |= set() if progress is None else progress.holds
    return found
