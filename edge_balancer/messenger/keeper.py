"""The queue's file in a thread of its own: whoever saves waits for the disk for a while, and not for ever.

Only rows that changed are written. Where the disk fails, nothing is pretended: `fault` says why, and all that changed
is written once it is back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from edge_balancer.alerts.telling.state import CLOCK_ROW, State, clock_was_set, from_rows
from edge_balancer.logs import get_logger
from edge_balancer.messenger.queue_file import QueueFile, set_aside
from edge_balancer.storage.errors import StorageError, Trouble

PATIENCE_S: Final = 5.0
"""A disk that takes longer hangs: a message does not wait for it, or nobody would be told that it hangs."""
RETRY_S: Final = 10.0

_log = get_logger(__name__)


class Keeper:
    """`open` first, `close` last; `save` from one thread only."""

    def __init__(self, path: Path, wall: Callable[[], float], patience_s: float = PATIENCE_S) -> None:
        self._path = path
        self._wall = wall
        self._patience_s = patience_s
        self._file: QueueFile | None = None
        self._saved: dict[str, bytes] = {}
        self._opened: tuple[State, bool] | None = None
        self._wanted: dict[str, bytes] | None = None
        self._fault = ""
        self._asked_at = 0.0
        self._retry_at = 0.0
        self._stopping = False
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def fault(self) -> str:
        """Why the queue cannot be saved at present; empty when it can."""
        if self._wanted is not None and time.monotonic() - self._asked_at > self._patience_s:
            return f"the disk has not answered for {time.monotonic() - self._asked_at:.0f} s"
        return self._fault

    def open(self) -> tuple[State, bool]:
        """The state as it was saved, and whether it was lost: then what stands must be taken as told. A disk that
        cannot be used gives an empty state that is lost too, and is tried again at each save."""
        self._thread = threading.Thread(target=self._work, name="alerts queue", daemon=True)
        self._thread.start()
        with self._news:
            self._news.wait_for(lambda: self._opened is not None)
            return self._opened or (State(), True)

    def save(self, rows: Mapping[str, bytes]) -> bool:
        """Have these rows on disk, and no others. False where the disk fails or hangs; they are then tried again with
        the next save."""
        with self._news:
            if self._wanted is not None:
                # It hangs with an earlier one. That one is stale by now, and the next save writes the difference.
                return False
            if not self._differs(rows) or (self._fault and time.monotonic() < self._retry_at):
                return not self._fault
            self._wanted = dict(rows)
            self._asked_at = time.monotonic()
            self._news.notify_all()
            if not self._news.wait_for(lambda: self._wanted is None, self._patience_s):
                _log.error("the disk hangs: alerts are sent without a record", seconds=self._patience_s)
                return False
            return not self._fault

    def close(self, timeout_s: float) -> None:
        with self._news:
            self._stopping = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _differs(self, rows: Mapping[str, bytes]) -> bool:
        """Whether anything but the clock's row has changed: that one alone wears the disk for nothing, unless the
        clock was set."""
        return self._but_clock(rows) != self._but_clock(self._saved) or clock_was_set(self._saved, rows)

    def _but_clock(self, rows: Mapping[str, bytes]) -> dict[str, bytes]:
        return {name: row for name, row in rows.items() if name != CLOCK_ROW}

    # Everything below runs in the queue's thread: SQLite wants its connections used where they were made.

    def _work(self) -> None:
        opened = self._open()
        with self._news:
            self._opened = opened
            self._news.notify_all()
        while True:
            with self._news:
                self._news.wait_for(lambda: self._stopping or self._wanted is not None)
                wanted = self._wanted
            if wanted is None:
                break
            fault = self._write(wanted)
            with self._news:
                if fault and not self._fault:
                    _log.error("the queue of alerts cannot be saved", path=str(self._path), error=fault)
                elif self._fault and not fault:
                    _log.info("the queue of alerts is saved again", path=str(self._path))
                self._fault = fault
                self._retry_at = time.monotonic() + RETRY_S
                self._wanted = None
                self._news.notify_all()
        if self._file is not None:
            with suppress(StorageError):
                self._file.close()

    def _open(self) -> tuple[State, bool]:
        try:
            self._file = QueueFile(self._path)
            self._saved = self._file.load()
            return from_rows(self._saved), False
        except (StorageError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._saved = {}
            self._damaged(error)
        return State(), True

    def _write(self, wanted: Mapping[str, bytes]) -> str:
        """Why it could not be written; empty where it was."""
        try:
            if self._file is None:
                self._file = QueueFile(self._path)
                self._saved = self._file.load()
            changed = {name: row for name, row in wanted.items() if self._saved.get(name) != row}
            self._file.save(changed, self._saved.keys() - wanted.keys())
        except StorageError as error:
            file, self._file = self._file, None
            if file is not None:
                with suppress(StorageError):
                    file.close()
            if error.trouble is Trouble.CORRUPT:
                self._damaged(error)
            return str(error)
        except Exception as error:  # noqa: BLE001 - a defect here must neither end the thread nor pass for saved
            _log.exception("the queue of alerts met a defect", path=str(self._path))
            return repr(error)
        self._saved = dict(wanted)
        return ""

    def _damaged(self, error: Exception) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(StorageError):
                file.close()
        if isinstance(error, StorageError) and error.trouble is not Trouble.CORRUPT:
            self._fault = str(error)
            _log.error("the queue of alerts cannot be opened", path=str(self._path), error=str(error))
            return
        try:
            aside = set_aside(self._path, self._wall())
        except OSError as trouble:
            self._fault = f"{self._path} is damaged and cannot be moved: {trouble.strerror or trouble}"
            _log.error("the queue of alerts is damaged and cannot be moved", error=self._fault)
            return
        _log.error(
            "the queue of alerts is damaged: it is set aside, and alerts that stand are taken as told",
            path=str(self._path),
            aside=str(aside),
            error=str(error),
        )
