"""One phase switch towards the broker: what it hears there and what it says. Judgement is the interlock's.

A command that is retained, or cannot be read, gets no answer: there is nobody to whom it would say something. What is
said is kept, so that each new connection can be told it again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import Final

import msgspec

from firmware_bridge.contract import (
    OFFLINE,
    ONLINE,
    Result,
    SetCommand,
    State,
    availability_topic,
    decode_set,
    encode_state,
    set_topic,
    state_topic,
)
from firmware_bridge.host.clock import BridgeClock
from firmware_bridge.service.bus import Said, Say
from firmware_bridge.service.diagnostics import SwitchDiagnostics
from firmware_bridge.switches.driver import SwitchDriver
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.interlock_types import Answer
from firmware_bridge.words import shown

_log = logging.getLogger(__name__)

_LONGEST_ID: Final = 128
_TOLD_EVERY_S: Final = 10.0
_LONGEST: Final = 4096
"""Of a command, in bytes; real ones have some 250."""
_GREATEST_SEQ: Final = 2**63
"""What databases and other languages can count to."""


class UnreadableCommandError(ValueError):
    """Not a command that could be judged; the text says why."""


class SwitchPost:
    """The topics of one switch. `driver` and `interlock` come when it starts."""

    def __init__(self, house: str, base_topic: str, clock: BridgeClock, say: Say) -> None:
        self.house = house
        self.set_topic: Final = set_topic(base_topic, house)
        self.availability_topic: Final = availability_topic(base_topic, house)
        self._state_topic: Final = state_topic(base_topic, house)
        self._clock = clock
        self._say = say
        self._state: State | None = None
        self._refusals: Counter[str] = Counter()
        self._failures = 0
        self._ended = False
        self.driver: SwitchDriver | None = None
        self.interlock: Interlock | None = None
        self.unread = 0
        self._told: dict[object, tuple[float, int]] = {}

    @property
    def available(self) -> bool:
        return self.driver is not None and self.driver.available and not self._ended

    @property
    def moving(self) -> bool:
        return self.interlock is not None and self.interlock.moving

    def receive(self, topic: str, payload: bytes, retained: bool) -> bool:
        """False where the topic is another's. Never raises."""
        if topic == self.set_topic:
            self._receive_command(payload, retained)
        elif topic != self.availability_topic:
            return False
        elif payload == OFFLINE and self.available:
            # A last will of an earlier connection may arrive after our greeting and would stay for ever.
            self.announce_availability()
        return True

    def announce(self) -> None:
        """State before availability: who reads `online` finds the position already there."""
        self.announce_state()
        self.announce_availability()

    def announce_state(self) -> None:
        """What the switch said last; nothing before it has said anything."""
        if self._state is not None:
            self._say(Said(self._state_topic, encode_state(self._state), qos=1, retain=True))

    def announce_availability(self) -> None:
        payload = ONLINE if self.available else OFFLINE
        self._say(Said(self.availability_topic, payload, qos=1, retain=True))

    def tell(self, answer: Answer) -> None:
        """Of the driver: what the switch answers."""
        if answer.refusal is not None:
            self._refusals[answer.refusal] += 1
        if answer.result is Result.FAILED:
            self._failures += 1
        self._state = State(
            phase=answer.phase,
            t=self._clock.wall(),
            operations=0 if self.driver is None else self.driver.operations,
            id=answer.id,
            result=answer.result,
            reason=answer.reason,
        )
        self._log_answer(answer)
        self.announce_state()

    def on_available(self, available: bool) -> None:
        """Of the driver: the switch can be reached, or no longer."""
        if available:
            _log.info("switch of %s can be reached", self.house)
        else:
            _log.warning("switch of %s cannot be reached", self.house)
        # The driver says what it has read in the same breath, after this: state goes before availability.
        asyncio.get_running_loop().call_soon(self.announce_availability)

    def complain_where_unreached(self) -> None:
        """Some time after the start: a switch that was never there would else be missed by nobody."""
        if not self.available and self._state is None:
            _log.warning(
                "switch of %s: its contacts could not be read since the start; check the board's power, wiring, unit "
                "and baud rate (`firmware-bridge scan` looks for it)",
                self.house,
            )

    def end(self) -> None:
        """The bridge ends: the switch stays where it is, and cannot be reached."""
        self._ended = True
        self.announce_availability()

    def diagnostics(self) -> SwitchDiagnostics:
        driver = self.driver
        return SwitchDiagnostics(
            house=self.house,
            available=self.available,
            position=None if driver is None else driver.position,
            moving=self.moving,
            locked="" if driver is None else driver.locked,
            operations=0 if driver is None else driver.operations,
            refusals={str(kind): count for kind, count in sorted(self._refusals.items())},
            failures=self._failures,
        )

    def _receive_command(self, payload: bytes, retained: bool) -> None:
        if retained:
            # An empty retained payload only deletes one: MQTT delivers that as a message of now, not as retained.
            self.unread += 1
            self._complain(
                "retained", f"retained command for {self.house} ignored: a retained command is an old one; clear it"
            )
            return
        if not payload:
            return
        try:
            command = read_command(payload)
        except UnreadableCommandError as error:
            self.unread += 1
            self._complain("unread", f"command for {self.house} cannot be read: {shown(str(error))}")
            return
        if self.driver is None:
            self.tell(Answer(None, command.id, Result.REJECTED, "the bridge is starting"))
        elif self._ended:
            self.tell(Answer(self.driver.position, command.id, Result.REJECTED, "the bridge is stopping"))
        else:
            self.driver.submit(command)

    def _log_answer(self, answer: Answer) -> None:
        where = answer.phase or "an unknown phase"
        about = f"command {answer.id}: {answer.result}, " if answer.result is not None else ""
        text = f"switch of {self.house}: {about}on {where}" + (f" ({shown(answer.reason)})" if answer.reason else "")
        bad = answer.result is Result.FAILED or (answer.phase is None and answer.result is not Result.MOVING)
        if answer.result is Result.REJECTED:
            self._complain(answer.refusal, text)
        else:
            _log.log(logging.WARNING if bad else logging.INFO, "%s", text)

    def _complain(self, kind: object, text: str) -> None:
        """A flood of one kind is told once in a while, with how many there were; all are counted."""
        now = time.monotonic()
        due, unsaid = self._told.get(kind, (now, 0))
        if now < due:
            self._told[kind] = (due, unsaid + 1)
            return
        self._told[kind] = (now + _TOLD_EVERY_S, 0)
        _log.warning("%s%s", text, f" (and {unsaid} more of this kind before)" if unsaid else "")


def read_command(payload: bytes) -> SetCommand:
    """A command that everything behind can take. Raises UnreadableCommandError."""
    if len(payload) > _LONGEST:
        raise UnreadableCommandError(f"{len(payload)} bytes, at most {_LONGEST} are read")
    try:
        command = decode_set(payload)
        for text in (command.id, command.phase, command.origin, command.mac):
            text.encode()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableCommandError(str(error)) from error
    if not (0 < len(command.id) <= _LONGEST_ID and command.id.isprintable()):
        raise UnreadableCommandError(f"id = {shown(command.id)}: ids are 1 to {_LONGEST_ID} printable characters")
    if max(len(command.phase), len(command.origin)) > _LONGEST_ID:
        raise UnreadableCommandError("phase or from is longer than any phase's name")
    if not 0 <= command.seq < _GREATEST_SEQ:
        raise UnreadableCommandError(f"seq = {command.seq}: sequence numbers run from 0 to 2^63 - 1")
    return command
