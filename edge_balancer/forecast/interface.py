"""The agreement between a learned forecast's file and the daemon: names, shapes, units, and what the file says of
itself. Pure: nothing is loaded or run here.

Interface 1, an ONNX graph with one input and up to three outputs, N houses, F features, B blocks:

    features       float32 [N, F]   `features.FEATURES`, in their order
    correction     float32 [N, B]   kW, added to the active part of the blend's forecast; 0 keeps the blend
    spread         float32 [N, B]   optional: kW, standard error of each house's forecast
    price_factor   float32 [N]      optional (or [N, 1]): factor on the price of moving the house, taken within 0.5 to 2

What the file says of itself stands in its `metadata_props`, as text (`KEYS`). A file whose interface, features or
blocks differ from this program's is refused: numbers in the wrong column look like numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_balancer.errors import EdgeBalancerError
from edge_balancer.forecast.features import FEATURES
from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.types.demotion import Blame

INTERFACE: Final = 1
INPUT: Final = "features"
CORRECTION: Final = "correction"
SPREAD: Final = "spread"
PRICE_FACTOR: Final = "price_factor"
OUTPUTS: Final = (CORRECTION, SPREAD, PRICE_FACTOR)
LEAST_FACTOR: Final = 0.5
MOST_FACTOR: Final = 2.0
LARGEST_BYTES: Final = 1 << 20
"""Of a model's file."""
KEYS: Final = (
    "interface",
    "features",
    "blocks",
    "version",
    "kind",
    "data_sha256",
    "metrics",
    "created",
    "licence",
    "ranges",
)
"""Names in `metadata_props`, each prefixed with `edge_balancer.`."""
BY_PLACE: Final = "by_place"
"""The one name that may be missing, which means no."""
_PREFIX: Final = "edge_balancer."


class ModelRefusedError(EdgeBalancerError):
    """A model that must not advise, with the reason as people read it."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a model said: `correction` and `spread` [houses, blocks] kW, `price_factor` [houses]; `duration_s` is what
    the call took, by the clock of whoever made it (0 where the result must be the same every time)."""

    correction: NDArray[Any]
    spread: NDArray[Any] | None = None
    price_factor: NDArray[Any] | None = None
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model's file says of itself. `ranges` [features, 2]: the features' values that all but one in a thousand
    of the training's rows lay above and below; None where the file has none, and drift cannot be judged."""

    version: str
    kind: str
    data_sha256: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    licence: str = ""
    ranges: NDArray[np.float64] | None = None
    by_place: bool = False
    """Whether its training told the time of day and the sun by the feeder's place; serving must do the same."""


class Model(Protocol):
    """A learned forecast, ready to be asked. The daemon makes one of a file; training and tests of a function."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str:
        """Of this very file and its activation: a demotion holds for it and no other."""
        ...

    @property
    def card(self) -> ModelCard: ...

    def __call__(self, features: NDArray[np.float32]) -> Outputs:
        """May raise anything, which counts against the model."""
        ...


@dataclass(frozen=True, slots=True)
class MissingModel:
    """A model that was asked for and cannot be had: `reason` is what people are told."""

    name: str
    reason: str
    blame: Blame = Blame.BROKEN


def metadata_of(card: ModelCard) -> dict[str, str]:
    """`metadata_props` of a file with this card. The same card gives the same text."""
    ranges = None if card.ranges is None else np.asarray(card.ranges, dtype=np.float64).tolist()
    values: dict[str, Any] = {
        "interface": INTERFACE,
        "features": [[feature.name, feature.unit] for feature in FEATURES],
        "blocks": list(BLOCK_MINUTES),
        "version": card.version,
        "kind": card.kind,
        "data_sha256": card.data_sha256,
        "metrics": dict(card.metrics),
        "created": card.created,
        "licence": card.licence,
        "ranges": ranges,
    }
    told = {_PREFIX + key: json.dumps(values[key], sort_keys=True) for key in KEYS}
    return told | ({_PREFIX + BY_PLACE: "true"} if card.by_place else {})


def card_of(metadata: Mapping[str, str]) -> ModelCard:
    """What `metadata_of` wrote. Raises ModelRefusedError where it is not this program's interface."""
    said = {key: _read(metadata, key) for key in KEYS}
    if said["interface"] != INTERFACE:
        raise ModelRefusedError(
            f"it has interface {said['interface']!r}, this program {INTERFACE}: train it anew with this version"
        )
    _compare("features", [[feature.name, feature.unit] for feature in FEATURES], said["features"])
    _compare("blocks", list(BLOCK_MINUTES), said["blocks"])
    if not isinstance(said["metrics"], dict):
        raise ModelRefusedError("its metadata `metrics` is no table")
    texts = {key: said[key] for key in ("version", "kind", "data_sha256", "created", "licence")}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise ModelRefusedError(f"its metadata `{key}` is {value!r}, no text")
    by_place = _read(metadata, BY_PLACE) if _PREFIX + BY_PLACE in metadata else False
    if not isinstance(by_place, bool):
        raise ModelRefusedError(f"its metadata `{BY_PLACE}` is {by_place!r}, neither true nor false")
    return ModelCard(metrics=said["metrics"], by_place=by_place, ranges=_ranges(said["ranges"]), **texts)


def _read(metadata: Mapping[str, str], key: str) -> Any:
    text = metadata.get(_PREFIX + key)
    if text is None:
        raise ModelRefusedError(f"its metadata lacks `{_PREFIX}{key}`: it was not made for this program")
    try:
        return json.loads(text)
    except ValueError as error:
        raise ModelRefusedError(f"its metadata `{_PREFIX}{key}` cannot be read: {error}") from error


def _compare(what: str, ours: Sequence[Any], theirs: Any) -> None:
    if theirs == ours:
        return
    if not isinstance(theirs, list) or len(theirs) != len(ours):
        count = f"{len(theirs)} {what}" if isinstance(theirs, list) else f"no list of {what}"
        raise ModelRefusedError(f"it has {count}, this program {len(ours)}: train it anew with this version")
    place = next(k for k, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b)
    raise ModelRefusedError(
        f"of its {what} number {place + 1} is {theirs[place]!r}, here {ours[place]!r}: train it anew with this version"
    )


def _ranges(said: Any) -> NDArray[np.float64] | None:
    if said is None:
        return None
    try:
        ranges = np.asarray(said, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelRefusedError("its metadata `ranges` are no numbers") from error
    if ranges.shape != (len(FEATURES), 2) or not np.isfinite(ranges).all() or (ranges[:, 0] > ranges[:, 1]).any():
        raise ModelRefusedError(f"its metadata `ranges` are no {len(FEATURES)} pairs of a low and a high number")
    return ranges


@dataclass(frozen=True, slots=True)
class FunctionModel:
    """A model in this program's own memory: for training, which judges candidates in the closed loop, and for tests."""

    name: str
    card: ModelCard
    function: Callable[[NDArray[np.float32]], Outputs]
    identity: str = "in memory"

    def __call__(self, features: NDArray[np.float32]) -> Outputs:
        return self.function(features)
