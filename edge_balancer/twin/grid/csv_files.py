"""A feeder in a folder of CSV files, near to the form in which the IEEE European LV test feeder is published.

| file | columns (other names that are read) |
| --- | --- |
| `transformer.csv` | one row: kva, r_percent, x_percent, bus, and where they differ from the defaults of `Transformer`: rated_v, source_pu, vector_group, r0_percent, x0_percent, earth_ohm (`none`: not earthed), mv_short_circuit_mva, mv_r_to_x |
| `lines.csv` | line (name), bus1, bus2, linecode (code), length, units (m, km, ft; m where missing) |
| `linecodes.csv` | linecode (name), r1, x1, r0, x0 (r1_ohm_km, ...) in ohm per unit of length, units (km where missing), and where known the neutral conductor's rn, xn |
| `matrices.csv`, may be missing | linecode, wires (3, 4), row, column (1 to 4, lower triangle), r_ohm_km, x_ohm_km: takes the place of sequence values |
| `loads.csv` (`houses.csv`) | load (name, house), bus, phase (phases): L1, L2, L3, or 3P (ABC) for a three-phase house |
| `earthing.csv`, may be missing | bus, ohm: electrodes of the neutral beyond the transformer's |
| `buscoords.csv`, may be missing | bus (busname), x, y in m |

Further columns are passed over; so a feeder's original files do, and a GIS export with its columns renamed. Lines
that begin with # are comments.
"""  # noqa: E501 - a row of a table is one line

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Final

import numpy as np

from edge_balancer.twin.grid.cables import LineCode
from edge_balancer.twin.grid.csv_tables import Row, read, write
from edge_balancer.twin.grid.errors import FeederError
from edge_balancer.twin.grid.impedance import Complexes, from_sequence, neutral_return
from edge_balancer.twin.grid.model import Earthing, Feeder, Houses, Lines
from edge_balancer.twin.grid.transformer import Transformer
from edge_balancer.types.phases import Phase

_METRES: Final = {"m": 1.0, "km": 1000.0, "ft": 0.3048}
_THREE: Final = frozenset({"3P", "ABC", "L123", "123"})


def load(folder: Path) -> Feeder:
    """The feeder of a folder. Raises FeederError with file, line, column, value and remedy."""
    codes = _codes(folder)
    code_index = {code.name: k for k, code in enumerate(codes)}
    rows = read(folder / "lines.csv", [("bus1",), ("bus2",), ("linecode", "code"), ("length",)])
    buses = tuple(dict.fromkeys(row.text(end) for row in rows for end in ("bus1", "bus2")))
    transformer, root_name, root_row = _transformer(folder / "transformer.csv")
    if root_name not in buses:
        # A feeder of no lines: all houses at the transformer.
        if rows:
            raise root_row.error("bus", f"{root_name!r} is no bus of lines.csv", "name the bus that the lines begin at")
        buses = (root_name,)
    index = {name: k for k, name in enumerate(buses)}
    lines = Lines(
        tuple(row.text("line", "name") for row in rows),
        np.array([index[row.text("bus1")] for row in rows], dtype=np.int64),
        np.array([index[row.text("bus2")] for row in rows], dtype=np.int64),
        np.array([row.choice(code_index, "line code", "linecodes.csv", "linecode", "code") for row in rows], np.int64),
        np.array([row.number("length", least=0.0) * _metres(row, "m") for row in rows], dtype=np.float64),
    )
    return Feeder(
        buses=buses,
        root=index[root_name],
        codes=codes,
        lines=lines,
        transformer=transformer,
        houses=_houses(folder, index),
        earthing=_earthing(folder / "earthing.csv", index),
        xy_m=_places(folder / "buscoords.csv", index),
    )


def _metres(row: Row, default: str) -> float:
    unit = row.text("units", default=default).lower()
    if unit not in _METRES:
        raise row.error("units", f"{unit!r} is not known", f"write {', '.join(_METRES)}")
    return _METRES[unit]


def _codes(folder: Path) -> tuple[LineCode, ...]:
    found: dict[str, LineCode] = {}
    if (folder / "linecodes.csv").exists() or not (folder / "matrices.csv").exists():
        needed = [
            ("linecode", "name"),
            ("r1", "r1_ohm_km"),
            ("x1", "x1_ohm_km"),
            ("r0", "r0_ohm_km"),
            ("x0", "x0_ohm_km"),
        ]
        for row in read(folder / "linecodes.csv", needed):
            code = _sequence_code(row)
            if code.name in found:
                raise row.error("linecode", f"{code.name!r} stands there twice", "leave one of them out")
            found[code.name] = code
    if (folder / "matrices.csv").exists():
        found |= _matrix_codes(folder / "matrices.csv")
    return tuple(found.values())


def _sequence_code(row: Row) -> LineCode:
    per_km = 1000.0 / _metres(row, "km")
    r1, x1, r0, x0 = (per_km * row.number(name, f"{name}_ohm_km") for name in ("r1", "x1", "r0", "x0"))
    z1, z4 = complex(r1, x1), None
    rn = row.optional("rn", "rn_ohm_km")
    if rn is not None:
        z4 = np.diag([z1, z1, z1, per_km * complex(rn, row.number("xn", "xn_ohm_km", default=x1 / per_km))])
    return LineCode(row.text("linecode", "name"), from_sequence(z1, complex(r0, x0)), z4)


def _matrix_codes(path: Path) -> dict[str, LineCode]:
    matrices: dict[tuple[str, int], Complexes] = {}
    last: dict[tuple[str, int], Row] = {}
    for row in read(path, [("linecode",), ("wires",), ("row",), ("column",), ("r_ohm_km",), ("x_ohm_km",)]):
        name = row.text("linecode")
        wires, i, k = (row.number(column) for column in ("wires", "row", "column"))
        if wires not in {3.0, 4.0}:
            raise row.error("wires", f"{wires:g} is not known", "give 3 with the neutral reduced, or 4")
        if i not in range(1, int(wires) + 1) or k not in range(1, int(i) + 1):
            raise row.error("column", f"row {i:g}, column {k:g} is outside", "give the lower triangle, counted from 1")
        key = (name, int(wires))
        z = matrices.setdefault(key, np.full((int(wires), int(wires)), np.nan, dtype=np.complex128))
        if not np.isnan(z[int(i) - 1, int(k) - 1]):
            entry = f"row {i:g}, column {k:g} of {name!r} with {wires:g} wires"
            raise row.error("linecode", f"{entry} stands there twice", "leave one of them out")
        z[int(i) - 1, int(k) - 1] = z[int(k) - 1, int(i) - 1] = complex(row.number("r_ohm_km"), row.number("x_ohm_km"))
        last[key] = row
    for key, z in matrices.items():
        if np.isnan(z).any():
            i, k = np.argwhere(np.isnan(z))[-1] + 1
            wrong = f"the matrix of {key[0]!r} with {key[1]} wires has nothing in row {i}, column {k}"
            raise last[key].error("linecode", wrong, "give every entry of the lower triangle")
    names = dict.fromkeys(name for name, _ in matrices)
    found = {}
    for name in names:
        z3, z4 = matrices.get((name, 3)), matrices.get((name, 4))
        if z3 is None:
            assert z4 is not None  # noqa: S101 - one of the two is there
            z3 = neutral_return(z4)
        found[name] = LineCode(name, z3, z4)
    return found


def _transformer(path: Path) -> tuple[Transformer, str, Row]:
    rows = read(path, [("kva",), ("r_percent",), ("x_percent",), ("bus",)])
    if len(rows) != 1:
        raise FeederError(
            str(path), f"it has {len(rows)} transformers", "give one row: a feeder hangs on one transformer"
        )
    row = rows[0]
    values = {
        f.name: row.number(f.name)
        for f in fields(Transformer)
        if f.name not in {"vector_group", "earth_ohm"} and row.text(f.name, default="")
    }
    group = row.text("vector_group", default="Dyn11")
    ohm: float | None = 0.0
    if row.text("earth_ohm", default=""):
        ohm = None if row.text("earth_ohm").lower() == "none" else row.number("earth_ohm", least=0.0)
    try:
        transformer = Transformer(**values, vector_group=group, earth_ohm=ohm)
    except FeederError as error:
        raise FeederError(f"{row.place()}: {error.place}", error.wrong, error.remedy) from error
    return transformer, row.text("bus"), row


def _houses(folder: Path, index: dict[str, int]) -> Houses:
    path = folder / "houses.csv" if not (folder / "loads.csv").exists() else folder / "loads.csv"
    if not path.exists():
        path = folder / "loads.csv"
    rows = read(path, [("load", "name", "house"), ("bus",), ("phase", "phases")])
    if not rows:
        raise FeederError(str(path), "it has no houses", "give one row for each house")
    phases, three = [], []
    for row in rows:
        text = row.text("phase", "phases")
        three.append(text.upper() in _THREE)
        try:
            phases.append(0 if three[-1] else int(Phase.parse(text)))
        except ValueError as error:
            raise row.error(
                "phase", f"{text!r} is no phase", "write L1, L2, L3, or 3P for a three-phase house"
            ) from error
    return Houses(
        tuple(row.text("load", "name", "house") for row in rows),
        np.array([row.choice(index, "bus", "lines.csv", "bus") for row in rows], dtype=np.int64),
        np.array(phases, dtype=np.int64),
        np.array(three, dtype=bool),
    )


def _earthing(path: Path, index: dict[str, int]) -> Earthing:
    if not path.exists():
        return Earthing()
    rows = read(path, [("bus",), ("ohm",)])
    bus = [row.choice(index, "bus", "lines.csv", "bus") for row in rows]
    return Earthing(np.array(bus, dtype=np.int64), np.array([row.number("ohm") for row in rows], dtype=np.float64))


def _places(path: Path, index: dict[str, int]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]] | None:
    """NaN for a bus that is not in the file."""
    if not path.exists():
        return None
    xy = np.full((len(index), 2), np.nan)
    for row in read(path, [("bus", "busname"), ("x",), ("y",)]):
        if (k := index.get(row.text("bus", "busname"))) is not None:
            xy[k] = row.number("x"), row.number("y")
    return xy


def save(feeder: Feeder, folder: Path) -> None:
    """Writes a feeder so that `load` gives it back, its line codes as matrices. A missing folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    names, lines, houses = feeder.buses, feeder.lines, feeder.houses
    columns = [f.name for f in fields(Transformer)]
    plate = [getattr(feeder.transformer, name) for name in columns]
    plate[columns.index("earth_ohm")] = "none" if feeder.transformer.earth_ohm is None else feeder.transformer.earth_ohm
    write(folder / "transformer.csv", ["bus", *columns], [[names[feeder.root], *plate]])
    ends = zip(lines.begin.tolist(), lines.end.tolist(), lines.code.tolist(), lines.length_m.tolist(), strict=True)
    write(
        folder / "lines.csv",
        ["line", "bus1", "bus2", "linecode", "length", "units"],
        [[lines.names[n], names[a], names[b], feeder.codes[c].name, m, "m"] for n, (a, b, c, m) in enumerate(ends)],
    )
    write(folder / "matrices.csv", ["linecode", "wires", "row", "column", "r_ohm_km", "x_ohm_km"], _entries(feeder))
    phases = ["3P" if three else str(Phase(k)) for three, k in zip(houses.three_phase, houses.phase, strict=True)]
    rows = [[name, names[b], p] for name, b, p in zip(houses.names, houses.bus.tolist(), phases, strict=True)]
    write(folder / "loads.csv", ["load", "bus", "phase"], rows)
    earthing = zip(feeder.earthing.bus.tolist(), feeder.earthing.ohm.tolist(), strict=True)
    write(folder / "earthing.csv", ["bus", "ohm"], [[names[bus], ohm] for bus, ohm in earthing])
    if feeder.xy_m is not None:
        places = zip(names, feeder.xy_m.tolist(), strict=True)
        write(folder / "buscoords.csv", ["bus", "x", "y"], [[n, *xy] for n, xy in places if np.isfinite(xy).all()])


def _entries(feeder: Feeder) -> list[list[str | float | None]]:
    return [
        [code.name, str(len(z)), str(i + 1), str(k + 1), float(z[i, k].real), float(z[i, k].imag)]
        for code in feeder.codes
        for z in (code.z3, code.z4)
        if z is not None
        for i in range(len(z))
        for k in range(i + 1)
    ]
