"""Follows the alerts that stand from step to step: what has begun, risen, been seen, ended, and what flaps.

Level-triggered: it is told what stands, not what happened, so nothing is lost where a step was missed. Whom it concerns
is decided in `wanting`.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final

from edge_balancer.alerts.telling.state import RANK, Episode, Flap, Past, State
from edge_balancer.settings.contacts import TellingSettings
from edge_balancer.types.events import Alert, AlertState

DAY_S: Final = 86_400.0
MOST_PAST: Final = 300
MOST_EPISODES: Final = 3000
"""Bound of what is remembered; a feeder in disorder has some dozens."""


def follow(state: State, settings: TellingSettings, at: float, wall: float, standing: Sequence[Alert]) -> None:
    """Take the alerts that stand at telling's time `at`."""
    now_standing = {f"{alert.key}@{alert.since!r}": alert for alert in standing}
    for name, episode in state.episodes.items():
        if episode.standing and name not in now_standing:
            _end(state, episode, at, wall)
    for name, alert in now_standing.items():
        known = state.episodes.get(name)
        if known is not None:
            _update(known, alert)
        elif len(state.episodes) < MOST_EPISODES:
            state.episodes[name] = _begin(state, settings, alert, at)
    _calm_down(state, settings, at)


def _begin(state: State, settings: TellingSettings, alert: Alert, at: float) -> Episode:
    flap = state.flaps.setdefault(alert.key, Flap(alert.key))
    flap.begun_at = [when for when in flap.begun_at if at - when < settings.flap_window_s]
    if not flap.begun_at and not flap.flapping:
        flap.since_wall, flap.count = alert.since, 0
    flap.begun_at.append(at)
    flap.changed_at = at
    flap.count += 1
    if len(flap.begun_at) >= settings.flap_count:
        flap.flapping = True
    del flap.begun_at[: -settings.flap_count]
    episode = Episode(alert.key, alert.since, RANK[alert.severity], alert.text, at)
    _update(episode, alert)
    return episode


def _update(episode: Episode, alert: Alert) -> None:
    if episode.over_at is not None:
        # The store's last rows were lost with the power, and it stands as it was. Who was told of its end is told anew.
        episode.over_at = None
        episode.ways = {way: progress for way, progress in episode.ways.items() if not progress.ended}
    rank = RANK[alert.severity]
    episode.rank, episode.text = rank, alert.text
    episode.peak = max(episode.peak, rank)
    episode.acked = alert.state is AlertState.ACKNOWLEDGED


def _end(state: State, episode: Episode, at: float, wall: float) -> None:
    episode.over_at, episode.over_wall = at, wall
    flap = state.flaps.get(episode.key)
    if flap is not None:
        flap.changed_at = at
    state.past[episode.id] = Past(episode.key, episode.peak, episode.since, wall, at, episode.acked)


def _calm_down(state: State, settings: TellingSettings, at: float) -> None:
    """Forget beginnings that are long past. What was told as flapping is forgotten once its calm was told."""
    for key, flap in list(state.flaps.items()):
        quiet_s = at - flap.changed_at
        if flap.flapping and not flap.told and quiet_s >= settings.flap_calm_s:
            flap.flapping = False
            flap.stood.clear()
        if not flap.flapping and quiet_s >= settings.flap_window_s:
            del state.flaps[key]


def has_calmed(flap: Flap, settings: TellingSettings, at: float) -> bool:
    return flap.flapping and at - flap.changed_at >= settings.flap_calm_s


def forget(state: State, at: float, ways: Container[str]) -> None:
    """Drop what nobody needs any more, of the ways that there are."""
    for name in [name for name, episode in state.episodes.items() if _is_settled(episode, at, ways)]:
        del state.episodes[name]
    old = [name for name, past in state.past.items() if at - past.over_at > DAY_S]
    surplus = len(state.past) - len(old) - MOST_PAST
    if surplus > 0:
        kept = sorted((past.over_at, name) for name, past in state.past.items() if name not in set(old))
        old += [name for _, name in kept[:surplus]]
    for name in old:
        del state.past[name]
    for name in [name for name, silence in state.silences.items() if silence.until_at <= at]:
        del state.silences[name]
    numbers = state.clock.numbers
    for number in [number for number, ids in numbers.items() if not any(name in state.episodes for name in ids)]:
        del numbers[number]


def _is_settled(episode: Episode, at: float, ways: Container[str]) -> bool:
    """Over, everybody who was told knows, and nobody is yet to be told. It stays for a while as the cause of others."""
    if episode.over_at is None or at - episode.over_at < DAY_S / 24.0:
        return False
    return all(
        progress.ended or (not progress.told and progress.wanted_at is None)
        for way, progress in episode.ways.items()
        if way in ways
    )
