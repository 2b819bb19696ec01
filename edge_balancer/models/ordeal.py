"""The mark of a model that is being loaded, so that native code which ends the process does not end control for good.

onnxruntime is no Python: on a processor that it was not built for, or with a damaged library, it ends the process
without an exception, and systemd starts it again. So before a model is loaded a mark is laid beside the store, and it
is taken away when the controller has lived with the model for ten minutes, or ends in order. Three marks in a row that
were left behind mean that the controller does without the model for a day, and then tries it once. A power cut leaves
a mark too: a feeder that loses its supply three times within ten minutes of a start does without for a day, which
costs little.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from edge_balancer.logs import get_logger

FILE: Final = "model-ordeal.json"
MOST: Final = 3
"""Starts in a row that did not survive the model."""
PROVEN_S: Final = 600.0
AGAIN_S: Final = 86_400.0

_log = get_logger(__name__)


class _Mark(msgspec.Struct, frozen=True):
    """`identity` of the model and the runtime's version; `times` it was begun; `wall`: the last time (Unix s)."""

    identity: str
    runtime: str
    times: int
    wall: float


class Ordeal:
    """Of one run of the controller. `database` is the store's file."""

    def __init__(self, database: Path, wall: Callable[[], float] = time.time) -> None:
        self._path = database.parent / FILE
        self._wall = wall
        self._timer: threading.Timer | None = None
        self._ours = False
        """Whether this run laid the mark; one that a run before left behind is not this one's to take away."""

    def begin(self, identity: str) -> str:
        """Lay the mark before a model is loaded; gives why it must not be, empty where it may.

        Where the mark cannot be laid the model is loaded all the same: a full disk is no reason to do without it.
        """
        against = self.against(identity)
        if against:
            return against
        self._ours = True
        runtime, last = _runtime_version(), self._last(identity)
        try:
            self._lay(_Mark(identity, runtime, 1 if last is None else last.times + 1, self._wall()))
        except OSError as error:
            _log.warning("no mark could be laid before the model is loaded", path=str(self._path), error=str(error))
        return ""

    def against(self, identity: str) -> str:
        """Why a start would not load this model; empty where it would. Nothing is changed."""
        last = self._last(identity)
        # A clock that was ahead must not mean years of waiting; the mark that is laid then has the new time.
        if last is None or last.times < MOST or not 0.0 <= self._wall() - last.wall < AGAIN_S:
            return ""
        return (
            f"{last.times} times in a row the controller came to a sudden end within {PROVEN_S / 60.0:.0f} minutes of "
            f"loading it, by power cuts or by onnxruntime {last.runtime} itself: edge-balancer models verify tells. A "
            "start after a day tries it once more; activated anew, it is tried at once"
        )

    def survived_loading(self) -> None:
        """It is loaded and has answered; the mark stays for a while yet."""
        self._timer = threading.Timer(PROVEN_S, self._lift)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """The controller ends in order, or the model was refused in order."""
        if self._timer is not None:
            self._timer.cancel()
        if self._ours:
            self._lift()

    def _lift(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _last(self, identity: str) -> _Mark | None:
        """The mark that was left behind, where it is of this model and this runtime."""
        try:
            mark = msgspec.json.decode(self._path.read_bytes(), type=_Mark)
        except (OSError, msgspec.MsgspecError):
            # None, or half of one: it is written anew.
            return None
        return mark if (mark.identity, mark.runtime) == (identity, _runtime_version()) else None

    def _lay(self, mark: _Mark) -> None:
        with self._path.open("wb") as file:
            file.write(msgspec.json.encode(mark))
            file.flush()
            os.fsync(file.fileno())


def _runtime_version() -> str:
    """Of onnxruntime, without loading it."""
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return ""
