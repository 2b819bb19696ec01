"""The Modbus RTU master of one line: one request at a time, and no reply that could be another request's.

What keeps a late, doubled, broken or foreign reply from becoming a value:

- A request goes out after a gap of silence, into an empty buffer; whatever comes unasked is dropped and counted LATE.
- A reply must begin with the first byte received and be right in unit, function, count or echo, and checksum.
- After a reply that did not come or was not believed the line is held quiet for `quiet_s`, and then until it is silent.
- The unit then owes a reply, and is asked nothing that this could be taken for before a probe has proven that nothing
  is under way any more (see `debts`). Frames that answer what is owed are dropped also while a request is out.
- On a real port no byte can come before the request has left.

A confirmed write: the echo repeats function, address and value (address and count for several), so an echo could only
be confused with the one of the very same write sent before, and that is owed as any reply. With several values an
earlier write of other values to the same place looks the same too; being of one function, it is owed in the same way.
An adapter that hears itself while `echo` is false would seem to confirm single writes by itself: on a port where bytes
take their time this is seen, behind a network adapter it is not, so whoever switches something reads it back.

Knows nothing of queues and of reopening: see `owner`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.errors import Fault, LineDown
from firmware_bridge.errors import TransactionError as Failed
from firmware_bridge.lines.complaints import complaint, place, refusal
from firmware_bridge.lines.debts import Debts
from firmware_bridge.lines.frames import Judge, Judgement, crc16, frame_size
from firmware_bridge.lines.requests import BROADCAST, Reply, Request
from firmware_bridge.lines.stream import Stream
from firmware_bridge.lines.tally import LineTally, Transaction
from firmware_bridge.lines.timing import TURNAROUND_S, Timing
from firmware_bridge.lines.trace import Passage, Trace, Traced
from firmware_bridge.settings.devices import LineSettings

ADAPTER_S: Final = 0.02
"""An adapter's own delay: USB ones collect bytes for up to 16 ms."""
_BABBLE_S: Final = 1.0
"""How long beyond its other waits a request waits for a line that is never silent."""
_EARLY: Final = 0.8
"""A port's clock may be off by some percent; less than this share of the request's duration it cannot have taken."""
_NOW_S: Final = 1e-6


@dataclass(slots=True, eq=False)
class _Pending:
    """One request on the line."""

    judge: Judge
    done: asyncio.Future[Judgement]
    probe: bool
    began_s: float
    """When it began to wait for silence."""
    sent_s: float
    due_s: float
    """When a reply must have begun."""
    earliest_s: float
    """Before this nothing can be its reply."""
    echo: bytes
    """What of the request must still come back first."""
    timer: asyncio.TimerHandle | None = None
    extended: bool = False
    buffer: bytearray = field(default_factory=bytearray)

    @property
    def request(self) -> Request:
        return self.judge.request


class RtuMaster:
    """One line, opened and closed as often as needed; what the units owe outlives that. Not for two tasks at once."""

    def __init__(
        self,
        settings: LineSettings,
        opener: Callable[[LineSettings], Awaitable[Stream]],
        tally: LineTally,
        *,
        trace: Trace | None = None,
    ) -> None:
        self._settings = settings
        self._opener = opener
        self._tally = tally
        self._trace = trace
        self._timing = Timing.of(settings)
        self._debts = Debts()
        self._stream: Stream | None = None
        self._gone = "it is not open yet"
        self._on_lost: Callable[[str], None] | None = None
        self._pending: _Pending | None = None
        self._free_s = 0.0
        """When the next request may go out, unless something arrives before."""
        self._answered: Request | None = None
        """The last request that got its reply, until something else is sent or arrives."""
        self._burst = False
        """Whether what was dropped last belongs to the same burst as what comes next."""

    async def open(self, on_lost: Callable[[str], None]) -> None:
        """Raises LineDown. `on_lost` is called once with the reason when the line is gone by itself."""
        self._stream = await self._opener(self._settings)
        self._on_lost = on_lost
        # Whoever held the line before may have left a request unanswered.
        self._free_s = asyncio.get_running_loop().time() + self._settings.quiet_s
        self._stream.listen(self._arrived, self._lost)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._gone = "it was closed"

    async def transact(self, request: Request) -> Reply:
        """Send it and give the reply. Raises TransactionError, DeviceRefusal, LineDown.

        A cancelled one counts as not answered: the line stays usable.
        """
        if self._debts.suspects(request):
            await self._resynchronise(request)
        judgement = await self._exchange(request, probe=False)
        if judgement.fault is not None:
            raise self._failure(request, judgement)
        return judgement.reply

    async def _resynchronise(self, request: Request) -> None:
        """Return when nothing that the unit owes can come any more."""
        probe = self._debts.probe(request)
        judgement = await self._exchange(probe, probe=True)
        if judgement.fault not in (None, Fault.EXCEPTION):
            self._debts.probe_failed(probe)
            raise Failed(
                Fault.TIMEOUT,
                f"{place(self._settings.name, request)}: still owes an earlier answer, and did not answer a probe "
                f"within {self._settings.reply_timeout_s:g} s: is it powered?",
            )

    def _failure(self, request: Request, judgement: Judgement) -> Failed:
        if judgement.fault is None or judgement.fault is Fault.EXCEPTION:
            return refusal(self._settings.name, request, judgement.code)
        return complaint(self._settings.name, request, judgement.fault, self._settings.reply_timeout_s)

    async def _exchange(self, request: Request, *, probe: bool) -> Judgement:
        """One request on the line. The books are kept by the time it returns, whatever came of it."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        stream = await self._silence(request)
        judge = Judge(request)
        sent_s = loop.time()
        left_s = sent_s + self._timing.request_s(request)
        if request.unit == BROADCAST:
            due_s = left_s + TURNAROUND_S
        else:
            due_s = left_s + self._timing.gap_s + self._settings.reply_timeout_s + ADAPTER_S
        pending = _Pending(
            judge,
            loop.create_future(),
            probe,
            began_s,
            sent_s,
            due_s,
            sent_s + _EARLY * (left_s - sent_s) if stream.paced else sent_s,
            judge.frame if self._settings.echo else b"",
        )
        self._pending, self._answered, self._burst = pending, None, False
        try:
            if self._trace is not None:
                self._trace(Traced(sent_s, Passage.SENT, judge.frame, probe=probe))
            stream.write(judge.frame)
            pending.timer = loop.call_at(due_s, self._expired, pending)
            return await pending.done
        finally:
            if pending.timer is not None:
                pending.timer.cancel()
            if self._pending is pending:
                # Cancelled, or the line is gone.
                self._pending = None
                self._not_answered(pending, loop.time())

    async def _silence(self, request: Request) -> Stream:
        """Wait until the line may be used."""
        loop = asyncio.get_running_loop()
        patience_s = max(self._free_s, loop.time()) + self._timing.gap_s + _BABBLE_S
        while True:
            if self._stream is not None:
                self._stream.poll()
            # The poll may have found the line gone.
            if self._stream is None:
                raise LineDown(f"line {self._settings.name} is down: {self._gone}")
            now = loop.time()
            if self._free_s - now <= _NOW_S:
                return self._stream
            if now > patience_s:
                self._tally.count(request.unit, Fault.LATE)
                raise Failed(
                    Fault.LATE,
                    f"{place(self._settings.name, request)}: not sent, the line is never silent: is there another "
                    "master, or a device that talks without end?",
                )
            await asyncio.sleep(self._free_s - now)

    # What follows is called by the event loop.

    def _arrived(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self._free_s = max(self._free_s, now + self._timing.gap_s)
        pending = self._pending
        if pending is None:
            self._drop(data, now)
            return
        if pending.echo:
            back = data[: len(pending.echo)]
            if not pending.echo.startswith(back):
                self._finish(pending, Judgement(0, fault=Fault.CHECKSUM), now, data)
                return
            pending.echo = pending.echo[len(back) :]
            data = data[len(back) :]
            if not data:
                return
        if pending.request.unit == BROADCAST:
            self._drop(data, now)
        elif now < pending.earliest_s:
            self._finish(pending, Judgement(0, fault=Fault.LATE), now, data)
        else:
            pending.buffer += data
            self._consider(pending, now)

    def _consider(self, pending: _Pending, now: float) -> None:
        """Is the reply there? Frames that are owed are dropped until it is."""
        buffer = pending.buffer
        while buffer:
            judgement = pending.judge.look(buffer)
            if judgement is None:
                owed = self._owed(pending)
                if not owed:
                    return
            elif judgement.fault not in (None, Fault.EXCEPTION) or self._debts.proves(pending.request, judgement.code):
                self._finish(pending, judgement, now)
                return
            else:
                owed = judgement.used
            self._burst = False
            self._drop(bytes(buffer[:owed]), now)
            del buffer[:owed]

    def _owed(self, pending: _Pending) -> int:
        """How many bytes at the beginning are a frame that answers an earlier request; 0 where they are none."""
        buffer = pending.buffer
        if not pending.judge.stray(buffer):
            return 0
        size = frame_size(buffer)
        if size is None or len(buffer) < size or crc16(bytes(buffer[:size])) or not self._debts.explains(buffer):
            return 0
        return size

    def _expired(self, pending: _Pending) -> None:
        # The event loop may have been held up while the reply lay in the kernel's buffer.
        if self._stream is not None:
            self._stream.poll()
        if self._pending is not pending:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if pending.echo:
            begun = len(pending.echo) < len(pending.judge.frame)
            self._finish(pending, Judgement(0, fault=Fault.SHORT if begun else Fault.TIMEOUT), now)
        elif pending.request.unit == BROADCAST:
            self._finish(pending, Judgement(0), now)
        elif pending.buffer and not pending.extended:
            pending.extended = True
            whole_s = self._timing.reply_s(pending.request) + ADAPTER_S
            pending.timer = loop.call_at(now + whole_s, self._expired, pending)
        else:
            fault = pending.judge.blame(pending.buffer)
            self._finish(pending, Judgement(len(pending.buffer), fault=fault), now)

    def _finish(self, pending: _Pending, judgement: Judgement, now: float, unused: bytes = b"") -> None:
        """Keep the books and hand the judgement over; `unused` was not taken into the buffer."""
        self._pending = None
        request = pending.request
        received = bytes(pending.buffer[: judgement.used])
        refused = judgement.fault is Fault.EXCEPTION
        if self._trace is not None and request.unit != BROADCAST:
            self._trace(Traced(now, Passage.RECEIVED, received, judgement.fault, pending.probe))
        if judgement.fault is not None and not refused:
            self._not_answered(pending, now)
            wire_s = self._timing.request_s(request) + self._timing.bytes_s(len(received)) + 2 * self._timing.gap_s
        else:
            wire_s = self._timing.transaction_s(request)
            if refused:
                wire_s += self._timing.refusal_s() - self._timing.reply_s(request)
            if request.unit != BROADCAST:
                self._debts.answered(request, judgement.code)
                self._answered = request
        done = Transaction(
            request.unit,
            judgement.fault,
            len(pending.judge.frame),
            len(received),
            now - pending.sent_s,
            wire_s,
            now - pending.began_s,
            pending.probe,
        )
        self._tally.add(done, now)
        surplus = bytes(pending.buffer[judgement.used :]) + unused
        if surplus:
            self._drop(surplus, now)
        if not pending.done.done():
            pending.done.set_result(judgement)

    def _not_answered(self, pending: _Pending, now: float) -> None:
        self._debts.owe(pending.request)
        self._free_s = max(self._free_s, max(now, pending.due_s) + self._settings.quiet_s)

    def _drop(self, data: bytes, now: float) -> None:
        self._tally.drop(len(data), fresh=not self._burst)
        self._burst = True
        if self._trace is not None:
            self._trace(Traced(now, Passage.DROPPED, data, Fault.LATE))
        if self._answered is not None and self._answered.unit == data[0]:
            # It looks like a second answer, and there may be a third.
            self._debts.owe(self._answered)
        self._answered = None

    def _lost(self, reason: str) -> None:
        self._stream = None
        self._gone = reason
        if self._pending is not None and not self._pending.done.done():
            self._pending.done.set_exception(LineDown(f"line {self._settings.name} is down: {reason}"))
        if self._on_lost is not None:
            self._on_lost(reason)
