"""The power flow against OpenDSS: every house's voltage within 1e-4 V, three wires and explicit neutral."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_balancer.twin.grid.generate import generate
from edge_balancer.twin.grid.impedance import Complexes
from edge_balancer.twin.grid.model import Feeder
from edge_balancer.twin.grid.power_flow import PowerFlow
from edge_balancer.twin.grid.to_opendss import commands
from tests.twin.grid.feeders_for_tests import powers

dss: Any = pytest.importorskip("opendssdirect")
LIMIT_V = 1e-4


def opendss(feeder: Feeder, s: Complexes, *, explicit: bool) -> tuple[list[Complexes], complex]:
    """Per house the voltages of its phases to its neutral; and the VA that the source gives."""
    # Its default frequency holds for whole circuits, so it must stand before `new circuit`: `commands` sees to it.
    for command in [*commands(feeder, s, explicit_neutral=explicit), "set tolerance=1e-9 maxiterations=100", "solve"]:
        dss.Text.Command(command)
    assert dss.Solution.Converged()
    flat = np.array(dss.Circuit.AllBusVolts())
    at = dict(zip(dss.Circuit.AllNodeNames(), (flat[::2] + 1j * flat[1::2]).tolist(), strict=True))
    houses = feeder.houses
    found = []
    for bus, phase, three in zip(houses.bus, houses.phase, houses.three_phase, strict=True):
        neutral = at.get(f"b{bus}.4", 0.0)
        found.append(np.array([at[f"b{bus}.{k + 1}"] - neutral for k in (range(3) if three else [phase])]))
    given = dss.Circuit.TotalPower()
    return found, -1000.0 * complex(given[0], given[1])


def compare(feeder: Feeder, s: Complexes, *, explicit: bool) -> None:
    found = PowerFlow(feeder, explicit).solve(s)
    assert found.converged.all()
    theirs, source = opendss(feeder, s, explicit=explicit)
    three = iter(found.three_phase_v[0])
    for h, volts in enumerate(theirs):
        ours = next(three) if feeder.houses.three_phase[h] else found.house_v[0, h : h + 1]
        assert np.abs(ours - volts).max() < LIMIT_V, f"{feeder.houses.names[h]}: {ours} here, {volts} there"
    # Behind a stiff network, their source is our medium-voltage side.
    if feeder.transformer.mv_short_circuit_mva is None and feeder.transformer.vector_group.startswith("Dyn"):
        assert complex(found.source_s[0]) == pytest.approx(source, abs=0.5)


@pytest.mark.parametrize("explicit", [False, True], ids=["three-wire", "neutral"])
@pytest.mark.parametrize("three_phase_share", [0.0, 0.3])
@pytest.mark.parametrize(
    ("style", "houses", "scale_w"),
    [("rural", 24, 1200), ("suburban", 55, 1500), ("urban", 80, 900), ("mini-grid", 40, 200)],
)
def test_generated_feeders(style: str, houses: int, scale_w: float, three_phase_share: float, explicit: bool) -> None:
    feeder = generate(style, houses, 7, three_phase_share=three_phase_share)
    compare(feeder, powers(np.random.default_rng(houses), houses, 1, scale_w)[0], explicit=explicit)


@pytest.mark.parametrize("explicit", [False, True], ids=["three-wire", "neutral"])
@pytest.mark.parametrize(
    "plate",
    [
        {"vector_group": "Yyn0"},
        {"vector_group": "Yzn5"},
        {"r0_percent": 1.0, "x0_percent": 3.5},
        {"mv_short_circuit_mva": None},
        {"mv_short_circuit_mva": 20.0, "mv_r_to_x": 1.0},
    ],
    ids=lambda plate: next(iter(plate)) + "=" + str(next(iter(plate.values()))),
)
def test_transformers_and_networks_behind_them(plate: dict[str, Any], explicit: bool) -> None:
    feeder = generate("suburban", 30, 3)
    feeder = replace(feeder, transformer=replace(feeder.transformer, **plate))
    compare(feeder, powers(np.random.default_rng(1), 30, 1)[0], explicit=explicit)


@pytest.mark.parametrize("ohm", [None, 0.0, 0.5, 20.0])
def test_earthing_of_the_star_point(ohm: float | None) -> None:
    feeder = generate("rural", 20, 11)
    feeder = feeder.with_earthing(feeder.earthing, ohm)
    compare(feeder, powers(np.random.default_rng(2), 20, 1)[0], explicit=True)


@pytest.mark.slow  # pandapower takes seconds to import
@pytest.mark.parametrize("explicit", [False, True], ids=["three-wire", "neutral"])
def test_the_european_feeder_of_pandapower(explicit: bool) -> None:
    pytest.importorskip("pandapower")
    from edge_balancer.twin.grid.from_pandapower import european_lv

    feeder = european_lv().with_derived_neutrals()
    electrodes = replace(feeder.earthing, bus=feeder.houses.bus[::5], ohm=np.full(11, 30.0))
    feeder = feeder.with_earthing(electrodes, 2.0)
    compare(feeder, powers(np.random.default_rng(4), 55, 1)[0], explicit=explicit)
