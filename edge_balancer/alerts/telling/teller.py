"""One step of telling: take what stands, decide what is said on each way now, and hand out letters.

It strings the parts together: `following` knows the episodes, `wanting` what is to be said, `wording` the words, `post`
the life of a letter. Times and the alerts that stand are handed in; the same inputs give the same letters, to the byte.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Final

from edge_balancer.alerts.catalogue import is_latched
from edge_balancer.alerts.telling.directory import Moment, Way
from edge_balancer.alerts.telling.following import follow, forget
from edge_balancer.alerts.telling.post import Post
from edge_balancer.alerts.telling.state import (
    CRITICAL,
    RANK,
    Episode,
    Flap,
    Hold,
    Item,
    ItemKind,
    Letter,
    Missed,
    Silence,
    State,
)
from edge_balancer.alerts.telling.wanting import Wanting, Wants
from edge_balancer.alerts.telling.wording import Content, Wording
from edge_balancer.alerts.texts import Texts
from edge_balancer.settings.contacts import TellingSettings
from edge_balancer.types.events import Alert

SERIAL_EPOCH: Final = 1_735_689_600
"""1 January 2025. Serial numbers start at the seconds since then, so that ids are new with an empty state too."""
LONGEST_GATHER_S: Final = 3600.0
MOST_MISSED: Final = 100
MOST_NUMBERS: Final = 99
_NAMESPACE: Final = uuid.UUID("5f3c7a52-3f0c-4a55-9d0e-6f4a8f6f1d11")
_LEAST: Final = RANK["info"]


class Teller:
    """Telling for one controller. `held` counts what was kept back, by reason, since the start."""

    def __init__(
        self, settings: TellingSettings, ways: Sequence[Way], texts: Texts, feeder: str, state: State | None = None
    ) -> None:
        self._settings = settings
        self._ways = tuple(ways)
        self._by_id = {way.id: way for way in ways}
        self._wording = Wording(texts, feeder, settings.flap_window_s)
        self.state = State() if state is None else state
        self.post = Post(self.state, settings, self._by_id, self._wording)
        self.held: Counter[Hold] = Counter()
        self._now: float | None = None

    @property
    def at(self) -> float:
        """Telling's own time at the last step."""
        return self.state.clock.at

    def assume_told(self, moment: Moment, standing: Sequence[Alert]) -> None:
        """After the state was lost: what stands is taken as told, so that nobody hears of it twice."""
        at = self._advance(moment)
        follow(self.state, self._settings, at, moment.wall, standing)
        for episode in self.state.episodes.values():
            for way in self._ways:
                if way.least <= episode.rank:
                    episode.level = max(episode.level, way.order)
                    progress = episode.way(way.id)
                    progress.told, progress.told_at = episode.rank, at
            episode.level_at = at

    def step(self, moment: Moment, standing: Sequence[Alert]) -> None:
        """Take the alerts that stand, and write the letters that are due to be written."""
        at = self._advance(moment)
        state = self.state
        follow(state, self._settings, at, moment.wall, standing)
        for flap in state.flaps.values():
            for name in [name for name in flap.told if name not in self._by_id]:
                del flap.told[name]
        wanting = Wanting(state, self._settings, self._ways, at, self.held)
        wanting.escalate()
        for way in self._ways:
            self._tell(way, wanting, moment, at)
            self._digest(way, moment, at)
        self.post.forget(at)
        forget(state, at, self._by_id)

    def due(self, moment: Moment) -> list[Letter]:
        """Letters that something is to be done about now."""
        return self.post.due(moment, self._advance(moment))

    def silence(self, moment: Moment, pattern: str, lasts_s: float, by: str) -> None:
        """Do not tell alerts whose keys match for so long; 0: tell them again."""
        at = self._advance(moment)
        self.state.silences.pop(pattern, None)
        if lasts_s > 0.0:
            self.state.silences[pattern] = Silence(pattern, at + lasts_s, by, moment.wall + lasts_s)

    def _advance(self, moment: Moment) -> float:
        """Telling's time: it goes with the monotonic clock while the program runs, and over a restart with a wall clock
        that can be trusted; a clock that is set moves it not at all."""
        clock = self.state.clock
        if self._now is not None:
            clock.at += max(0.0, moment.now - self._now)
        elif not clock.serial:
            clock.at, clock.serial = moment.wall, max(1, int(moment.wall) - SERIAL_EPOCH)
        elif moment.synced:
            clock.at += max(0.0, moment.wall - clock.wall)
        self._now, clock.wall = moment.now, moment.wall
        return clock.at

    def _tell(self, way: Way, wanting: Wanting, moment: Moment, at: float) -> None:
        wants = wanting.of(way)
        missed = self.state.way(way.id).missed
        del missed[:-MOST_MISSED]
        self._keep_quiet(way, wants, wanting, moment)
        recent = self.post.sent_within_hour(way.contact, at)
        if not self._is_ready(way, wants, missed, recent, moment, at):
            return
        told = [*wants.news, *wants.reminders, *(e for flap in wants.calmed for e in self._standing(flap))]
        rank = max((episode.rank for episode in told), default=_LEAST)
        if recent >= way.room(rank):
            self._hold(way, wants, wanting, Hold.CAP)
            return
        waiting = [letter for letter in self.state.open_letters(way.id) if letter.rank >= rank]
        if waiting:
            if any(letter.attempts for letter in waiting):
                self._hold(way, wants, wanting, Hold.DOWN)
            return
        self._write(way, wants, rank, moment, at)

    def _keep_quiet(self, way: Way, wants: Wants, wanting: Wanting, moment: Moment) -> None:
        """Take out what must wait for the end of quiet hours."""
        for episode in wants.news:
            if way.is_quiet(moment, episode.rank):
                progress = episode.way(way.id)
                wanting.hold(progress, Hold.QUIET)
                progress.wanted_at = None
        wants.begun = [episode for episode in wants.begun if not way.is_quiet(moment, episode.rank)]
        wants.flaps = [pair for pair in wants.flaps if not way.is_quiet(moment, pair[1].rank)]
        wants.reminders = [episode for episode in wants.reminders if not way.is_quiet(moment, episode.rank)]

    def _hold(self, way: Way, wants: Wants, wanting: Wanting, why: Hold) -> None:
        for episode in wants.news:
            wanting.hold(episode.way(way.id), why)

    def _is_ready(
        self, way: Way, wants: Wants, missed: Sequence[Missed], recent: int, moment: Moment, at: float
    ) -> bool:
        """Whether anything has been gathered for long enough."""
        s = self._settings
        more = 2.0 ** min(recent, 10)
        for episode in wants.news:
            base_s = s.gather_s if episode.rank >= CRITICAL else s.gather_calm_s
            wanted_at = episode.way(way.id).wanted_at
            if wanted_at is None or at - wanted_at >= min(base_s * more, s.deadline_s(episode.rank) / 2.0):
                return True
        if wants.reminders:
            return True
        lasting = [episode for flap in wants.calmed for episode in self._standing(flap)]
        if any(not way.is_quiet(moment, episode.rank) for episode in lasting):
            return True
        if way.is_quiet(moment, _LEAST):
            return False
        calm_s = min(s.gather_calm_s * more, s.deadline_warning_s / 2.0)
        if any(line.prompt and at - line.at >= calm_s for line in missed):
            return True
        for flap in wants.calmed:
            if at - flap.changed_at - s.flap_calm_s >= s.ends_within_s:
                return True
        grave_s = min(2.0 * s.gather_calm_s * more, LONGEST_GATHER_S)
        for episode in wants.ends:
            # What a person has cleared, people know.
            grave = episode.peak >= RANK[s.ack_severity] and not is_latched(episode.key)
            wait_s = grave_s if grave else s.ends_within_s
            if episode.over_at is not None and at - episode.over_at >= wait_s:
                return True
        return False

    def _write(self, way: Way, wants: Wants, rank: int, moment: Moment, at: float) -> None:
        ways = self.state.way(way.id)
        news = sorted(wants.news, key=lambda e: (-e.rank, e.since, e.key))
        flapping = {episode.id for _, episode in wants.flaps}
        begun = [episode for episode in news if episode.id not in flapping]
        content = Content(
            begun=begun,
            reminders=wants.reminders,
            flaps=list({flap.key: flap for flap, _ in wants.flaps}.values()),
            calmed=[(flap, bool(self._standing(flap))) for flap in wants.calmed],
            ends=[(e.key, e.since if (s := e.way(way.id).since) is None else s, e.over_wall) for e in wants.ends],
            missed=list(ways.missed),
            capped=sum(Hold.CAP in episode.way(way.id).holds for episode in news),
            cap=way.cap,
            escalated=any(episode.level > 1 and way.order == episode.level for episode in begun),
            rank=rank,
        )
        lasting = [e for flap in wants.calmed for e in self._standing(flap) if not e.acked]
        asked = [e for e in [*news, *wants.reminders, *lasting] if e.rank >= RANK[self._settings.ack_severity]]
        content.number = self._number(sorted(e.id for e in asked)) if asked else ""
        items = [*self._mark_news(way, begun, flapping, wants, at), *self._mark_rest(way, wants, at)]
        items += [Item(ItemKind.MISSED, line.key, line.since, _LEAST) for line in ways.missed]
        ways.missed.clear()
        words = self._wording.short if way.short else self._wording.full
        self._post(way, words(content, moment), rank, items, moment, at, content.number)

    def _mark_news(self, way: Way, begun: Sequence[Episode], flapping: set[str], wants: Wants, at: float) -> list[Item]:
        items: list[Item] = []
        for episode in [*begun, *(episode for _, episode in wants.flaps)]:
            progress = episode.way(way.id)
            if episode.id in flapping:
                kind = ItemKind.FLAPPING
            else:
                kind = ItemKind.RISEN if progress.told else ItemKind.BEGUN
            items.append(Item(kind, episode.key, episode.since, episode.rank))
            progress.told, progress.told_at, progress.wanted_at = episode.rank, at, None
            progress.failed, progress.ended = False, episode.id in flapping
            progress.holds.clear()
            self._start_waiting(way, episode, at)
            if kind is not ItemKind.FLAPPING:
                self._supersede(way, episode)
        for flap, episode in wants.flaps:
            flap.told[way.id] = max(flap.told.get(way.id, 0), episode.rank)
        return items

    def _mark_rest(self, way: Way, wants: Wants, at: float) -> list[Item]:
        items: list[Item] = []
        for episode in wants.reminders:
            episode.way(way.id).told_at = at
            items.append(Item(ItemKind.REMINDER, episode.key, episode.since, episode.rank))
        for episode in wants.ends:
            episode.way(way.id).ended = True
            items.append(Item(ItemKind.OVER, episode.key, episode.since, episode.peak))
        for flap in wants.calmed:
            del flap.told[way.id]
            flap.stood.pop(way.id, None)
            items.append(Item(ItemKind.CALMED, flap.key, flap.since_wall, _LEAST))
            for episode in self._standing(flap):
                if way.least <= episode.rank and way.order <= episode.level:
                    # The summary says that it stands: it is told by that, and its end is news again.
                    progress = episode.way(way.id)
                    progress.told, progress.told_at = max(progress.told, episode.rank), at
                    progress.wanted_at, progress.ended = None, False
                    self._start_waiting(way, episode, at)
        return items

    def _start_waiting(self, way: Way, episode: Episode, at: float) -> None:
        """From here on an acknowledgement is waited for."""
        if episode.level_at is None and way.order == episode.level:
            episode.level_at = at

    def _supersede(self, way: Way, episode: Episode) -> None:
        """It is told: of what stood before with its key the end is told no longer, and if it had flapped, it lasts."""
        for before in self.state.episodes.values():
            if before.key == episode.key and not before.standing and way.id in before.ways:
                before.way(way.id).ended = True
        flap = self.state.flaps.get(episode.key)
        if flap is not None and flap.flapping:
            flap.stood[way.id] = episode.rank

    def _standing(self, flap: Flap) -> list[Episode]:
        return [episode for episode in self.state.episodes.values() if episode.standing and episode.key == flap.key]

    def _digest(self, way: Way, moment: Moment, at: float) -> None:
        """The day in alerts, once its hour has come; none where there is nothing to tell."""
        if way.digest_minute is None or not moment.synced:
            return
        ways = self.state.way(way.id)
        day = int((moment.wall + moment.offset_s - 60 * way.digest_minute) // 86_400)
        if ways.digest_day is None:
            ways.digest_day, ways.digest_at = day, at
        if day <= ways.digest_day or self.post.sent_within_hour(way.contact, at) >= way.room(_LEAST):
            return
        standing = [episode for episode in self.state.episodes.values() if episode.standing]
        past = [one for one in self.state.past.values() if one.over_at > ways.digest_at]
        ways.digest_day, ways.digest_at = day, at
        ways.missed[:] = [line for line in ways.missed if line.prompt]
        if standing or past:
            self._post(way, self._wording.digest(standing, past, moment), _LEAST, [], moment, at)

    def _post(
        self,
        way: Way,
        words: tuple[str, str],
        rank: int,
        items: list[Item],
        moment: Moment,
        at: float,
        number: str = "",
    ) -> None:
        clock = self.state.clock
        clock.serial += 1
        name = "|".join([way.id, str(clock.serial), *(f"{item.kind}:{item.episode}" for item in items)])
        letter = Letter(
            id=uuid.uuid5(_NAMESPACE, name).hex,
            contact=way.contact,
            way=way.id,
            channel=way.channel,
            to=way.to,
            subject=words[0],
            text=words[1],
            rank=rank,
            items=items,
            wall=moment.wall,
            made_at=at,
            number=number,
            next_at=at,
        )
        self.post.add(letter, at)

    def _number(self, ids: list[str]) -> str:
        """A short number for these episodes: the one that they have, or the next that is free."""
        numbers, clock = self.state.clock.numbers, self.state.clock
        for number, known in numbers.items():
            if known == ids:
                return number
        for _ in range(MOST_NUMBERS):
            clock.number = clock.number % MOST_NUMBERS + 1
            if str(clock.number) not in numbers:
                break
        numbers[str(clock.number)] = ids
        return str(clock.number)
