"""A feeder as an OpenDSS circuit, so that another program can check the power flow or go on with the feeder.

Text only: OpenDSS itself is not needed here. Buses are named b0, b1, ... by their index, houses h0, h1, ...: OpenDSS
takes dots and blanks in names for its own. A Dyn transformer becomes a transformer; any other group the voltage source
behind its sequence impedances that it is to a low-voltage feeder.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from edge_balancer.twin.grid.impedance import Complexes, to_sequence
from edge_balancer.twin.grid.model import Feeder, Floats

_MV_KV: Final = 11.0
_STIFF_MVA: Final = 1e9


def commands(feeder: Feeder, s: Complexes, *, explicit_neutral: bool = False, frequency_hz: float = 50.0) -> list[str]:
    """Commands that build the circuit with the houses at powers `s` [H] VA, on the feeder's phases; without `solve`.

    Voltages of the circuit have L1's no-load voltage at an angle of zero, as the power flow's.
    """
    wires = 4 if explicit_neutral else 3
    return [
        "clear",
        f"set defaultbasefrequency={frequency_hz:g}",
        *_source(feeder, explicit_neutral),
        *_lines(feeder, wires),
        *_earthing(feeder, explicit_neutral),
        *_loads(feeder, s, wires),
        "set controlmode=off",
    ]


def _nodes(feeder: Feeder, bus: int, wires: int) -> str:
    """Bus with its nodes; the fourth is earth itself where the star point is earthed without resistance."""
    if wires == 3:
        return f"b{bus}.1.2.3"
    solid = bus == feeder.root and feeder.transformer.earth_ohm == 0.0
    return f"b{bus}.1.2.3.{0 if solid else 4}"


def _source(feeder: Feeder, explicit_neutral: bool) -> list[str]:
    t = feeder.transformer
    secondary = _nodes(feeder, feeder.root, 4) if explicit_neutral else f"b{feeder.root}.1.2.3.0"
    if not t.vector_group.lower().startswith("dyn") or t.r0_percent is not None or t.x0_percent is not None:
        z1, z0 = to_sequence(t.series_ohm() + t.mv_ohm())
        neutral = secondary.rsplit(".", 1)[1]
        star = f"b{feeder.root}.{neutral}.{neutral}.{neutral}"
        return [
            (
                f"new circuit.feeder phases=3 basekv={t.rated_v / 1000.0!r} pu={t.source_pu!r} angle=0 "
                f"bus1=b{feeder.root}.1.2.3 bus2={star} Z1=[{z1.real!r}, {z1.imag!r}] Z0=[{z0.real!r}, {z0.imag!r}]"
            )
        ]
    mva = _STIFF_MVA if t.mv_short_circuit_mva is None else t.mv_short_circuit_mva
    z = _MV_KV**2 / mva
    x = z / math.hypot(1.0, t.mv_r_to_x)
    return [
        # The windings lead by 30 degrees (Dyn11).
        (
            f"new circuit.feeder phases=3 basekv={_MV_KV} pu={t.source_pu!r} angle=-30 bus1=mv "
            f"Z1=[{t.mv_r_to_x * x!r}, {x!r}] Z0=[{t.mv_r_to_x * x!r}, {x!r}]"
        ),
        (
            f"new transformer.t phases=3 windings=2 buses=(mv, {secondary}) conns=(delta, wye) "
            f"kvs=({_MV_KV}, {t.rated_v / 1000.0!r}) kvas=({t.kva!r}, {t.kva!r}) xhl={t.x_percent!r} "
            f"%rs=({t.r_percent / 2.0!r}, {t.r_percent / 2.0!r}) leadlag=lead ppm_antifloat=0 %noloadloss=0 %imag=0"
        ),
    ]


def _lines(feeder: Feeder, wires: int) -> list[str]:
    z = feeder.z4_ohm() if wires == 4 else feeder.z3_ohm()
    nothing = _matrix(np.zeros((wires, wires)))
    return [
        f"new line.l{k} phases={wires} bus1={_nodes(feeder, int(begin), wires)} bus2={_nodes(feeder, int(end), wires)} "
        f"rmatrix={_matrix(z[k].real)} xmatrix={_matrix(z[k].imag)} cmatrix={nothing} length=1 units=none"
        for k, (begin, end) in enumerate(zip(feeder.lines.begin, feeder.lines.end, strict=True))
    ]


def _matrix(values: Floats) -> str:
    return "(" + " | ".join(" ".join(repr(float(x)) for x in row) for row in values) + ")"


def _earthing(feeder: Feeder, explicit_neutral: bool) -> list[str]:
    if not explicit_neutral:
        return []
    at_star = feeder.transformer.earth_ohm
    electrodes = [(feeder.root, at_star)] if at_star else []
    electrodes += list(zip(feeder.earthing.bus.tolist(), feeder.earthing.ohm.tolist(), strict=True))
    return [
        f"new reactor.e{k} phases=1 bus1=b{bus}.4 bus2=b{bus}.0 R={ohm!r} X=0"
        for k, (bus, ohm) in enumerate(electrodes)
        if not (bus == feeder.root and at_star == 0.0)
    ]


def _loads(feeder: Feeder, s: Complexes, wires: int) -> list[str]:
    houses, t = feeder.houses, feeder.transformer
    found = []
    for k in range(len(houses)):
        bus, three = int(houses.bus[k]), bool(houses.three_phase[k])
        ending = _nodes(feeder, bus, 4).rsplit(".", 1)[1] if wires == 4 else "0"
        nodes = f"1.2.3.{ending}" if three else f"{houses.phase[k] + 1}.{ending}"
        kv = t.rated_v / 1000.0 if three else t.rated_v / math.sqrt(3.0) / 1000.0
        found.append(
            f"new load.h{k} phases={3 if three else 1} conn=wye bus1=b{bus}.{nodes} kv={kv!r} model=1 vminpu=0 vmaxpu=9"
            f" kw={float(s[k].real) / 1000.0!r} kvar={float(s[k].imag) / 1000.0!r}"
        )
    return found
