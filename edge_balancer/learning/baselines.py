"""What a learned forecast is held against, each as a correction of the survival blend. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.features import NAMES
from edge_balancer.forecast.horizon import BLOCK_MINUTES

Singles = NDArray[np.float32]
Forecaster = Callable[[Singles], Singles]
"""From inputs [n, features] to what is added to the blend's forecast, [n, blocks] kW."""

_NOW: Final = NAMES.index("now")


def _columns(name: str) -> list[int]:
    found = [k for k, one in enumerate(NAMES) if one.startswith(f"{name}_") and one.endswith("min")]
    # `usual_5min`, `usual_15min`, ...: in the order of the list, which is that of the blocks.
    return found[-len(BLOCK_MINUTES) :]


USUAL: Final = _columns("usual")
BLEND: Final = _columns("blend")


def blend(inputs: Singles) -> Singles:
    return np.zeros((len(inputs), len(BLOCK_MINUTES)), dtype=np.float32)


def persistence(inputs: Singles) -> Singles:
    """All stays as it is now."""
    return np.asarray(inputs[:, [_NOW]] - inputs[:, BLEND])


def time_of_day(inputs: Singles) -> Singles:
    """All is as usual at that time of day."""
    return np.asarray(inputs[:, USUAL] - inputs[:, BLEND])


BASELINES: Final[dict[str, Forecaster]] = {"blend": blend, "persistence": persistence, "time of day": time_of_day}
