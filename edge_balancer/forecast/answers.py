"""What a model has answered, made fit for use or refused with a reason. Pure; nothing is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.forecast.interface import LEAST_FACTOR, MOST_FACTOR, ModelRefusedError, Outputs

Floats = NDArray[np.float64]

LARGEST_VALUE: Final = 1e6
"""kW. Beyond it a number is no power of a house, whatever else it may be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`correction` and `spread` [houses, blocks] in W, `price_factor` [houses] within its limits."""

    correction: Floats
    spread: Floats | None
    price_factor: Floats | None


def answer_of(outputs: Outputs, houses: int) -> Answer:
    """Raises ModelRefusedError for a wrong shape, for what is no number, and for a spread below nought."""
    blocks = len(BLOCK_MINUTES)
    correction = _values("correction", outputs.correction, (houses, blocks))
    spread = None if outputs.spread is None else _values("spread", outputs.spread, (houses, blocks))
    if spread is not None and (spread < 0.0).any():
        raise ModelRefusedError(f"its output `spread` has {float(spread.min()):.3g} kW in it, below nought")
    factor = outputs.price_factor
    if factor is not None:
        factor = np.asarray(factor)
        factor = _values("price_factor", factor[:, 0] if factor.shape == (houses, 1) else factor, (houses,))
        factor = np.clip(factor, LEAST_FACTOR, MOST_FACTOR)
    return Answer(1000.0 * correction, None if spread is None else 1000.0 * spread, factor)


def _values(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    array = np.asarray(values)
    if array.shape != shape:
        raise ModelRefusedError(f"its output `{name}` has the shape {_shape(array.shape)} instead of {_shape(shape)}")
    if array.dtype.kind not in "fiu":
        raise ModelRefusedError(f"its output `{name}` is of the type {array.dtype}, no numbers")
    good = np.isfinite(array)
    if not good.all():
        what = "NaN" if np.isnan(array).any() else "an infinite value"
        raise ModelRefusedError(
            f"its output `{name}` has {what} in {int(np.count_nonzero(~good))} of {array.size} places"
        )
    if array.size and float(np.abs(array).max()) > LARGEST_VALUE:
        raise ModelRefusedError(f"its output `{name}` has {float(np.abs(array).max()):.3g} in it, which is absurd")
    return array.astype(np.float64)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape) or "of one number"
