"""The simulated meter: literal registers, what it refuses, and the whole way back through the product's own decoder."""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Mapping
from dataclasses import replace

import pytest

from firmware_bridge.contract import Phase
from firmware_bridge.meters.catalogue import load_meter, meter_names
from firmware_bridge.meters.decode import decode
from firmware_bridge.meters.plan import plan
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.meters.template import point_named
from firmware_bridge.simulator.house import House
from firmware_bridge.simulator.meter import VirtualMeter
from firmware_bridge.simulator.wire import Question, Refused

TYPICAL = {
    Quantity.V: 231.2,
    Quantity.I: 4.3,
    Quantity.P: 950.0,
    Quantity.Q: 120.0,
    Quantity.S: 958.0,
    Quantity.PF: 0.97,
    Quantity.F: 49.98,
    Quantity.E_IMPORT: 1_234_500.0,
    Quantity.E_EXPORT: 67_890.0,
    Quantity.V_LL: 400.4,
    Quantity.I_N: 2.2,
}


def point(name: str) -> Point:
    found = point_named(name)
    assert found is not None
    return found


def typical(at: Point) -> float:
    """Distinct for each phase, so that a register in the wrong place shows."""
    turn = 0 if at.phase is None else list(Phase).index(at.phase) + 1
    return TYPICAL[at.quantity] * (1 + 0.01 * turn)


def meter(model: str, values: Mapping[Point, float], **options: bool) -> VirtualMeter:
    return VirtualMeter(load_meter(model), 1, lambda: values, **options)


def ask(device: VirtualMeter, function: int, address: int, count: int) -> tuple[int, ...]:
    body = device.answer(Question(1, function, address, count), 0.0)
    assert body is not None
    assert body[:2] == bytes((function, 2 * count))
    return struct.unpack(f">{count}H", body[2:])


@pytest.mark.parametrize(
    ("model", "name", "value", "function", "address", "words"),
    [
        ("eastron_sdm120", "v", 230.5, 4, 0, "4366 8000"),
        ("eastron_sdm120", "p", -1234.0, 4, 12, "C49A 4000"),
        ("eastron_sdm120", "e_import", 1500.0, 4, 72, "3FC0 0000"),
        ("cg_em24", "p_l1", -1000.0, 4, 18, "D8F0 FFFF"),
        ("cg_em24", "v_l1", 230.1, 4, 0, "08FD 0000"),
        ("cg_em24", "f", 50.0, 4, 55, "01F4"),
        ("abb_b23", "p_l1", -1000.0, 3, 23318, "FFFE 7960"),
        ("abb_b23", "v_l1", 230.1, 3, 23296, "0000 08FD"),
        ("abb_b21", "e_import", 1_234_560.0, 3, 0x5000, "0000 0000 0001 E240"),
        ("pzem_004t", "p", 500.0, 4, 3, "1388 0000"),
        ("pzem_004t", "p", -500.0, 4, 3, "1388 0000"),
        ("pzem_004t", "v", 231.2, 4, 0, "0908"),
    ],
)
def test_registers_hold_what_the_manuals_say(
    model: str, name: str, value: float, function: int, address: int, words: str
) -> None:
    expected = tuple(int(word, 16) for word in words.split())
    assert ask(meter(model, {point(name): value}), function, address, len(expected)) == expected


@pytest.mark.parametrize(
    ("function", "address", "count", "code"),
    [
        (3, 0, 2, 2),
        (1, 0, 2, 1),
        (6, 0, 1, 1),
        (0x2B, 0, 0, 1),
        (4, 1000, 2, 2),
        (4, 76, 1, 2),
        (4, 75, 2, 2),
        (4, 0, 0, 3),
        (4, 0, 126, 3),
        (4, 0, 51, 3),
    ],
)
def test_refuses_what_the_real_one_refuses(function: int, address: int, count: int, code: int) -> None:
    with pytest.raises(Refused) as refused:
        meter("eastron_sdm120", {}).answer(Question(1, function, address, count), 0.0)
    assert refused.value.code == code


def test_holes_read_as_zeros_only_where_the_real_one_fills_them() -> None:
    assert ask(meter("eastron_sdm120", {}), 4, 2, 4) == (0, 0, 0, 0)
    strict = replace(load_meter("eastron_sdm120"), fills_holes=False)
    with pytest.raises(Refused) as refused:
        VirtualMeter(strict, 1, dict).answer(Question(1, 4, 0, 4), 0.0)
    assert refused.value.code == 2


def test_a_read_may_cut_a_value_in_two() -> None:
    device = meter("eastron_sdm120", {point("v"): 230.5})
    assert ask(device, 4, 1, 1) == (0x8000,)
    assert ask(device, 4, 0, 1) == (0x4366,)


def test_values_are_taken_at_each_read() -> None:
    now = {point("v"): 230.5}
    device = meter("eastron_sdm120", now)
    ask(device, 4, 0, 2)
    now[point("v")] = 0.0
    assert ask(device, 4, 0, 2) == (0, 0)


@pytest.mark.parametrize("model", meter_names())
def test_the_products_decoder_reads_back_every_model(model: str) -> None:
    template = load_meter(model)
    values = {at: typical(at) for at in template.points}
    device = meter(model, values)
    got: dict[Point, float] = {}
    for block in plan(template, template.points, 0.02, 0.002):
        words = ask(device, int(block.function), block.address, block.count)
        decoded = decode(block, words)
        assert not decoded.missing
        assert not decoded.implausible
        got.update(decoded.values)
    assert got.keys() == values.keys()
    for register in template.registers:
        step = 1e-6 * abs(values[register.point]) if register.kind.floating else 0.501 * register.scale
        assert got[register.point] == pytest.approx(values[register.point], abs=step), str(register.point)


@pytest.mark.parametrize("model", meter_names())
def test_export_shows_as_far_as_the_model_can(model: str) -> None:
    template = load_meter(model)
    powers = [at for at in template.points if at.quantity is Quantity.P]
    device = meter(model, dict.fromkeys(powers, -1000.0))
    for block in plan(template, powers, 0.02, 0.002):
        decoded = decode(block, ask(device, int(block.function), block.address, block.count))
        sign = -1 if template.signed_power else 1
        assert all(value == pytest.approx(sign * 1000.0, rel=1e-3) for value in decoded.values.values())


@pytest.mark.parametrize("model", meter_names())
def test_what_is_not_measured_is_missing_where_the_model_can_say_so(model: str) -> None:
    template = load_meter(model)
    device = meter(model, {template.registers[0].point: math.nan})
    for block in plan(template, template.points, 0.02, 0.002):
        decoded = decode(block, ask(device, int(block.function), block.address, block.count))
        able = {one.point for one in block.registers if one.missing or one.kind.floating}
        assert set(decoded.missing) == able


@pytest.mark.parametrize("model", [name for name in meter_names() if load_meter(name).identities])
def test_says_who_it_is_unless_it_is_a_copy(model: str) -> None:
    template = load_meter(model)
    first = template.identities[0]
    known = ask(meter(model, {}), int(first.function), first.address, first.count)
    assert first.matches(known)
    copy = meter(model, {}, identified=False)
    question = Question(1, int(first.function), first.address, first.count)
    # What the map holds there by itself is zeros, or nothing.
    with contextlib.suppress(Refused):
        body = copy.answer(question, 0.0)
        assert body is not None
        assert not first.matches(struct.unpack(f">{first.count}H", body[2:]))


@pytest.mark.parametrize("phases", [1, 3])
def test_a_house_is_consistent_in_itself(phases: int) -> None:
    house = House(7, phases=phases, solar_w=6000.0)
    wheres = [None] if phases == 1 else list(Phase)
    exported, before = False, house.at(0.0)
    for t in range(1, 1200, 20):
        now = house.at(float(t))
        for where in wheres:
            p, q, s = (now[Point(what, where)] for what in (Quantity.P, Quantity.Q, Quantity.S))
            assert math.hypot(p, q) == pytest.approx(s)
            assert now[Point(Quantity.V, where)] * now[Point(Quantity.I, where)] == pytest.approx(s)
            assert 207 < now[Point(Quantity.V, where)] < 253
            for energy in (Quantity.E_IMPORT, Quantity.E_EXPORT):
                assert now[Point(energy, where)] >= before[Point(energy, where)]
            exported |= p < -500
        if phases == 3:
            total = sum(now[Point(Quantity.P, where)] for where in wheres)
            assert now[Point(Quantity.P)] == pytest.approx(total)
            assert now[Point(Quantity.I_N)] <= sum(now[Point(Quantity.I, where)] for where in wheres)
            assert 380 < now[Point(Quantity.V_LL, Phase.L1)] < 420
        before = now
    assert exported


def test_houses_are_the_same_from_the_same_seed_and_differ_from_others() -> None:
    looks = [[House(seed).at(t)[Point(Quantity.P)] for t in (0.0, 50.0, 99.0)] for seed in (1, 1, 2)]
    assert looks[0] == looks[1] != looks[2]
    assert len(set(looks[0])) == 3


def test_a_house_without_solar_never_feeds_in() -> None:
    house = House(4)
    assert all(house.at(float(t))[Point(Quantity.P)] > 0 for t in range(0, 2400, 30))
