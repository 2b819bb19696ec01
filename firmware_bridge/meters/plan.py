"""Which reads bring the wanted values of a meter over the line: pure arithmetic, no I/O.

The fewest reads that the meter's limits allow, among those the least line time, among those the most distinct
lengths: a reply of another length can never be taken for the one that is awaited.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Final

from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.meters.points import Point
from firmware_bridge.meters.template import Register, Template

_WAYS: Final = 512
"""How many equally good partitions are compared by their lengths; meters have a handful."""


@dataclass(frozen=True, slots=True)
class Block:
    """One read. `registers` are the wanted ones among the `count` that it brings."""

    function: Function
    address: int
    count: int
    registers: tuple[Register, ...]

    @property
    def end(self) -> int:
        return self.address + self.count

    def request(self, unit: int) -> Request:
        return Request(unit, self.function, self.address, self.count)


def plan(template: Template, points: Iterable[Point], transaction_s: float, register_s: float) -> tuple[Block, ...]:
    """The reads for these points, by function and address; points that the meter does not have are left out.

    `transaction_s` is what one more read costs on the line (its frames without the registers, the silences, the
    meter's delay), `register_s` what one more register in a read costs. A gap between two wanted registers is read
    along only where that costs no more than a read of its own, and where the meter answers for every address in it.
    """
    wanted = set(points)
    chosen = [register for register in template.registers if register.point in wanted]
    widest_gap = int(transaction_s / register_s + 1e-9) if register_s > 0 else 0x10000
    blocks: list[Block] = []
    for function, group in groupby(chosen, key=lambda register: register.function):
        registers = tuple(group)
        known = _known(template, function)
        parts = _best(registers, template, known, widest_gap)
        blocks += _told_apart([_block(part) for part in parts], template)
    return tuple(blocks)


def _known(template: Template, function: Function) -> frozenset[int]:
    """The addresses that carry a value by this template."""
    return frozenset(
        address
        for register in template.registers
        if register.function == function
        for address in range(register.address, register.end)
    )


_Part = tuple[Register, ...]


def _best(registers: _Part, template: Template, known: frozenset[int], widest_gap: int) -> tuple[_Part, ...]:
    """The best partition into runs. A read covers an interval, so the runs are contiguous in order of address.

    `cost[i]` is the least (reads, registers) for what is left from register i on; the best next cuts follow from it.
    """
    last = len(registers)
    cost: list[tuple[int, int]] = [(0, 0)] * (last + 1)
    cuts: list[list[int]] = [[] for _ in range(last)]
    for start in range(last - 1, -1, -1):
        options = []
        for stop in range(start + 1, last + 1):
            if stop - start > 1 and not _joins(registers[stop - 2], registers[stop - 1], template, known, widest_gap):
                break
            length = registers[stop - 1].end - registers[start].address
            if length > template.max_registers:
                break
            reads, words = cost[stop]
            options.append(((reads + 1, words + length), stop))
        # A single register always fits: templates refuse registers wider than a read.
        cost[start] = min(option for option, _ in options)
        cuts[start] = [stop for option, stop in options if option == cost[start]]
    return max(islice(_ways(registers, cuts), _WAYS), key=_distinct)


def _joins(one: Register, other: Register, template: Template, known: frozenset[int], widest_gap: int) -> bool:
    """Whether both may be in one read, as far as the gap between them goes."""
    gap = range(one.end, other.address)
    return len(gap) <= widest_gap and (template.fills_holes or all(address in known for address in gap))


def _ways(registers: _Part, cuts: Sequence[Sequence[int]], start: int = 0) -> Iterator[tuple[_Part, ...]]:
    """All partitions of the least cost."""
    if start == len(registers):
        yield ()
        return
    for stop in cuts[start]:
        for rest in _ways(registers, cuts, stop):
            yield (registers[start:stop], *rest)


def _length(part: _Part) -> int:
    return part[-1].end - part[0].address


def _distinct(parts: tuple[_Part, ...]) -> int:
    return len({_length(part) for part in parts})


def _block(part: _Part) -> Block:
    return Block(part[0].function, part[0].address, _length(part), part)


def _told_apart(blocks: list[Block], template: Template) -> list[Block]:
    """Lengthens a block by the value next to it where its length equals another's.

    By a whole value, not by a word: some meters refuse half of one. Only by what the template knows to be there.
    """
    for index, block in enumerate(blocks):
        others = {other.count for other in blocks if other is not block}
        if block.count not in others:
            continue
        for neighbour in template.registers:
            longer = block.count + neighbour.words
            if neighbour.function != block.function or longer > template.max_registers or longer in others:
                continue
            if neighbour.address == block.end:
                blocks[index] = Block(block.function, block.address, longer, block.registers)
                break
            if neighbour.end == block.address:
                blocks[index] = Block(block.function, neighbour.address, longer, block.registers)
                break
    return blocks
