"""The messenger as the daemon sees it: it is told which alerts stand, and hands back what people have acknowledged.

Nothing here waits: the work is done in threads of its own, one for telling, one for the queue's file, and one for each
channel in use.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from edge_balancer.alerts.channels.build import build
from edge_balancer.alerts.channels.channel import Channel, Expecting
from edge_balancer.alerts.telling.answers import asked_between
from edge_balancer.alerts.telling.directory import Moment, ways_of
from edge_balancer.alerts.telling.state import State, Status
from edge_balancer.alerts.telling.teller import Teller
from edge_balancer.alerts.texts import texts_of
from edge_balancer.clock import Clock
from edge_balancer.logs import get_logger
from edge_balancer.messenger.clerk import Clerk
from edge_balancer.messenger.keeper import Keeper
from edge_balancer.messenger.line import LISTEN_EVERY_S, ThreadedLine
from edge_balancer.messenger.zone import offset_of
from edge_balancer.settings.root import Configuration
from edge_balancer.types.events import Alert
from edge_balancer.types.switching import AlertAck, SilenceRequest

TURN_S: Final = 1.0
"""How often it is looked whether something is due."""
CLOSE_S: Final = 0.5
"""A stop does not wait longer for a thread that hangs in its disk or network."""
SHOWN_FAILURES: Final = 5

_log = get_logger(__name__)


class Messenger:
    """For one configuration with contacts. `tell`, `silence` and `acks` may be called from the event loop."""

    def __init__(
        self,
        config: Configuration,
        clock: Clock,
        queue: Path,
        channels: Mapping[str, Channel],
        listen_every_s: float = LISTEN_EVERY_S,
        unusable: Mapping[str, str] | None = None,
    ) -> None:
        """`unusable`: channels that are configured and cannot be used, and why."""
        telling = config.alerts.telling
        self._clock = clock
        self._offset = offset_of(telling.time_zone)
        self._ways = ways_of(config.contacts)
        self._settings = telling
        self._feeder = config.feeder.id
        used = {way.channel for way in self._ways}
        self._channels = {name: channel for name, channel in channels.items() if name in used}
        self._unusable = dict(unusable or {})
        self._keeper = Keeper(queue, clock.wall)
        self._listen_every_s = listen_every_s
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._standing: tuple[Alert, ...] | None = None
        self._silences: list[SilenceRequest] = []
        self._acks: list[AlertAck] = []
        self._shown: dict[str, Any] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)

    def start(self, standing: Iterable[Alert]) -> None:
        """`standing`: the alerts that stand, as the store restored them."""
        self.tell(standing)
        self._thread.start()

    def tell(self, standing: Iterable[Alert]) -> None:
        """These alerts stand now, and no others."""
        with self._lock:
            self._standing = tuple(standing)
        self._wake.set()

    def silence(self, requests: Iterable[SilenceRequest]) -> None:
        with self._lock:
            self._silences += requests
        self._wake.set()

    def acks(self) -> list[AlertAck]:
        """What people have acknowledged since this was last asked."""
        with self._lock:
            acks, self._acks = self._acks, []
        return acks

    def diagnostics(self) -> dict[str, Any]:
        """As of its last turn."""
        with self._lock:
            return dict(self._shown)

    def close(self) -> None:
        """End the threads. What has not left waits in the file for the next start."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(3.0 * CLOSE_S)
        else:
            for channel in self._channels.values():
                channel.close()

    # Everything below runs in the messenger's thread.

    def _work(self) -> None:
        state, lost = self._keeper.open()
        for name, channel in self._channels.items():
            asked = asked_between(state, name)
            if asked is not None and isinstance(channel, Expecting):
                channel.expect(*asked)
        lines = {
            name: ThreadedLine(channel, self._wake.set, self._listen_every_s)
            for name, channel in self._channels.items()
        }
        texts = texts_of(self._settings.language)
        teller = Teller(self._settings, self._ways, texts, self._feeder, state)
        chance = Random()  # noqa: S311 - spreads retries
        clerk = Clerk(teller, self._ways, lines, self._keeper.save, chance, self._unusable)
        try:
            while not self._stopping:
                self._wake.wait(TURN_S)
                self._wake.clear()
                if self._turn(clerk, lost):
                    lost = False
        finally:
            for line in lines.values():
                line.end()
            for line in lines.values():
                line.join(CLOSE_S / len(lines))
            self._keeper.close(CLOSE_S)

    def _turn(self, clerk: Clerk, lost: bool) -> bool:
        """One turn; whether the alerts that stand were known."""
        with self._lock:
            standing = self._standing
            silences, self._silences = self._silences, []
        moment = self._moment()
        try:
            if lost and standing is not None:
                clerk.teller.assume_told(moment, standing)
            for wish in silences:
                clerk.teller.silence(moment, wish.pattern, wish.minutes * 60.0, wish.operator)
                _log.info("alerts silenced", pattern=wish.pattern, minutes=wish.minutes, by=wish.operator)
            acks = clerk.turn(moment, standing)
        except Exception:  # noqa: BLE001 - a defect must not end the telling of all later alerts
            _log.exception("a turn of the messenger failed")
            return standing is not None
        shown = self._figures(clerk)
        with self._lock:
            self._acks += acks
            self._shown = shown
        return standing is not None

    def _moment(self) -> Moment:
        wall = self._clock.wall()
        return Moment(self._clock.monotonic(), wall, self._clock.synced(), self._offset(wall))

    def _figures(self, clerk: Clerk) -> dict[str, Any]:
        teller = clerk.teller
        letters = teller.state.letters.values()
        failed = [letter for letter in letters if letter.status is Status.FAILED][-SHOWN_FAILURES:]
        return {
            "fault": self._keeper.fault,
            "unusable": self._unusable,
            "waiting": sum(1 for _ in teller.state.open_letters()),
            "counts": dict(sorted(teller.post.counts.items())),
            "channels": {name: dict(sorted(channel.counts.items())) for name, channel in self._channels.items()},
            "held": {str(why): number for why, number in sorted(teller.held.items())},
            "answers": sum(clerk.answers.values()),
            "answers_passed_over": clerk.strangers,
            "failed_last": [
                {
                    "contact": letter.contact,
                    "channel": letter.channel,
                    "keys": list(letter.keys),
                    "t": letter.wall,
                    "detail": letter.detail,
                }
                for letter in failed
            ],
            "silences": [
                {"pattern": silence.pattern, "until": silence.until_wall, "by": silence.by}
                for silence in teller.state.silences.values()
            ],
            "numbers": _numbers(teller.state),
        }


def _numbers(state: State) -> dict[str, list[str]]:
    """Short number -> keys of the alerts that it acknowledges."""
    found = {}
    for number, ids in state.clock.numbers.items():
        keys = [state.episodes[name].key for name in ids if name in state.episodes and state.episodes[name].standing]
        if keys:
            found[number] = keys
    return found


def channels_of(config: Configuration) -> tuple[dict[str, Channel], dict[str, str]]:
    """The channels in use, and those that cannot be used for want of a package, with the reason, which `check` tells
    too: the others are left alone by that."""
    missing: dict[str, str] = {}
    channels = build(config.channels, missing)
    for name, why in missing.items():
        _log.error("a channel cannot be used", channel=name, error=why)
    return channels, missing
