"""Words become numbers or nothing: kinds, word orders, sentinels, what cannot be true."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.contract import Phase
from firmware_bridge.lines.requests import Function
from firmware_bridge.meters.decode import SLACK_W, decode, number
from firmware_bridge.meters.plan import Block
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.meters.template import Kind, Register, Sentinel, plausible

P, V, I = Point(Quantity.P), Point(Quantity.V), Point(Quantity.I)  # noqa: E741 - the field's own letters


def register(
    kind: Kind,
    point: Point = P,
    address: int = 0,
    scale: float = 1.0,
    low_word_first: bool = False,
    missing: tuple[Sentinel, ...] = (),
    limits: tuple[float, float] = (-1e30, 1e30),
) -> Register:
    return Register(point, Function.READ_HOLDING, address, kind, scale, low_word_first, missing, *limits)


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.U16, "ffff", 65535),
        (Kind.S16, "ffff", -1),
        (Kind.S16, "7fff", 32767),
        (Kind.U32, "8000 0000", 2**31),
        (Kind.S32, "8000 0000", -(2**31)),
        (Kind.S32, "ffff ff9c", -100),
        (Kind.U64, "0000 0001 0000 0000", 2**32),
        (Kind.S64, "ffff ffff ffff fffe", -2),
        (Kind.FLOAT32, "c494 a000", -1189.0),
        (Kind.FLOAT64, "c092 9400 0000 0000", -1189.0),
    ],
)
def test_the_kinds_of_numbers(kind: Kind, text: str, value: float) -> None:
    assert kind.words == len(words(text))
    assert number(register(kind), words(text)) == value
    assert number(register(kind, low_word_first=True), words(text)[::-1]) == value


@pytest.mark.parametrize("text", ["7fc0 0000", "ffc0 0000", "7f80 0000", "ff80 0000", "7fff ffff", "ffff ffff"])
def test_what_is_no_number_is_missing(text: str) -> None:
    assert number(register(Kind.FLOAT32), words(text)) is None


@pytest.mark.parametrize(
    ("text", "value"), [("7fff 0000", None), ("7fff 1234", None), ("7ffe ffff", 0x7FFEFFFF), ("8000 0000", -(2**31))]
)
def test_a_sentinel_may_be_the_high_word_alone(text: str, value: float | None) -> None:
    overflow = Sentinel(0xFFFF0000, 0x7FFF0000)
    assert number(register(Kind.S32, missing=(overflow,)), words(text)) == value


@pytest.mark.parametrize(("raw", "scale", "value"), [(2301, 0.1, 230.1), (70125, 0.001, 70.125), (3, 1000.0, 3000.0)])
def test_a_decimal_scale_gives_the_decimal_number(raw: int, scale: float, value: float) -> None:
    assert number(register(Kind.U32, scale=scale), [raw >> 16, raw & 0xFFFF]) == value


def test_a_current_has_no_sign() -> None:
    assert number(register(Kind.S32, point=I, scale=0.001), words("ffff ec78")) == 5.0
    assert number(register(Kind.S32, scale=0.001), words("ffff ec78")) == -5.0


@given(st.integers(-(2**31), 2**31 - 1), st.booleans())
def test_every_signed_number_comes_back(raw: int, low_word_first: bool) -> None:
    high, low = struct.unpack(">HH", struct.pack(">i", raw))
    sent = [low, high] if low_word_first else [high, low]
    assert number(register(Kind.S32, low_word_first=low_word_first), sent) == raw


def block(*registers: Register) -> Block:
    return Block(Function.READ_HOLDING, 0, registers[-1].end, registers)


@pytest.mark.parametrize("count", [0, 1, 3, 30])
def test_words_of_another_number_answer_another_read(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} registers, where the read was for 2"):
        decode(block(register(Kind.S32)), [0] * count)


def test_every_point_is_a_value_or_missing_or_implausible() -> None:
    ones = (Sentinel(0xFFFF, 0xFFFF),)
    found = decode(
        block(
            register(Kind.U16, V, 0, limits=(50, 350)),
            register(Kind.U16, I, 1, missing=ones),
            register(Kind.S16, P, 2, limits=(-1000, 1000)),
        ),
        [230, 0xFFFF, 1001],
    )
    assert found.values == {V: 230}
    assert found.missing == (I,)
    ((refused),) = found.implausible
    assert (refused.point, refused.value) == (P, 1001)
    assert "-1000 to 1000" in refused.why


@pytest.mark.parametrize(
    ("point", "phases", "value", "believed"),
    [
        (V, 1, 0.0, False),
        (Point(Quantity.V, Phase.L2), 3, 0.0, True),
        (V, 1, 2300.0, False),
        (V, 1, 110.0, True),
        (P, 1, 15_000.0, True),
        (P, 1, -15_000.0, True),
        (P, 1, 150_000.0, False),
        (P, 3, 150_000.0, True),
        (Point(Quantity.P, Phase.L1), 3, 150_000.0, False),
        (Point(Quantity.F), 1, 50.0, True),
        (Point(Quantity.F), 1, 5000.0, False),
        (Point(Quantity.F), 1, 0.0, False),
        (Point(Quantity.E_IMPORT), 1, 0.0, True),
        (Point(Quantity.E_IMPORT), 1, -1.0, False),
        (Point(Quantity.PF), 1, -1.0, True),
        (Point(Quantity.PF), 1, 98.0, False),
    ],
)
def test_what_is_believed_where_the_template_says_nothing(
    point: Point, phases: int, value: float, believed: bool
) -> None:
    raw = struct.unpack(">HH", struct.pack(">f", value))
    found = decode(block(register(Kind.FLOAT32, point, limits=plausible(point, phases))), raw)
    assert (point in found.values) is believed


@pytest.mark.parametrize(
    ("volts", "amperes", "watts", "believed"),
    [
        pytest.param(230.0, 5.0, 1150.0, True, id="resistive load"),
        pytest.param(230.0, 5.0, -1150.0, True, id="export"),
        pytest.param(230.0, 5.0, 1190.0, True, id="classes add up"),
        pytest.param(230.0, 0.0, 23.0, True, id="below the starting current"),
        pytest.param(230.0, 0.0, 900.0, True, id="a load seen by the power first"),
        pytest.param(230.0, 2.0, 2000.0, True, id="a kettle seen by the power first"),
        pytest.param(0.0, 0.0, 0.0, True, id="a dead phase"),
        pytest.param(230.0, 60.0, 17_500.0, True, id="a large load, coarse steps"),
        pytest.param(230.0, 5.0, 11_500.0, False, id="ten times too much"),
        pytest.param(230.0, 5.0, -11_500.0, False, id="ten times too much, exported"),
        pytest.param(230.0, 0.005, 1600.0, False, id="milliamperes taken for amperes"),
        pytest.param(230.0, 3.0, 49_980.0, False, id="another register"),
    ],
)
def test_power_is_not_more_than_voltage_and_current_allow(
    volts: float, amperes: float, watts: float, believed: bool
) -> None:
    whole = block(register(Kind.FLOAT32, V, 0), register(Kind.FLOAT32, I, 2), register(Kind.FLOAT32, P, 4))
    found = decode(whole, struct.unpack(">6H", struct.pack(">3f", volts, amperes, watts)))
    assert (P in found.values) is believed
    assert {V, I} <= set(found.values)
    if not believed:
        assert [(refused.point, refused.value) for refused in found.implausible] == [(P, watts)]
        assert "more than" in found.implausible[0].why


def test_each_phase_is_checked_by_itself_and_only_with_all_three_values() -> None:
    points = [
        Point(quantity, phase) for phase in (Phase.L1, Phase.L2) for quantity in (Quantity.V, Quantity.I, Quantity.P)
    ]
    registers = [register(Kind.FLOAT32, point, 2 * index) for index, point in enumerate(points)]
    too_much = 2 * SLACK_W + 230.0
    sent = struct.unpack(">12H", struct.pack(">6f", 230.0, 1.0, too_much, 230.0, 40.0, too_much))
    found = decode(block(*registers), sent)
    assert [refused.point for refused in found.implausible] == [Point(Quantity.P, Phase.L1)]
    assert found.values[Point(Quantity.P, Phase.L2)] == too_much

    alone = decode(block(registers[2]), sent[:6])
    assert alone.values == {Point(Quantity.P, Phase.L1): too_much}
