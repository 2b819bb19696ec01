"""A feeder out of a pandapower network, such as `pandapower.networks.ieee_european_lv_asymmetric()` or the CIGRE one.

pandapower comes with the extra `twin` and is imported in `european_lv` alone; `from_net` reads a network that its
caller has made. Taken over: lines in service, one transformer, single- and three-phase loads and their phases. Left
out: shunts, capacitances, switches' own impedance, transformer taps beyond the ratio that they make.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

import numpy as np

from edge_balancer.twin.grid.cables import LineCode
from edge_balancer.twin.grid.errors import FeederError
from edge_balancer.twin.grid.impedance import from_sequence
from edge_balancer.twin.grid.model import Feeder, Houses, Lines
from edge_balancer.twin.grid.transformer import Transformer

_ZERO_TO_ONE: Final = 4.0
"""R0/R1 and X0/X1 where the network has no zero-sequence values: a four-core cable whose neutral is like a phase."""
_PHASES: Final = ("p_a_mw", "p_b_mw", "p_c_mw")


def european_lv() -> Feeder:
    """The IEEE European LV test feeder as pandapower ships it: 906 buses, 55 single-phase houses."""
    try:
        networks: Any = importlib.import_module("pandapower.networks")
    except ImportError as error:
        remedy = "install it: pip install 'edge-balancer[twin]'"
        raise FeederError("pandapower", "it is not installed, and the feeder comes with it", remedy) from error
    return from_net(networks.ieee_european_lv_asymmetric("on_peak_566"))


def from_net(net: Any, transformer: int | None = None) -> Feeder:
    """The feeder behind a transformer of the network (its index in `net.trafo`; the only one where not given)."""
    trafo = _chosen(net, transformer)
    neighbours: dict[int, list[Any]] = {}
    opened = _open_lines(net)
    for row in net.line[net.line.in_service].itertuples():
        if row.Index not in opened:
            neighbours.setdefault(int(row.from_bus), []).append(row)
            neighbours.setdefault(int(row.to_bus), []).append(row)
    index, used = _reach(int(trafo.lv_bus), neighbours)
    codes: dict[tuple[float, ...], int] = {}
    made: list[LineCode] = []
    columns = set(net.line.columns)
    code = []
    for row in used:
        values = _sequence(row, columns)
        if values not in codes:
            codes[values] = len(made)
            name = row.std_type if isinstance(row.std_type, str) and row.std_type else "line"
            taken = {c.name for c in made}
            name = name if name not in taken else f"{name} ({len(made)})"
            made.append(LineCode(name, from_sequence(complex(*values[:2]), complex(*values[2:]))))
        code.append(codes[values])
    return Feeder(
        buses=tuple(f"bus{k}" for k in index),
        root=0,
        codes=tuple(made),
        lines=Lines(
            tuple(f"line{row.Index}" for row in used),
            np.array([index[int(row.from_bus)] for row in used], dtype=np.int64),
            np.array([index[int(row.to_bus)] for row in used], dtype=np.int64),
            np.array(code, dtype=np.int64),
            np.array([float(row.length_km) * 1000.0 / float(row.parallel) for row in used], dtype=np.float64),
        ),
        transformer=_transformer(net, trafo),
        houses=_houses(net, index),
    )


def _chosen(net: Any, transformer: int | None) -> Any:
    rows = {row.Index: row for row in net.trafo[net.trafo.in_service].itertuples()}
    if transformer is None and len(rows) == 1:
        return next(iter(rows.values()))
    if transformer not in rows:
        remedy = f"give the index of one of them: {', '.join(str(k) for k in rows)}"
        raise FeederError("net.trafo", f"{transformer} is not one of its {len(rows)} transformers in service", remedy)
    return rows[transformer]


def _open_lines(net: Any) -> set[int]:
    switches = net.switch
    return {int(row.element) for row in switches.itertuples() if row.et == "l" and not row.closed}


def _reach(root: int, neighbours: dict[int, list[Any]]) -> tuple[dict[int, int], list[Any]]:
    """Indices of the buses behind the transformer, and the lines there, each once."""
    index, used, seen = {root: 0}, [], set()
    queue = [root]
    for bus in queue:
        for row in neighbours.get(bus, []):
            if row.Index in seen:
                continue
            seen.add(row.Index)
            used.append(row)
            other = int(row.to_bus) if int(row.from_bus) == bus else int(row.from_bus)
            if other not in index:
                index[other] = len(index)
                queue.append(other)
    return index, used


def _sequence(row: Any, columns: set[str]) -> tuple[float, float, float, float]:
    """R1, X1, R0, X0 in ohm per km."""
    r1, x1 = float(row.r_ohm_per_km), float(row.x_ohm_per_km)
    r0 = float(row.r0_ohm_per_km) if "r0_ohm_per_km" in columns else float("nan")
    x0 = float(row.x0_ohm_per_km) if "x0_ohm_per_km" in columns else float("nan")
    return r1, x1, r0 if np.isfinite(r0) else _ZERO_TO_ONE * r1, x0 if np.isfinite(x0) else _ZERO_TO_ONE * x1


def _transformer(net: Any, trafo: Any) -> Transformer:
    r = float(trafo.vkr_percent)
    grids = [row for row in net.ext_grid.itertuples() if int(row.bus) == int(trafo.hv_bus)]
    grid = grids[0] if grids else None
    mva = float(getattr(grid, "s_sc_max_mva", "nan")) if grid is not None else float("nan")
    ratio = float(getattr(grid, "rx_max", "nan")) if grid is not None else float("nan")
    primary = float(net.bus.vn_kv.at[trafo.hv_bus])
    pu = (float(grid.vm_pu) if grid is not None else 1.0) * primary / float(trafo.vn_hv_kv)
    group = getattr(trafo, "vector_group", None)
    return Transformer(
        kva=float(trafo.sn_mva) * 1000.0 * float(trafo.parallel),
        r_percent=r,
        x_percent=float(np.sqrt(float(trafo.vk_percent) ** 2 - r**2)),
        rated_v=float(trafo.vn_lv_kv) * 1000.0,
        source_pu=pu,
        vector_group=group if isinstance(group, str) and group else "Dyn",
        mv_short_circuit_mva=mva if np.isfinite(mva) else None,
        mv_r_to_x=ratio if np.isfinite(ratio) else 0.3,
    )


def _houses(net: Any, index: dict[int, int]) -> Houses:
    """A load on one phase is a single-phase house; all others are three-phase."""
    names: list[str] = []
    found: list[tuple[int, int, bool]] = []
    for row in net.asymmetric_load[net.asymmetric_load.in_service].itertuples():
        on = [k for k, column in enumerate(_PHASES) if float(getattr(row, column)) != 0.0]
        if int(row.bus) in index:
            found.append((index[int(row.bus)], on[0] if len(on) == 1 else 0, len(on) != 1))
            names.append(f"house{row.Index}")
    for row in net.load[net.load.in_service].itertuples():
        if int(row.bus) in index:
            found.append((index[int(row.bus)], 0, True))
            names.append(f"load{row.Index}")
    return Houses(
        tuple(names),
        np.array([bus for bus, _, _ in found], dtype=np.int64),
        np.array([phase for _, phase, _ in found], dtype=np.int64),
        np.array([three for _, _, three in found], dtype=bool),
    )
