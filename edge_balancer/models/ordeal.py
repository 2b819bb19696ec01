"""The mark of a model that is being loaded, so that native code which ends the process does not end control for good.

onnxruntime is no Python: on a processor that it was not built for, or with a damaged library, it ends the process
without an exception, and systemd starts it again. So before a model is loaded a mark is laid beside the store, and it
is taken away when the controller has lived with the model for ten minutes, or ends in order. Three marks in a row that
were left behind since the machine has booted mean that the controller does without the model until the next boot; a
model that is activated anew, or another onnxruntime, is tried at once. A power cut is another boot, so none counts; and
no clock is asked, which on a Pi may be wrong.
"""

from __future__ import annotations

import os
import secrets
import threading
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
FAREWELL_S: Final = 1.0
"""A disk that hangs may keep an orderly end from taking the mark away for so long."""

_log = get_logger(__name__)


class _Mark(msgspec.Struct, frozen=True):
    """`identity` of the model, the runtime's version, the machine's boot; `times` it was begun since. `refused`: a
    start has done without the model; before that, the last one may still be alive."""

    identity: str
    runtime: str
    boot: str
    times: int
    refused: bool = False


class Ordeal:
    """Of one run of the controller. `database` is the store's file, `boot` a name of the machine's boot."""

    def __init__(self, database: Path, boot: str) -> None:
        self._path = database.parent / FILE
        self._boot = boot
        self._timer: threading.Timer | None = None
        self._ours = False
        """Whether this run's mark lies there; one that a run before left behind is not this one's to take away."""
        self._ended = False

    def begin(self, identity: str) -> str:
        """Lay the mark before a model is loaded; gives why it must not be, empty where it may.

        Where the mark cannot be laid the model is loaded all the same: a full disk is no reason to do without it.
        """
        last = self._last(identity)
        if last is not None and last.times >= MOST:
            if not last.refused:
                self._lay(msgspec.structs.replace(last, refused=True))
            return _reason(last)
        self._ours = True
        self._lay(_Mark(identity, _runtime_version(), self._boot, 1 if last is None else last.times + 1))
        return ""

    def against(self, identity: str) -> str:
        """Why the last start did without this model; empty where it did not. Nothing is changed."""
        last = self._last(identity)
        return _reason(last) if last is not None and last.refused else ""

    def survived_loading(self) -> None:
        """It is loaded and has answered; the mark stays for a while yet."""
        if self._ended:
            return
        self._timer = threading.Timer(PROVEN_S, self._lift)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """The controller ends in order, or the model was refused in order."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        lifting = threading.Thread(target=self._lift, name="model-ordeal", daemon=True)
        lifting.start()
        lifting.join(FAREWELL_S)

    def _lift(self) -> None:
        if self._ours:
            self._ours = False
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _last(self, identity: str) -> _Mark | None:
        """The mark that lies there, where it is of this model, this runtime and this boot."""
        try:
            mark = msgspec.json.decode(self._path.read_bytes(), type=_Mark)
        except (OSError, msgspec.MsgspecError):
            # None, or half of one: it is written anew.
            return None
        same = (mark.identity, mark.runtime, mark.boot) == (identity, _runtime_version(), self._boot)
        return mark if same else None

    def _lay(self, mark: _Mark) -> None:
        new = self._path.with_name(f".{self._path.name}.{secrets.token_hex(6)}")
        try:
            # A mark that lies there stays whole where the disk is full.
            with new.open("wb") as file:
                file.write(msgspec.json.encode(mark))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            _log.warning("no mark can be laid before a model is loaded", path=str(self._path), error=str(error))


def _reason(mark: _Mark) -> str:
    return (
        f"{mark.times} times in a row the controller came to a sudden end within {PROVEN_S / 60.0:.0f} minutes of "
        f"loading it, perhaps by onnxruntime {mark.runtime} itself"
    )


def _runtime_version() -> str:
    """Of onnxruntime, without loading it."""
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return ""
