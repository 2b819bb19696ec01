"""The store as the event loop sees it: one thread owns the file, the loop waits for the trail and never for telemetry.

When the disk fails, nothing is pretended: `append` raises, `fault` says why, the events wait in memory and are recorded
late, in order and marked so, once the disk is back. Retries back off; the log hears of the loss once and of the return
once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.backlog import LateEvents, WaitingTelemetry
from edge_balancer.storage.chain import Head, canonical_json, link
from edge_balancer.storage.errors import StorageError, Trouble
from edge_balancer.storage.projection import RESERVED_KEYS, check
from edge_balancer.storage.restore import restore_from_file
from edge_balancer.storage.store import Store
from edge_balancer.types.events import Event
from edge_balancer.types.ports import Restored
from edge_balancer.types.snapshot import MinuteMean, MinuteOfFeeder

T = TypeVar("T")

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 30.0
CLOSE_TIMEOUT_S: Final = 1.5
"""A stop must take less than two seconds in all; a disk that hangs longer than this is left behind."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Job:
    """Something that a caller waits for, and how it is told of the end."""

    run: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]

    def settle(self, result: Any, error: BaseException | None) -> None:
        # A loop that is closed already has nobody waiting.
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._set, result, error)

    def _set(self, result: Any, error: BaseException | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(result)
        else:
            self.done.set_exception(error)


class StorageThread:
    """Owns the store. All methods are for the event loop's thread; `start` comes first, `close` last."""

    def __init__(
        self,
        path: Path,
        settings: StorageSettings,
        *,
        first_retry_s: float = FIRST_RETRY_S,
        last_retry_s: float = LAST_RETRY_S,
    ) -> None:
        self._path = path
        self._settings = settings
        self._first_retry_s = first_retry_s
        self._last_retry_s = last_retry_s
        self._store: Store | None = None
        self._head = Head()
        self._fault = ""
        self._late = LateEvents()
        self._waiting = WaitingTelemetry()
        self._jobs: deque[_Job] = deque()
        self._flush_at: float | None = None
        self._thin_wall: float | None = None
        self._retry_s = first_retry_s
        self._retry_at = 0.0
        self._stopping = False
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def fault(self) -> str:
        """Why the store cannot save at present; empty when it can."""
        return self._fault

    @property
    def head(self) -> Head:
        """The last row known to be on disk. Worth noting elsewhere: see `verify`."""
        return self._head

    @property
    def late_events(self) -> int:
        """Events that wait in memory for the disk to come back."""
        return len(self._late)

    @property
    def lost_events(self) -> int:
        """Events given up in the present outage because too many waited."""
        return self._late.lost

    @property
    def dropped_minutes(self) -> int:
        """Minute means given up since the start because too many waited."""
        return self._waiting.dropped

    async def start(self, now_wall: float, *, synced: bool = True) -> Restored:
        """Open the store and read what was before; `synced` says whether `now_wall` can be trusted.

        A database that can be read and not written (a read-only disk) is enough: `fault` is then set from the start and
        opening is tried again. Raises StorageError when not even that is possible, or the file is not one to write to.
        """
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="storage", daemon=True)
        self._thread.start()
        try:
            return await self._call(lambda: self._open_first(now_wall, synced))
        except BaseException:
            await self.close()
            raise

    async def append(self, events: Sequence[Event]) -> None:
        """Record events durably. Raises StorageError if they are not on disk now; they are then recorded late, marked
        as such.

        Raises ValueError for an event that can never be recorded; then none of them is kept.
        """
        if events:
            kept = tuple(events)
            for event in kept:
                check(event)
            await self._call(lambda: self._append(kept))

    def submit_minutes(self, minutes: Sequence[MinuteMean], feeder: Sequence[MinuteOfFeeder]) -> None:
        """Hand over minute means for the next batch (`storage.batch_s`). Never waits."""
        with self._wake:
            self._waiting.add(minutes, feeder)
            self._plan_flush()

    def submit_state(self, key: str, value: Any, *, soon: bool = False) -> None:
        """Hand over a value to be kept with the next batch, or `soon`: with one begun now. Never waits. Raises
        ValueError if it is not JSON-able or not free.
        """
        if key in RESERVED_KEYS:
            raise ValueError(f"state {key!r} follows from the audit trail and cannot be set")
        canonical_json(value)
        with self._wake:
            self._waiting.put_state(key, value)
            self._plan_flush()
            if soon:
                self._flush_at = time.monotonic()
                self._wake.notify()

    def submit_thin(self, now_wall: float) -> None:
        """Ask for old telemetry to be thinned, piece by piece between other work. Only with a clock that can be
        trusted.
        """
        with self._wake:
            self._thin_wall = now_wall
            self._wake.notify()

    async def load_state(self, key: str) -> Any:
        """The value last written under a key; None where there is none."""
        return await self._call(lambda: self._open_store().load_state(key))

    async def size_bytes(self) -> int:
        return await self._call(lambda: self._open_store().size_bytes())

    async def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Write what waits, close the file, end the thread. Does not wait longer than `timeout_s` for a disk that
        hangs.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._wake:
            self._stopping = True
            self._wake.notify()
        await asyncio.to_thread(thread.join, timeout_s)
        if thread.is_alive():
            _log.error("storage_does_not_close", path=str(self._path), waited_s=timeout_s)

    async def _call(self, run: Callable[[], T]) -> T:
        if self._thread is None:
            raise RuntimeError("the storage thread is not running: start it first")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        with self._wake:
            self._jobs.append(_Job(run, loop, done))
            self._wake.notify()
        return await done

    def _plan_flush(self) -> None:
        if self._flush_at is None:
            self._flush_at = time.monotonic() + self._settings.batch_s
            self._wake.notify()

    # Everything below runs in the storage thread.

    def _work(self) -> None:
        while True:
            with self._wake:
                while not (self._jobs or self._stopping):
                    wait_s = self._next_s()
                    if wait_s is not None and wait_s <= 0:
                        break
                    self._wake.wait(wait_s)
                job = self._jobs.popleft() if self._jobs else None
                if job is None and self._stopping:
                    break
            if job is not None:
                self._do(job)
            else:
                self._background()
        self._finish()

    def _next_s(self) -> float | None:
        """Seconds until something is to be done unasked; None for nothing."""
        now = time.monotonic()
        if self._fault:
            return self._retry_at - now
        if self._thin_wall is not None:
            return 0.0
        return None if self._flush_at is None else self._flush_at - now

    def _do(self, job: _Job) -> None:
        try:
            result = job.run()
        except BaseException as error:  # noqa: BLE001 -- it is the caller's, whatever it is
            job.settle(None, error)
        else:
            job.settle(result, None)

    def _background(self) -> None:
        try:
            if self._fault:
                self._recover()
            elif self._thin_wall is not None:
                if not self._open_store().thin(self._thin_wall).more:
                    self._thin_wall = None
            else:
                self._flush()
        except StorageError as error:
            self._lost(error)
        except Exception as error:  # noqa: BLE001 -- see below
            # A defect here must neither end the thread, with every append waiting for ever, nor pass for saved.
            _log.exception("storage_defect", path=str(self._path))
            self._thin_wall = None
            self._lost(StorageError("defect in the storage thread", self._path, Trouble.IO, repr(error)))

    def _open_first(self, now_wall: float, synced: bool) -> Restored:
        try:
            self._store = Store.open(self._path, self._settings)
            self._head = self._store.head()
            _log.info("storage_opened", path=str(self._path), head=str(self._head))
            return self._store.restore(now_wall, synced=synced)
        except StorageError as error:
            if error.trouble not in (Trouble.FULL, Trouble.READ_ONLY, Trouble.LOCKED, Trouble.IO, Trouble.MISSING):
                raise
            try:
                restored, self._head = restore_from_file(self._path, now_wall, synced=synced)
            except StorageError:
                raise error from None
            self._lost(error)
            return restored

    def _append(self, events: Sequence[Event]) -> None:
        if self._fault and time.monotonic() < self._retry_at:
            self._keep_late(events)
            raise StorageError("cannot write the audit trail", self._path, Trouble.IO, f"still: {self._fault}")
        try:
            if self._fault:
                self._recover()
            self._open_store().append(events)
        except StorageError as error:
            self._lost(error)
            self._keep_late(events)
            raise
        self._head = self._open_store().head()

    def _keep_late(self, events: Sequence[Event]) -> None:
        for event in events:
            # What could never be recorded would block all that waits behind it: raises ValueError.
            link(event, Head())
        self._late.add(events)

    def _flush(self) -> None:
        with self._wake:
            batch = self._waiting.take()
            self._flush_at = None
        try:
            if batch.minutes or batch.feeder:
                self._open_store().write_minutes(batch.minutes, batch.feeder)
            for key, value in batch.state.items():
                self._open_store().save_state(key, value)
        except StorageError:
            with self._wake:
                self._waiting.put_back(batch)
            raise

    def _recover(self) -> None:
        """Open anew (a connection that has seen an error of the disk is not to be trusted) and write all that waits."""
        self._drop_store()
        what = "cannot go on with the database"
        if self._head.seq and not self._path.exists():
            # Opening would begin an empty trail in the place of the one that was lost.
            raise StorageError(what, self._path, Trouble.REPLACED, "the file is gone")
        store = Store.open(self._path, self._settings)
        if not store.holds(self._head):
            store.close()
            why = f"its audit trail does not hold row {self._head.seq}, which this program wrote"
            raise StorageError(what, self._path, Trouble.REPLACED, why)
        self._store = store
        late, lost = len(self._late), self._late.lost
        if late:
            store.append(self._late.marked())
            self._late.clear()
        self._flush()
        self._head = store.head()
        self._fault = ""
        self._retry_s = self._first_retry_s
        _log.info("storage_back", path=str(self._path), late_events=late, lost_events=lost)

    def _lost(self, error: StorageError) -> None:
        if not self._fault:
            _log.error("storage_lost", path=str(self._path), trouble=str(error.trouble), error=str(error))
        self._fault = str(error)
        self._retry_at = time.monotonic() + self._retry_s
        self._retry_s = min(self._retry_s * 2, self._last_retry_s)

    def _open_store(self) -> Store:
        if self._store is None:
            raise StorageError("cannot use the database", self._path, Trouble.IO, "it is not open")
        return self._store

    def _drop_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            with suppress(StorageError):
                store.close()

    def _finish(self) -> None:
        if self._fault:
            # One last try: what waits is lost otherwise.
            self._background()
        elif self._store is not None:
            self._thin_wall = None
            self._background()
        if self._late or self._waiting:
            _log.error("storage_unsaved", path=str(self._path), events=len(self._late), telemetry=bool(self._waiting))
        if self._store is not None:
            _log.info("storage_closed", path=str(self._path), head=str(self._head))
        self._drop_store()
