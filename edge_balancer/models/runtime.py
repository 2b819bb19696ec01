"""A model's file run by onnxruntime: one thread, no arena, no words to anybody. It judges nothing of what is answered.

`onnxruntime` is imported here and nowhere else in the daemon, on the first use. Its official builds send telemetry
to their maker unless the environment forbids it, which must have been done by the time that it is loaded.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.answers import answer_of
from edge_balancer.forecast.features import FEATURES
from edge_balancer.forecast.interface import (
    CORRECTION,
    INPUT,
    LARGEST_BYTES,
    OUTPUTS,
    PRICE_FACTOR,
    SPREAD,
    ModelCard,
    ModelRefusedError,
    Outputs,
    card_of,
)

HANGS_TIMES: Final = 10.0
"""An answer that takes so many deadlines is not waited for."""
TRIAL_S: Final = 10.0
"""Nor is a first answer that takes this long, on a slow machine that has just started."""
_PROBED: Final = 3
_SILENT: Final = 4
"""onnxruntime's severity `fatal`: what is wrong is raised, and need not be printed as well."""


def runtime() -> ModuleType:
    """onnxruntime, loaded without telemetry. Raises ModelRefusedError where it cannot be."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except Exception as error:
        raise ModelRefusedError(f"onnxruntime cannot be loaded: {error}") from error
    onnxruntime.set_default_logger_severity(_SILENT)
    module: ModuleType = onnxruntime
    return module


class OnnxModel:
    """A `forecast.interface.Model` of a file's bytes."""

    def __init__(
        self,
        name: str,
        identity: str,
        onnx: bytes,
        deadline_s: float | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Raises ModelRefusedError for what is no model of this interface, or answers a trial with nonsense. With
        `deadline_s` the calls are timed, and one that hangs is left; without, every duration is 0, so that the same
        inputs give the same outputs."""
        self.name = name
        self.identity = identity
        self._timer = timer
        self._deadline_s = deadline_s
        self._runtime = runtime()
        self._session = _session(self._runtime, onnx)
        self.card: ModelCard = card_of(self._session.get_modelmeta().custom_metadata_map)
        self._outputs = _interface(self._session)
        self._worker = _Worker()
        # The first call of a session takes longer than those that follow, and shows whether it answers at all.
        trial = np.zeros((_PROBED, len(FEATURES)), dtype=np.float32)
        try:
            answer_of(self._within(TRIAL_S, trial), _PROBED)
        except ModelRefusedError as error:
            raise ModelRefusedError(f"on a trial {error}") from error
        except Exception as error:
            raise ModelRefusedError(f"on a trial it failed: {first_line(error)}") from error

    def __call__(self, features: NDArray[np.float32]) -> Outputs:
        """Raises TimeoutError where it hangs, and whatever onnxruntime raises."""
        if self._deadline_s is None:
            return self._run(features, None)
        begin = self._timer()
        outputs = self._within(HANGS_TIMES * self._deadline_s, features)
        return Outputs(outputs.correction, outputs.spread, outputs.price_factor, self._timer() - begin)

    def _within(self, patience_s: float, features: NDArray[np.float32]) -> Outputs:
        options = self._runtime.RunOptions()
        return self._worker.do(lambda: self._run(features, options), options, patience_s)

    def _run(self, features: NDArray[np.float32], options: Any) -> Outputs:
        values = self._session.run(list(self._outputs), {INPUT: features}, options)
        by_name = dict(zip(self._outputs, values, strict=True))
        return Outputs(by_name[CORRECTION], by_name.get(SPREAD), by_name.get(PRICE_FACTOR))


def _session(ort: ModuleType, onnx: bytes) -> Any:
    if len(onnx) > LARGEST_BYTES:
        raise ModelRefusedError(f"it has {len(onnx)} bytes, more than {LARGEST_BYTES}: a forecast needs no such file")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = _SILENT
    try:
        return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelRefusedError(f"onnxruntime cannot read it: {first_line(error)}") from error


def _interface(session: Any) -> tuple[str, ...]:
    """The names of its outputs, in the interface's order. Raises ModelRefusedError where they do not fit."""
    inputs = [(value.name, value.type, value.shape) for value in session.get_inputs()]
    if len(inputs) != 1 or inputs[0][0] != INPUT:
        raise ModelRefusedError(f"its inputs are {', '.join(name for name, _, _ in inputs)}, not `{INPUT}` alone")
    _, kind, shape = inputs[0]
    if kind != "tensor(float)" or len(shape) != 2 or shape[1] not in (len(FEATURES), None):
        raise ModelRefusedError(f"its input is {kind} of shape {shape}, not float32 [houses, {len(FEATURES)}]")
    if isinstance(shape[0], int):
        raise ModelRefusedError(
            f"its input takes {shape[0]} houses and no other number: export it with a free first axis"
        )
    outputs = [value.name for value in session.get_outputs()]
    strange = [name for name in outputs if name not in OUTPUTS]
    if strange or CORRECTION not in outputs:
        raise ModelRefusedError(
            f"its outputs are {', '.join(outputs)}: `{CORRECTION}` must be, and may be with "
            f"`{SPREAD}` and `{PRICE_FACTOR}` alone"
        )
    return tuple(name for name in OUTPUTS if name in outputs)


_Call = Callable[[], Outputs]
_Told = Outputs | Exception


class _Worker:
    """A thread that calls, and another that need not wait for ever. The thread ends when nobody holds the worker any
    more: a daemon that is reloaded night after night must not gather threads, nor the models that they have run."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[_Told] = queue.SimpleQueue()
        self._left = False
        """Whether a call was left that has not come back."""
        # The thread holds the queues and not the worker, or the worker would be held for ever.
        threading.Thread(target=_work, args=(self._asked, self._told), name="model", daemon=True).start()
        weakref.finalize(self, self._asked.put, None)

    def do(self, call: _Call, options: Any, patience_s: float) -> Outputs:
        """Raises TimeoutError where it takes longer, or where an earlier one that did hangs still: it may do so for
        good, and a new thread after each would fill the process."""
        if self._left:
            try:
                self._told.get_nowait()
            except queue.Empty:
                raise TimeoutError("an earlier call has not come back") from None
            self._left = False
        self._asked.put(call)
        try:
            told = self._told.get(timeout=patience_s)
        except queue.Empty:
            options.terminate = self._left = True
            raise TimeoutError(f"no answer within {1000.0 * patience_s:.0f} ms") from None
        if isinstance(told, Exception):
            raise told
        return told


def _work(asked: queue.SimpleQueue[_Call | None], told: queue.SimpleQueue[_Told]) -> None:
    while (call := asked.get()) is not None:
        try:
            told.put(call())
        except Exception as error:  # noqa: BLE001 - raised anew where it was asked
            told.put(error)
        # What was called holds the model.
        del call


def first_line(error: Exception) -> str:
    """Runtimes explain themselves at length."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
