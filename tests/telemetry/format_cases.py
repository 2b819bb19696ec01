"""How the tests of every format call its decoder, and how measurements are compared."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from edge_balancer.settings.houses import MeterSource
from edge_balancer.telemetry.formats import FORMATS
from edge_balancer.telemetry.formats.base import Wiring
from edge_balancer.telemetry.measurement import AnyMeasurement, Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason, Refused

N = math.nan

NOT_HEARD = "not heard"
"""Stands for a topic that the source does not read."""


def decoded(
    kind: str, suffix: str, payload: str | bytes, *, three_phase: bool = False, **source: Any
) -> AnyMeasurement | str | None:
    """What the format makes of one payload on the topic named by what follows the source's own."""
    settings = MeterSource.model_validate({"topic": "T", "format": kind, **source})
    decode = FORMATS[settings.format].bind(Wiring(settings, three_phase), suffix)
    if decode is None:
        return NOT_HEARD
    return decode(payload if isinstance(payload, bytes) else payload.encode())


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, tuple):
        for element in value:
            yield from _numbers(element)
    else:
        yield value


def assert_same(got: object, expected: object) -> None:
    """Measurements are equal, with NaN equal to NaN."""
    assert type(got) is type(expected), got
    if not isinstance(expected, (Measurement, ThreePhaseMeasurement)) or not isinstance(
        got, (Measurement, ThreePhaseMeasurement)
    ):
        assert got == expected
        return
    pairs = zip(_numbers(msgspec.structs.astuple(got)), _numbers(msgspec.structs.astuple(expected)), strict=True)
    for have, want in pairs:
        assert have == pytest.approx(want, nan_ok=True), f"{got} is not {expected}"


def refusal(
    kind: str, suffix: str, payload: str | bytes, *, three_phase: bool = False, **source: Any
) -> tuple[Reason, str]:
    """Why the format refuses a payload."""
    with pytest.raises(Refused) as caught:
        decoded(kind, suffix, payload, three_phase=three_phase, **source)
    return caught.value.reason, caught.value.detail
