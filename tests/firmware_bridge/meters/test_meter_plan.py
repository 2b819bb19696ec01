"""Reads are as few as the meter allows, then as short, then of lengths that differ; checked against all partitions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.meters.plan import Block, plan
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.meters.template import Kind, Register, Template, point_named

KINDS = {1: Kind.U16, 2: Kind.FLOAT32, 4: Kind.U64}
POINTS = [Point(quantity) for quantity in Quantity]


def meter(
    *places: tuple[int, int], most: int = 125, fills: bool = True, functions: tuple[Function, ...] = ()
) -> Template:
    """A meter whose n-th point lies at the n-th (address, words)."""
    registers = [
        Register(point, function, address, KINDS[words], 1.0, False, (), -1e9, 1e9)
        for point, (address, words), function in zip(
            POINTS, places, functions or (Function.READ_HOLDING,) * len(places), strict=False
        )
    ]
    registers.sort(key=lambda register: (register.function, register.address))
    return Template("test", "Test", 1, tuple(registers), most, signed_power=True, fills_holes=fills)


def reads(blocks: tuple[Block, ...]) -> list[tuple[int, int]]:
    return [(block.address, block.count) for block in blocks]


@pytest.mark.parametrize(
    ("places", "most", "fills", "expected"),
    [
        pytest.param([(0, 2), (2, 2), (4, 2)], 125, False, [(0, 6)], id="neighbours are one read"),
        pytest.param([(0, 2), (6, 2)], 125, True, [(0, 8)], id="a gap is read along where that is cheaper"),
        pytest.param([(0, 2), (6, 2)], 125, False, [(0, 2), (6, 2)], id="not where the meter refuses unused addresses"),
        pytest.param([(0, 2), (12, 2)], 125, True, [(0, 14)], id="a gap that costs as much as a read"),
        pytest.param([(0, 2), (13, 2)], 125, True, [(0, 2), (13, 2)], id="a gap that costs more than a read"),
        pytest.param(
            [(0, 2), (2, 2), (4, 2), (6, 2)], 6, True, [(0, 2), (2, 6)], id="the limit splits, lengths differ"
        ),
        pytest.param([(0, 4), (4, 4)], 4, True, [(0, 4), (4, 4)], id="a value is never split"),
        pytest.param([(0, 4), (4, 4)], 7, True, [(0, 4), (4, 4)], id="nor is a limit stretched to tell reads apart"),
        pytest.param([(0, 1)], 1, False, [(0, 1)], id="one register"),
        pytest.param([(0, 2), (8, 2), (10, 2)], 10, True, [(0, 2), (8, 4)], id="of equal reads the shortest"),
    ],
)
def test_the_reads_of_a_map(
    places: list[tuple[int, int]], most: int, fills: bool, expected: list[tuple[int, int]]
) -> None:
    template = meter(*places, most=most, fills=fills)
    # A read costs as much as ten registers.
    assert reads(plan(template, template.points, transaction_s=0.02, register_s=0.002)) == expected


def test_a_gap_of_known_values_is_read_along_even_where_unused_addresses_are_refused() -> None:
    template = meter((0, 2), (2, 2), (4, 2), fills=False)
    blocks = plan(template, [POINTS[0], POINTS[2]], transaction_s=0.02, register_s=0.002)
    assert reads(blocks) == [(0, 6)]
    assert [register.point for register in blocks[0].registers] == [POINTS[0], POINTS[2]]


def test_of_two_equal_reads_one_is_lengthened_by_the_value_next_to_it() -> None:
    template = meter((0, 2), (100, 2), (102, 2), (200, 2), fills=False)
    blocks = plan(template, [POINTS[0], POINTS[1], POINTS[3]], transaction_s=0.02, register_s=0.002)
    assert reads(blocks) == [(0, 2), (100, 4), (200, 2)]


def test_a_read_is_lengthened_at_its_beginning_too_but_never_into_the_unknown() -> None:
    template = meter((98, 2), (100, 2), (200, 2), fills=True)
    blocks = plan(template, [POINTS[1], POINTS[2]], transaction_s=0.02, register_s=0.002)
    assert reads(blocks) == [(98, 4), (200, 2)]


def test_input_and_holding_registers_are_never_one_read() -> None:
    both = (Function.READ_HOLDING, Function.READ_REGISTERS)
    template = meter((0, 2), (2, 2), functions=both)
    blocks = plan(template, template.points, transaction_s=0.02, register_s=0.002)
    assert [(block.function, block.address) for block in blocks] == [(both[0], 0), (both[1], 2)]


def test_points_that_the_meter_lacks_are_left_out() -> None:
    template = meter((0, 2))
    assert plan(template, [Point(Quantity.I_N)], transaction_s=0.02, register_s=0.002) == ()
    assert reads(plan(template, POINTS, transaction_s=0.02, register_s=0.002)) == [(0, 2)]


def test_a_block_is_a_request() -> None:
    (block,) = plan(meter((300, 4)), POINTS, transaction_s=0.02, register_s=0.002)
    assert block.request(7) == Request(7, Function.READ_HOLDING, 300, 4)


def test_a_line_that_costs_nothing_by_the_register_reads_any_gap() -> None:
    template = meter((0, 2), (120, 2))
    assert reads(plan(template, template.points, transaction_s=0.02, register_s=0)) == [(0, 122)]


# All partitions, judged by the rules written out once more.


def partitions(registers: list[Register]) -> Iterator[list[list[Register]]]:
    if not registers:
        yield []
        return
    for stop in range(1, len(registers) + 1):
        for rest in partitions(registers[stop:]):
            yield [registers[:stop], *rest]


def allowed(part: list[Register], template: Template, widest_gap: int) -> bool:
    if part[-1].end - part[0].address > template.max_registers:
        return False
    known = {address for register in template.registers for address in range(register.address, register.end)}
    gap = 0
    for address in range(part[0].address, part[-1].end):
        wanted = any(register.address <= address < register.end for register in part)
        gap = 0 if wanted else gap + 1
        if gap > widest_gap or (not wanted and not template.fills_holes and address not in known):
            return False
    return True


@st.composite
def maps(draw: st.DrawFn) -> tuple[Template, list[Point], int]:
    places, address = [], 0
    for _ in range(draw(st.integers(1, 8))):
        address += draw(st.sampled_from([0, 0, 1, 2, 5, 9]))
        words = draw(st.sampled_from([1, 2, 4]))
        places.append((address, words))
        address += words
    template = meter(*places, most=draw(st.integers(4, 24)), fills=draw(st.booleans()))
    wanted = draw(st.lists(st.sampled_from(template.points), min_size=1, unique=True))
    return template, wanted, draw(st.integers(0, 10))


@settings(max_examples=200, deadline=None)
@given(maps())
def test_no_partition_is_better_than_the_plan(drawn: tuple[Template, list[Point], int]) -> None:
    template, wanted, widest_gap = drawn
    registers = [register for register in template.registers if register.point in wanted]
    costs = [
        (len(parts), sum(part[-1].end - part[0].address for part in parts))
        for parts in partitions(registers)
        if all(allowed(part, template, widest_gap) for part in parts)
    ]
    blocks = plan(template, wanted, transaction_s=widest_gap * 0.002, register_s=0.002)
    assert [register for block in blocks for register in block.registers] == registers
    wanted_only = sum(block.registers[-1].end - block.registers[0].address for block in blocks)
    assert (len(blocks), wanted_only) == min(costs)
    known = {address for register in template.registers for address in range(register.address, register.end)}
    for block in blocks:
        assert block.count <= template.max_registers
        first, last = block.registers[0], block.registers[-1]
        added = {*range(block.address, first.address), *range(last.end, block.end)}
        assert added <= known
        assert all(
            register.end <= block.address
            or register.address >= block.end
            or (block.address <= register.address and register.end <= block.end)
            for register in template.registers
        ), "half a value"


@settings(max_examples=200, deadline=None)
@given(maps())
def test_of_the_best_partitions_the_plan_has_the_most_lengths(drawn: tuple[Template, list[Point], int]) -> None:
    template, wanted, widest_gap = drawn
    registers = [register for register in template.registers if register.point in wanted]
    lengths = [
        [part[-1].end - part[0].address for part in parts]
        for parts in partitions(registers)
        if all(allowed(part, template, widest_gap) for part in parts)
    ]
    least = min((len(each), sum(each)) for each in lengths)
    most_lengths = max(len(set(each)) for each in lengths if (len(each), sum(each)) == least)
    blocks = plan(template, wanted, transaction_s=widest_gap * 0.002, register_s=0.002)
    assert len({block.count for block in blocks}) >= most_lengths


def test_the_points_have_names() -> None:
    assert [point_named(str(point)) for point in POINTS] == POINTS
