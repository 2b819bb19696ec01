"""One channel in a thread of its own: a slow or hanging one holds up no other. One job at a time."""

from __future__ import annotations

import enum
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from edge_balancer.alerts.channels.channel import Channel, Message, Outcome, Receipt, Received
from edge_balancer.logs import get_logger

LISTEN_EVERY_S: Final = 5.0
"""How often an idle channel is asked for what came in."""

_T = TypeVar("_T")
_log = get_logger(__name__)


class Job(enum.Enum):
    SEND = "send"
    FIND = "find"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Task:
    """What a channel is to do with one letter."""

    job: Job
    letter: str
    message: Message
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What it said; None where it cannot tell."""

    task: Task
    receipt: Receipt | None


class Line(Protocol):
    """A channel as the clerk sees it."""

    @property
    def busy(self) -> bool: ...

    def begin(self, task: Task) -> None:
        """Only while it is not busy."""
        ...

    def done(self) -> list[Done]:
        """What has been answered since it was last asked."""
        ...

    def heard(self) -> list[Received]: ...


def carry_out(channel: Channel, task: Task) -> Receipt | None:
    """Do it now. A channel that raises breaks its promise: nothing but the kind of the error is told, for its text may
    hold a secret."""
    try:
        match task.job:
            case Job.SEND:
                return channel.send(task.message)
            case Job.FIND:
                return channel.find(task.message, task.message.wall)
            case Job.LOOK:
                return channel.look(task.reference)
    except Exception as error:  # noqa: BLE001 - whatever it is, other alerts must go out
        _log.error("a channel failed in a way that it must not", channel=channel.name, error=type(error).__name__)
        return Receipt(Outcome.RETRY, detail=f"{channel.name} failed: {type(error).__name__}")


class ThreadedLine:
    """`wake` is called, in the line's thread, when there is news."""

    def __init__(self, channel: Channel, wake: Callable[[], None], listen_every_s: float = LISTEN_EVERY_S) -> None:
        self._channel = channel
        self._wake = wake
        self._listen_every_s = listen_every_s
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._busy = False
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=f"alerts {channel.name}", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        return self._busy

    def begin(self, task: Task) -> None:
        self._busy = True
        self._tasks.put(task)

    def done(self) -> list[Done]:
        found = _all(self._done)
        if found:
            self._busy = False
        return found

    def heard(self) -> list[Received]:
        return _all(self._heard)

    def end(self) -> None:
        """Let the thread end after what it is doing."""
        self._closing = True
        self._tasks.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait for its end; one that hangs in its channel is left behind."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            _log.warning("a channel does not end", channel=self._channel.name, waited_s=timeout_s)

    def _work(self) -> None:
        # At once at the start: somebody may have answered while nobody was there.
        wait_s = 0.0
        while not self._closing:
            try:
                task = self._tasks.get(timeout=wait_s)
            except queue.Empty:
                task = None
            wait_s = self._listen_every_s
            if task is not None:
                self._done.put(Done(task, carry_out(self._channel, task)))
                self._wake()
            elif not self._closing:
                self._listen()
        self._channel.close()

    def _listen(self) -> None:
        try:
            received = self._channel.received()
        except Exception as error:  # noqa: BLE001 - as in carry_out
            _log.error(
                "a channel failed in a way that it must not", channel=self._channel.name, error=type(error).__name__
            )
            return
        for one in received:
            self._heard.put(one)
        if received:
            self._wake()


def _all(source: queue.SimpleQueue[_T]) -> list[_T]:
    found: list[_T] = []
    while True:
        try:
            found.append(source.get_nowait())
        except queue.Empty:
            return found
