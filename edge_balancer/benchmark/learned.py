"""The model that the bench's `ours` decides with: the one in the package, a file, or none. It is read anew by
each worker, and runs as in the daemon but untimed, so that the same inputs give the same outputs.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from edge_balancer.forecast.interface import ModelRefusedError
from edge_balancer.models.registry import GRAPH, PACKAGED
from edge_balancer.models.runtime import OnnxModel

DEFAULT: Final = "default"
NONE: Final = "none"


def model_bytes(model: str) -> bytes:
    """Raises ValueError where there is no such file."""
    path = PACKAGED / GRAPH if model == DEFAULT else Path(model)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"--model {model}: {error.strerror or error}; give an .onnx file") from None


def model_hash(model: str) -> str:
    return NONE if model == NONE else hashlib.sha256(model_bytes(model)).hexdigest()


def learned(model: str) -> OnnxModel | None:
    """Raises ValueError for a file that the daemon would refuse."""
    if model == NONE:
        return None
    try:
        return OnnxModel("learned", model_hash(model)[:16], model_bytes(model))
    except ModelRefusedError as error:
        raise ValueError(f"--model {model}: {error}") from None
