"""A feeder as plain arrays: buses, lines, transformer, earth electrodes, houses; checked as it is made.

What a feeder is, not what flows in it (`power_flow`) nor where it comes from (`csv_files`, `generate`,
`from_pandapower`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.grid.cables import LineCode
from edge_balancer.twin.grid.errors import FeederError
from edge_balancer.twin.grid.impedance import Complexes
from edge_balancer.twin.grid.topology import Ints, Tree, grow
from edge_balancer.twin.grid.transformer import Transformer

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The lines, one entry each. `begin` and `end` are bus indices in any direction; `code` indexes the line codes."""

    names: tuple[str, ...]
    begin: Ints
    end: Ints
    code: Ints
    length_m: Floats

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True, eq=False)
class Houses:
    """The houses, one entry each."""

    names: tuple[str, ...]
    bus: Ints
    phase: Ints
    """0, 1, 2 for L1, L2, L3, as connected first; of no meaning for a three-phase house."""
    three_phase: Bools

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True, eq=False)
class Earthing:
    """Earth electrodes of the neutral beyond the transformer's own: a bus index and ohms each."""

    bus: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    ohm: Floats = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.bus)


@dataclass(frozen=True, slots=True, eq=False)
class Feeder:
    """A radial low-voltage feeder. Raises FeederError where it is none."""

    buses: tuple[str, ...]
    root: int
    """The transformer's low-voltage bus."""
    codes: tuple[LineCode, ...]
    lines: Lines
    transformer: Transformer
    houses: Houses
    earthing: Earthing = field(default_factory=Earthing)
    xy_m: Floats | None = None
    """[buses, 2] places, for drawings only."""
    tree: Tree = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check_names("bus", self.buses)
        _check_names("line code", [code.name for code in self.codes])
        _check_names("line", self.lines.names)
        _check_names("house", self.houses.names)
        if not 0 <= self.root < len(self.buses):
            raise FeederError("feeder", f"the transformer's bus {self.root} is none", "name one of the buses")
        self._check_lengths()
        for code in self.codes:
            _check_matrix(code, "3x3", code.z3, 3)
            if code.z4 is not None:
                _check_matrix(code, "4x4", code.z4, 4)
        self._check_values()
        lines = self.lines
        tree = grow(self.root, lines.begin, lines.end, self.buses, lines.names)
        object.__setattr__(self, "tree", tree)

    def _check_lengths(self) -> None:
        lines, houses, earthing = self.lines, self.houses, self.earthing
        for place, expected, parts in (
            ("lines", len(lines.names), (lines.begin, lines.end, lines.code, lines.length_m)),
            ("houses", len(houses.names), (houses.bus, houses.phase, houses.three_phase)),
            ("earthing", len(earthing.bus), (earthing.ohm,)),
        ):
            for part in parts:
                if part.shape != (expected,):
                    raise FeederError(place, f"an array has shape {part.shape}", f"give each array {expected} entries")
        if self.xy_m is not None and self.xy_m.shape != (len(self.buses), 2):
            raise FeederError("buses", f"places have shape {self.xy_m.shape}", f"give ({len(self.buses)}, 2)")

    def _check_values(self) -> None:
        lines, houses, earthing, n = self.lines, self.houses, self.earthing, len(self.buses)

        def line(k: int) -> str:
            return f"line {lines.names[k]}"

        def house(k: int) -> str:
            return f"house {houses.names[k]}"

        def electrode(k: int) -> str:
            return f"earthing, entry {k + 1}"

        one = "name one of the buses"
        _check(line, lines.begin, (lines.begin >= 0) & (lines.begin < n), "begins at no bus", one)
        _check(line, lines.end, (lines.end >= 0) & (lines.end < n), "ends at no bus", one)
        _check(line, lines.code, (lines.code >= 0) & (lines.code < len(self.codes)), "has no line code", "add the code")
        fine = np.isfinite(lines.length_m) & (lines.length_m >= 0.0)
        _check(line, lines.length_m, fine, "is no length", "give metres, zero or more")
        _check(house, houses.bus, (houses.bus >= 0) & (houses.bus < n), "is at no bus", one)
        fine = houses.three_phase | ((houses.phase >= 0) & (houses.phase <= 2))
        _check(house, houses.phase, fine, "is no phase", "give 0, 1 or 2, or make it a three-phase house")
        _check(electrode, earthing.bus, (earthing.bus >= 0) & (earthing.bus < n), "is at no bus", one)
        fine = np.isfinite(earthing.ohm) & (earthing.ohm > 0.0)
        _check(electrode, earthing.ohm, fine, "is no earth resistance", "give ohms above zero")

    def z3_ohm(self) -> Complexes:
        """[lines, 3, 3] series impedance, neutral reduced."""
        return self._series([code.z3 for code in self.codes], 3)

    def z4_ohm(self) -> Complexes:
        """[lines, 4, 4] series impedance with the neutral. Raises FeederError where a used code has none."""
        used = set(self.lines.code.tolist())
        for k in sorted(used):
            if self.codes[k].z4 is None:
                remedy = "give its 4x4 matrix or Rn and Xn, or take Feeder.with_derived_neutrals()"
                raise FeederError(f"line code {self.codes[k].name}", "nothing is known of its neutral", remedy)
        unused = np.zeros((4, 4), dtype=np.complex128)
        return self._series([unused if code.z4 is None else code.z4 for code in self.codes], 4)

    def _series(self, per_km: Sequence[Complexes], wires: int) -> Complexes:
        table = np.array(per_km, dtype=np.complex128).reshape(-1, wires, wires)
        return np.asarray(table[self.lines.code] * (self.lines.length_m / 1000.0)[:, None, None])

    def with_derived_neutrals(self) -> Feeder:
        """The same, each line code without a 4x4 matrix given one that its sequence values allow."""
        return replace(self, codes=tuple(code.with_derived_neutral() for code in self.codes))

    def with_earthing(self, earthing: Earthing, transformer_ohm: float | None = 0.0) -> Feeder:
        """The same with other earth electrodes."""
        return replace(self, earthing=earthing, transformer=replace(self.transformer, earth_ohm=transformer_ohm))

    def bus_index(self, name: str) -> int:
        """Raises FeederError where there is none of this name."""
        try:
            return self.buses.index(name)
        except ValueError:
            raise FeederError(f"bus {name}", "the feeder has none of this name", "name one of its buses") from None


def _check_names(kind: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for k, name in enumerate(names):
        if not name:
            raise FeederError(f"{kind}, entry {k + 1}", "it has no name", "give it one")
        if name in seen:
            raise FeederError(f"{kind} {name}", "two have this name", "rename one of them")
        seen.add(name)


def _check(place: Callable[[int], str], values: NDArray[np.generic], fine: Bools, wrong: str, remedy: str) -> None:
    bad = np.flatnonzero(~fine)
    if len(bad):
        raise FeederError(place(int(bad[0])), f"{values[bad[0]]} {wrong}", remedy)


def _check_matrix(code: LineCode, kind: str, z: Complexes, wires: int) -> None:
    place = f"line code {code.name}, {kind} matrix"
    if z.shape != (wires, wires):
        raise FeederError(place, f"its shape is {z.shape}", f"give {wires} rows of {wires} values")
    if not np.isfinite(z).all():
        raise FeederError(place, "it holds a value that is no number", "give ohm per km")
    if not np.allclose(z, z.T, rtol=1e-6, atol=1e-9):
        raise FeederError(place, "it is not symmetrical", "Z_ij and Z_ji of a line are the same: mend one of them")
    # A passive line loses power, whatever flows; published tables may be a few milliohms off.
    least = float(np.linalg.eigvalsh(z.real).min())
    if least < -0.01:
        raise FeederError(
            place, f"its resistances give power away ({least:.3g} ohm/km)", "check the values, R0 included"
        )
