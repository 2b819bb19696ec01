"""A simulated line: devices behind a pseudo terminal, half-duplex, at the pace of its baud rate or as fast as it goes.

What a device says is its own business (`meter`, `boards`, `phase_device`), what spoils it is in `faults`, the terminal
in `pty_port`. It runs in a thread (`start`, or `with`) or in the calling one (`run`), so a process of its own may do
nothing else. A collision costs the request, not the reply: nobody hears it.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Self

from firmware_bridge.simulator.device import Device, reply_of
from firmware_bridge.simulator.faults import Delivery, FaultSource, Sending
from firmware_bridge.simulator.line_counts import LineCounts
from firmware_bridge.simulator.outbox import Outbox
from firmware_bridge.simulator.pty_port import PtyPort
from firmware_bridge.simulator.wire import BROADCAST, Question, intact, parse, request_length

GAP_CHARACTERS: Final = 3.5
_SHORTEST_GAP_S: Final = 0.00175
"""Above 19200 baud the gap no longer shrinks (Modbus over serial line 1.02, 2.5.1.1)."""
_UNPACED_PATIENCE_S: Final = 0.005
"""Without pace, what makes no request after this long is garbage."""
_IDLE_S: Final = 0.1
_ANSWER_S: Final = 10.0


class PtyLine:
    """Use it as `with PtyLine([...]) as line:` and open `line.path`."""

    def __init__(
        self,
        devices: Iterable[Device],
        *,
        baud: int = 9600,
        bits_per_character: int = 10,
        paced: bool = True,
        delay_s: float = 0.0,
        link: Path | None = None,
        faults: FaultSource | None = None,
        speeds: Mapping[int, int] | None = None,
    ) -> None:
        """`delay_s` is what a device thinks before it answers; `speeds` names units that are set to another baud rate
        than the line's. Without a `link` the path changes when the line is unplugged and plugged again."""
        self._devices: dict[int, Device] = {}
        for device in devices:
            if device.unit in self._devices:
                raise ValueError(f"unit {device.unit} is there twice: on one line each device has its own address")
            self._devices[device.unit] = device
        self._baud, self._speeds = baud, dict(speeds or {})
        self._paced, self._delay_s, self._faults = paced, delay_s, faults
        self._character_s = bits_per_character / baud
        gap_s = GAP_CHARACTERS * self._character_s
        self._gap_s = max(gap_s, _SHORTEST_GAP_S) if baud > 19200 else gap_s
        self._port = PtyPort(baud, link)
        self.counts = LineCounts()

        self._buffer = bytearray()
        self._heard_until = 0.0
        """When the last byte heard has left the master's wire."""
        self._spoke_until = 0.0
        self._outbox = Outbox()
        self._returns_at: float | None = None
        self._idle_since: float | None = None

        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_out, False)
        self._stopping = self._closed = False
        self._wanted: tuple[bool, threading.Event] | None = None
        self._thread: threading.Thread | None = None
        self._poll = select.poll()
        self._poll.register(self._wake_out, select.POLLIN)
        self._plug()

    @property
    def path(self) -> str:
        """What a master opens."""
        return self._port.path

    @property
    def faults(self) -> FaultSource | None:
        return self._faults

    # The outside: from any thread.

    def start(self) -> Self:
        self._thread = threading.Thread(target=self.run, name=f"simulated line {self.path}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it, and wait for its thread; the terminal and the link are gone then. Also from a signal handler."""
        self._stopping = True
        if not self._closed:
            self._wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_ANSWER_S)

    def close(self) -> None:
        """Stop, and give everything back; for a line that was never started too."""
        self.stop()
        if self._closed:
            return
        self._closed = True
        self._port.unplug()
        for fd in (self._wake_out, self._wake_in):
            os.close(fd)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def unplug(self) -> None:
        """Pull the adapter out; returns when it is gone."""
        self._order(plugged=False)

    def plug(self) -> None:
        """Put it in again; returns when it can be opened."""
        self._order(plugged=True)

    def _order(self, *, plugged: bool) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._plug() if plugged else self._unplug()
            return
        done = threading.Event()
        self._wanted = (plugged, done)
        self._wake()
        if not done.wait(_ANSWER_S):
            raise TimeoutError(f"the simulated line {self.path} does not answer")

    def _wake(self) -> None:
        os.write(self._wake_in, b".")

    # The inside: the line's own thread.

    def run(self) -> None:
        """Serve until `stop`."""
        while not self._stopping:
            now = time.monotonic()
            self._carry_out()
            self._send_due(now)
            self._understand(now)
            for fd, _ in self._poll.poll(self._patience_ms(time.monotonic())):
                if fd == self._wake_out:
                    os.read(self._wake_out, 4096)
                else:
                    self._hear()

    def _patience_ms(self, now: float) -> float | None:
        """Time until something is to be done by itself; None for none."""
        instants = [at for device in self._devices.values() if (at := device.settle(now)) is not None]
        if (due := self._outbox.next_at()) is not None:
            instants.append(due)
        if self._buffer:
            instants.append(self._understood_at())
        if self._returns_at is not None:
            instants.append(self._returns_at)
        if self._idle_since is not None:
            if now >= self._idle_since + _IDLE_S and self._port.plugged:
                self._port.release()
                self._idle_since = None
            else:
                instants.append(self._idle_since + _IDLE_S)
        return max(0.0, min(instants) - now) * 1000.0 if instants else None

    def _carry_out(self) -> None:
        if self._returns_at is not None and time.monotonic() >= self._returns_at:
            self._plug()
        if self._wanted is not None:
            (plugged, done), self._wanted = self._wanted, None
            self._plug() if plugged else self._unplug()
            done.set()

    def _plug(self) -> None:
        self._returns_at = None
        if not self._port.plugged:
            self._port.plug()
            self._poll.register(self._port.fileno(), select.POLLIN)

    def _unplug(self) -> None:
        """The devices do not notice: they keep their contacts, and what they still owe may come when the adapter is
        back."""
        self._returns_at = None
        if self._port.plugged:
            self.counts.unplugged += 1
            self._poll.unregister(self._port.fileno())
            self._port.unplug()
        self._buffer.clear()

    def _hear(self) -> None:
        data = self._port.read()
        if not data:
            return
        now = time.monotonic()
        self._idle_since = now
        if not self._buffer and self._paced and now < self._spoke_until + self._gap_s:
            self.counts.gap_broken += 1
        begins = max(now, self._heard_until) if self._buffer else now
        self._heard_until = begins + len(data) * self._character_s * self._paced
        self._buffer += data
        if not self._paced:
            self._take_whole_requests(now)

    def _understood_at(self) -> float:
        """When the silence that ends a request is over."""
        return self._heard_until + (self._gap_s if self._paced else _UNPACED_PATIENCE_S)

    def _understand(self, now: float) -> None:
        if not self._buffer or now < self._understood_at():
            return
        frame = bytes(self._buffer)
        self._buffer.clear()
        question = parse(frame)
        if question is None:
            self.counts.garbled += 1
        else:
            self._meet(question, now)

    def _take_whole_requests(self, now: float) -> None:
        """Without pace there is no silence to wait for: a request is over with its last byte."""
        while (length := request_length(self._buffer)) is not None and length <= len(self._buffer):
            frame = bytes(self._buffer[:length])
            question = parse(frame) if intact(frame) else None
            if question is None:
                return
            del self._buffer[:length]
            self._meet(question, now)

    def _meet(self, question: Question, now: float) -> None:
        self.counts.requests += 1
        self.counts.units[question.unit] += 1
        speed = self._port.speed()
        if question.unit == BROADCAST:
            self.counts.broadcasts += 1
            for device in self._devices.values():
                if speed in (None, self._speeds.get(device.unit, self._baud)):
                    reply_of(device, question, now)
            return
        meant = self._devices.get(question.unit)
        if meant is None:
            self.counts.nobody += 1
        elif speed not in (None, self._speeds.get(meant.unit, self._baud)):
            self.counts.wrong_speed += 1
        elif self._outbox.deaf(meant.unit, now):
            self.counts.deaf += 1
        elif (frame := reply_of(meant, question, now)) is not None:
            delivery = self._faults.deliver(frame) if self._faults else Delivery((Sending(0.0, frame),))
            self._deliver(meant.unit, delivery, now)

    def _deliver(self, unit: int, delivery: Delivery, now: float) -> None:
        if delivery.unplugged_s:
            self._unplug()
            self._returns_at = now + delivery.unplugged_s
            return
        self._outbox.put(unit, delivery, now + self._delay_s)
        self._send_due(now)

    def _send_due(self, now: float) -> None:
        while (data := self._outbox.take(now)) is not None:
            self._send(data)
            now = max(now, time.monotonic()) if self._paced else now

    def _send(self, data: bytes) -> None:
        if not self._port.plugged:
            return
        self.counts.replies += 1
        if not self._paced:
            self._port.write(data)
            return
        begun = time.monotonic()
        sent = 0
        while sent < len(data):
            time.sleep(max(0.0, begun + (sent + 1) * self._character_s - time.monotonic()))
            due = min(len(data), int((time.monotonic() - begun) / self._character_s))
            if due == len(data) and self._port.read():
                self.counts.collisions += 1
                self._buffer.clear()
            if due > sent:
                self._port.write(data[sent:due])
                sent = due
        self._spoke_until = time.monotonic()
