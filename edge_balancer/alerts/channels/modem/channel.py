"""The channel `modem`: sends and receives SMS, and is the one owner of the modem's line.

The line is opened when it is first needed and again after it broke; between calls nothing runs.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt, Received
from edge_balancer.alerts.channels.gsm_pdu import Deliver, PduError, StatusReport, Submit, decode, is_number, submits
from edge_balancer.alerts.channels.gsm_text import fit_answerable
from edge_balancer.alerts.channels.modem.answers import ModemError, ModemGone, ModemSilent, fault_of
from edge_balancer.alerts.channels.modem.dialogue import Dialogue
from edge_balancer.alerts.channels.modem.inbox import Inbox
from edge_balancer.alerts.channels.modem.reports import Reports, reference_of
from edge_balancer.alerts.channels.modem.session import NotReadyError, Session
from edge_balancer.alerts.channels.receipts import Tally
from edge_balancer.settings.channels import ModemSettings

_PROMPT_S: Final = 10.0
_LIST_S: Final = 20.0
_MOST_UNFINISHED: Final = 64
_RECEIVED_STATES: Final = ("0", "1")
"""Of an SMS in the modem's memory: received unread, received read. Others were written there to be sent."""

_Result = TypeVar("_Result")


@dataclass(slots=True)
class _Progress:
    """How far a message of several SMS came before it failed: what left is not sent again."""

    references: list[int] = field(default_factory=list)
    unsure: bool = False
    """The SMS that is next was handed over, and its confirmation did not come in time."""


class ModemChannel:
    """SMS over a modem. Thread-safe; `close` ends what another thread waits for."""

    name: str = "modem"

    def __init__(
        self,
        settings: ModemSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        poll_s: float = 1.0,
        inbox_every_s: float = 10.0,
        inbox_failed_s: float = 60.0,
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._inbox_every_s = inbox_every_s
        self._inbox_failed_s = inbox_failed_s
        self._lock = threading.RLock()
        self._line: Dialogue | None = None
        self._ready = False
        self._closed = threading.Event()
        self._look_at = float("-inf")
        self._session = Session(
            pin=settings.pin.get_secret_value(),
            service_centre=settings.service_centre,
            reports=settings.reports,
            register_s=settings.register_s,
            poll_s=poll_s,
            monotonic=monotonic,
        )
        self._tally = Tally()
        self._inbox = Inbox()
        self._reports = Reports()
        self._arrived: list[Received] = []
        self._handed_out: dict[int, str] = {}
        """Place in the modem's memory -> PDU that was read there and could not be deleted."""
        self._unfinished: dict[str, _Progress] = {}

    @property
    def counts(self) -> dict[str, int]:
        """How often each thing happened."""
        return dict(self._tally.counts)

    @property
    def signal_dbm(self) -> float | None:
        """Strength of the signal as last asked, dBm; None where unknown."""
        return self._session.signal_dbm

    def send(self, message: Message) -> Receipt:
        if not is_number(message.to):
            return self._tally.receipt(
                Outcome.REFUSED,
                "invalid_number",
                f"{message.to!r} is no number: write it with + and the country's code, such as +4915112345678",
            )
        text = fit_answerable(message.text, self._settings.most_sms, message.wants_ack)
        concatenation = zlib.crc32(message.id.encode()) & 0xFF
        pdus = submits(message.to, text, concatenation, report=self._settings.reports)
        with self._lock:
            progress = self._unfinished.pop(message.id, _Progress())
            receipt = self._guarded(lambda line: self._send(line, message, pdus, progress), progress)
            if receipt.outcome is Outcome.RETRY and (progress.references or progress.unsure):
                self._unfinished[message.id] = progress
                while len(self._unfinished) > _MOST_UNFINISHED:
                    del self._unfinished[next(iter(self._unfinished))]
            return receipt

    def look(self, reference: str) -> Receipt | None:
        with self._lock:
            self._listen()
            found = self._reports.look(reference)
            if found is not None:
                self._tally.counts["delivered" if found.outcome is Outcome.DELIVERED else "not_delivered"] += 1
            return found

    def find(self, message: Message, since_wall: float) -> Receipt | None:  # noqa: ARG002
        """None: a modem does not remember what it sent."""
        return None

    def received(self) -> Sequence[Received]:
        with self._lock:
            self._listen()
            if not self._closed.is_set() and self._monotonic() >= self._look_at:
                failed = self._guarded(self._read_memory) is not None
                # A modem that does not answer takes seconds to say so, in which nothing can be sent.
                self._look_at = self._monotonic() + (self._inbox_failed_s if failed else self._inbox_every_s)
            arrived, self._arrived = self._arrived, []
            return arrived

    def close(self) -> None:
        self._closed.set()
        line = self._line
        if line is not None:
            line.abandon()
        with self._lock:
            self._drop()

    def _guarded(self, work: Callable[[Dialogue], _Result], progress: _Progress | None = None) -> _Result | Receipt:
        """Do something over the line; what goes wrong becomes a receipt."""
        try:
            return work(self._opened())
        except NotReadyError as error:
            self._ready = False
            return self._tally.receipt(error.fault.outcome, error.fault.kind, error.fault.detail)
        except ModemError as error:
            self._ready = False
            fault = fault_of(error)
            return self._tally.receipt(fault.outcome, fault.kind, fault.detail)
        except ModemSilent as error:
            self._ready = False
            if progress is not None and error.sent:
                progress.unsure = True
                detail = f"{error}: it may leave yet; check the antenna and the reception"
                return self._tally.receipt(Outcome.RETRY, "unconfirmed", detail)
            detail = (
                f"the modem on {self._settings.port} gives {error}: check that channels.modem.port is its line for AT "
                "commands, its speed, its power"
            )
            return self._tally.receipt(Outcome.RETRY, "silent", detail)
        except ModemGone as error:
            self._drop()
            return self._tally.receipt(Outcome.RETRY, "gone", str(error))

    def _opened(self) -> Dialogue:
        if self._closed.is_set():
            raise ModemGone("the channel is closed")
        if self._line is None:
            self._line = Dialogue(self._settings.port, self._settings.baud, self._monotonic)
            if self._closed.is_set():
                self._line.abandon()
        return self._line

    def _drop(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line, self._ready = None, False

    def _send(self, line: Dialogue, message: Message, pdus: tuple[Submit, ...], progress: _Progress) -> Receipt:
        self._session.prepare(line)
        self._ready = True
        if progress.unsure and line.late_submits:
            progress.references.append(line.late_submits[-1])
        progress.unsure = False
        for pdu in pdus[len(progress.references) :]:
            line.late_submits.clear()
            reference = line.submit(pdu.length, pdu.hex, _PROMPT_S, self._settings.send_s)
            progress.references.append(reference)
            self._reports.sent(message.to, [reference])
        self._sort(line)
        signal = "" if self.signal_dbm is None else f", signal {self.signal_dbm:g} dBm"
        detail = f"{len(pdus)} SMS{signal}"
        return self._tally.receipt(Outcome.SENT, "sent", detail, reference_of(message.to, progress.references))

    def _listen(self) -> None:
        """Take in what the modem has said since."""
        if self._line is None:
            return
        try:
            self._line.drain()
        except ModemGone:
            self._drop()
            self._tally.counts["gone"] += 1
        else:
            self._sort(self._line)

    def _sort(self, line: Dialogue) -> None:
        while line.unasked:
            said = line.unasked.popleft()
            if said.code == "+CMTI":
                # One has come in: look at once.
                self._look_at = float("-inf")
            elif said.pdu:
                self._take(said.pdu, None)

    def _take(self, pdu: str, place: int | None) -> list[int]:
        """Sort one PDU into inbox or reports; gives the places in the modem's memory that may be emptied."""
        try:
            sms = decode(pdu)
        except PduError:
            # A picture message, or settings from the operator: nobody reads it here, and it would fill the memory.
            self._tally.counts["unreadable"] += 1
            return [] if place is None else [place]
        match sms:
            case StatusReport():
                self._reports.add(sms)
                return [] if place is None else [place]
            case Deliver():
                whole, places = self._inbox.add(sms, place, self._monotonic())
                self._arrived += whole
                self._tally.counts["received"] += len(whole)
                return places

    def _read_memory(self, line: Dialogue) -> None:
        if not self._ready:
            self._session.prepare(line, register=False)
            self._ready = True
        listed = line.command("AT+CMGL=4", "+CMGL:", _LIST_S, pdus=True)
        found: dict[int, str] = {}
        for head, pdu in zip(listed[::2], listed[1::2], strict=False):
            index, _, rest = head.partition(",")
            if index.strip().isdigit() and rest.partition(",")[0].strip() in _RECEIVED_STATES:
                found[int(index)] = pdu
        # What was handed out before and could not be deleted is not handed out again.
        self._handed_out = {place: pdu for place, pdu in self._handed_out.items() if found.get(place) == pdu}
        done = set(self._handed_out)
        for place, pdu in sorted(found.items()):
            if place not in done:
                done.update(self._take(pdu, place))
        late, places = self._inbox.expire(self._monotonic())
        self._arrived += late
        for place in sorted(done.union(places)):
            self._handed_out[place] = found.get(place, "")
            with suppress(ModemError):
                line.command(f"AT+CMGD={place}")
                del self._handed_out[place]
        self._sort(line)
