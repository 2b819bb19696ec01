"""The folder of models beside the store: which there are, which one is active, which ones were before.

    models/<name>/model.onnx    the graph
    models/<name>/card.json     what it is, with the SHA-256 of the graph
    models/active.json          which one is active since when, and which ones were before it

A model's folder is complete or not there, and `active.json` is swapped in one step: whatever is interrupted, a start
finds one or the other. Nothing is run here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from edge_balancer.forecast.interface import LARGEST_BYTES, ModelRefusedError
from edge_balancer.settings.forecast import ACTIVE, DEFAULT, NONE

PACKAGED: Final = Path(__file__).parent / "default"
GRAPH: Final = "model.onnx"
CARD: Final = "card.json"
POINTER: Final = "active.json"
REMEMBERED: Final = 5
"""Models to which a rollback can go."""
LARGEST_CARD: Final = 1 << 18
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_RESERVED: Final = (NONE, ACTIVE, DEFAULT)


class Activation(msgspec.Struct, frozen=True):
    """A model that a person, or the site's own training, put in use. `activated` is ISO 8601, UTC."""

    name: str
    sha256: str
    activated: str


class _Pointer(msgspec.Struct, frozen=True):
    active: Activation | None = None
    previous: tuple[Activation, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model as it lies on the disk, its hash verified. `card` is the JSON beside it."""

    name: str
    onnx: bytes
    sha256: str
    card: Mapping[str, Any]


class Registry:
    """`folder` need not exist before something is put into it."""

    def __init__(self, folder: Path, packaged: Path = PACKAGED) -> None:
        self.folder = folder
        self._packaged = packaged

    def names(self) -> list[str]:
        """All models, the packaged one first."""
        own = sorted(path.parent.name for path in self.folder.glob(f"*/{GRAPH}") if _NAME.fullmatch(path.parent.name))
        return [DEFAULT, *own] if (self._packaged / GRAPH).exists() else own

    def place(self, name: str) -> Path:
        """The folder of a model. Raises ModelRefusedError for what cannot be a model's name."""
        if name == DEFAULT:
            return self._packaged
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise ModelRefusedError(f"{name!r} cannot be a model's name: use letters, digits, `_`, `.` and `-`")
        return self.folder / name

    def read(self, name: str) -> ModelFile:
        """Raises ModelRefusedError where it is missing, cut off or altered."""
        place = self.place(name)
        card = _card(place / CARD)
        onnx = _bytes(place / GRAPH, LARGEST_BYTES)
        sha256 = hashlib.sha256(onnx).hexdigest()
        if card.get("sha256") != sha256:
            raise ModelRefusedError(
                f"{place / GRAPH} is not the file that its card describes (SHA-256 {sha256[:12]}.., "
                f"{len(onnx)} bytes): it is damaged or was altered"
            )
        return ModelFile(name, onnx, sha256, card)

    def install(self, name: str, onnx: bytes, card: Mapping[str, Any]) -> Path:
        """Add a model; its hash joins the card. Raises ModelRefusedError for a name that is taken or cannot be one."""
        place = self.place(name)
        if name == DEFAULT or place.exists():
            raise ModelRefusedError(f"there is a model {name!r} already: give the new one another name")
        self.folder.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
        try:
            # Made private by mkdtemp; the service may run as another user than who trains.
            new.chmod(0o755)
            write_model(new, onnx, card)
            new.rename(place)
            _sync(self.folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        return place

    @property
    def active(self) -> Activation | None:
        """Which model is active; None where none is. Raises ModelRefusedError where that cannot be read."""
        return self._pointer().active

    @property
    def previous(self) -> tuple[Activation, ...]:
        """The ones before it, the last first."""
        return self._pointer().previous

    def activate(self, name: str, now: dt.datetime) -> Activation:
        """Put a model in use from the controller's next start or reload on. Raises ModelRefusedError where it cannot be
        read; whether it can be used is for the caller to have tried."""
        chosen = Activation(name, self.read(name).sha256, now.astimezone(dt.UTC).isoformat(timespec="microseconds"))
        try:
            pointer = self._pointer()
        except ModelRefusedError:
            pointer = _Pointer()
        before = () if pointer.active is None else (pointer.active,)
        others = tuple(one for one in (*before, *pointer.previous) if (one.name, one.sha256) != (name, chosen.sha256))
        self._point(_Pointer(chosen, others[:REMEMBERED]))
        return chosen

    def rollback(self, now: dt.datetime) -> Activation | None:
        """Put the model before the active one in use again; None where there was none, and now it is the packaged one.
        Raises ModelRefusedError where nothing is active, or the one before is not what it was."""
        pointer = self._pointer()
        if pointer.active is None:
            raise ModelRefusedError("no model is active: there is nothing to go back from")
        if not pointer.previous:
            self._point(_Pointer())
            return None
        last = pointer.previous[0]
        sha256 = self.read(last.name).sha256
        # The packaged one may have changed with the program; its card vouches for it.
        if last.name != DEFAULT and sha256 != last.sha256:
            raise ModelRefusedError(f"model {last.name!r} is not the one that was active before: its file has changed")
        again = Activation(last.name, sha256, now.astimezone(dt.UTC).isoformat(timespec="microseconds"))
        self._point(_Pointer(again, pointer.previous[1:]))
        return again

    def _pointer(self) -> _Pointer:
        path = self.folder / POINTER
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Pointer)
        except FileNotFoundError:
            return _Pointer()
        except (OSError, msgspec.MsgspecError) as error:
            raise ModelRefusedError(
                f"{path} cannot be read ({error}): activate a model anew, or remove the file"
            ) from error

    def _point(self, pointer: _Pointer) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".active-", dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(pointer), indent=2) + b"\n")
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            Path(name).replace(self.folder / POINTER)
            _sync(self.folder)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_model(place: Path, onnx: bytes, card: Mapping[str, Any]) -> None:
    """Graph and card into an existing folder; the card is given the graph's hash."""
    content = {**card, "sha256": hashlib.sha256(onnx).hexdigest(), "bytes": len(onnx)}
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    for name, data in ((GRAPH, onnx), (CARD, text.encode())):
        with (place / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    _sync(place)


def _card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(_bytes(path, LARGEST_CARD))
    except ValueError as error:
        raise ModelRefusedError(f"{path} is no JSON: {error}") from error
    if not isinstance(card, dict):
        raise ModelRefusedError(f"{path} is no JSON object")
    return card


def _bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise ModelRefusedError(f"{path} is missing") from None
    except OSError as error:
        raise ModelRefusedError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > most:
        raise ModelRefusedError(f"{path} has more than {most} bytes")
    return data


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
