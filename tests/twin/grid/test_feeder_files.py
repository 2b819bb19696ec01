"""Feeders in folders of CSV files, and out of pandapower: what comes back, and what is said of a mistake."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.twin.grid.csv_files import load, save
from edge_balancer.twin.grid.errors import FeederError
from edge_balancer.twin.grid.generate import generate
from edge_balancer.twin.grid.power_flow import PowerFlow

FILES = {
    "transformer.csv": "kva,r_percent,x_percent,bus,rated_v,source_pu,vector_group,earth_ohm\n"
    "800,0.4,4,1,416,1.05,,none\n",
    "linecodes.csv": "# as published\nName,nphases,R1,X1,R0,X0,C1,C0,Units,Rn,Xn\n"
    "4c_70,3,0.446,0.071,1.505,0.083,0,0,km,,\n2c_16,3,0.00115,0.000088,0.0012,0.000088,0,0,m,0.00115,0.00009\n",
    "lines.csv": "Name,Bus1,Bus2,Phases,Length,Units,Code\nLINE1,1,2,ABC,50,m,4c_70\n\nLINE2,3,2,ABC,0.02,km,2c_16\n"
    "LINE3,2,4,ABC,100,ft,2c_16\n",
    "loads.csv": "Name,numPhases,Bus,phases,kV,Model,Connection,kW,PF,Yearly\nLOAD1,1,3,A,0.23,1,wye,1,0.95,Shape_1\n"
    "LOAD2,1,4,L3,0.23,1,wye,1,0.95,Shape_2\nLOAD3,3,4,ABC,0.4,1,wye,1,0.95,Shape_3\n",
    "earthing.csv": "bus,ohm\n4,30\n",
    "buscoords.csv": "Busname,x,y\n1,0,0\n4,10,20\n99,1,1\n",
}


def folder(path: Path, **changed: str | None) -> Path:
    """The files, some changed (`lines_csv=...`) or left out."""
    for name, text in FILES.items():
        other = changed.get(name.replace(".", "_"), text)
        if other is not None:
            (path / name).write_text(other, encoding="utf-8")
    return path


def test_files_in_the_published_form_are_read(tmp_path: Path) -> None:
    feeder = load(folder(tmp_path))
    assert feeder.buses == ("1", "2", "3", "4")
    assert feeder.lines.length_m == pytest.approx([50.0, 20.0, 30.48])
    assert feeder.transformer.earth_ohm is None
    assert feeder.transformer.no_load_v == pytest.approx(416 / 3**0.5 * 1.05)
    by_name = {code.name: code for code in feeder.codes}
    assert by_name["2c_16"].sequence == pytest.approx((1.15 + 0.088j, 1.2 + 0.088j))
    z4 = by_name["2c_16"].z4
    assert z4 is not None
    assert z4[3, 3] == pytest.approx(1.15 + 0.09j)
    assert by_name["4c_70"].z4 is None
    assert feeder.houses.phase.tolist() == [0, 2, 0]
    assert feeder.houses.three_phase.tolist() == [False, False, True]
    assert feeder.earthing.ohm.tolist() == [30.0]
    assert feeder.xy_m is not None
    assert feeder.xy_m[3].tolist() == [10.0, 20.0]
    assert np.isnan(feeder.xy_m[1]).all()
    found = PowerFlow(feeder).solve(np.array([2000.0 + 0j, 1000, 3000]))
    assert found.converged.all()


@pytest.mark.parametrize("style", ["rural", "urban"])
def test_what_was_saved_comes_back_to_the_last_digit(tmp_path: Path, style: str) -> None:
    feeder = generate(style, 25, 4, three_phase_share=0.2)
    save(feeder, tmp_path / "new" / "folder")
    again = load(tmp_path / "new" / "folder")
    assert again.transformer == feeder.transformer
    assert again.houses.names == feeder.houses.names
    s = np.random.default_rng(1).uniform(-3000, 4000, (5, 25)) + 0j
    for explicit in (False, True):
        here, there = PowerFlow(feeder, explicit).solve(s), PowerFlow(again, explicit).solve(s)
        assert there.house_v == pytest.approx(here.house_v, abs=1e-9)
        assert there.earth == pytest.approx(here.earth, abs=1e-9)


def swap(name: str, old: str, new: str) -> dict[str, str]:
    assert old in FILES[name]
    return {name.replace(".", "_"): FILES[name].replace(old, new, 1)}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"lines_csv": None}, r"lines\.csv: it cannot be read: No such file"),
        ({"lines_csv": "# nothing\n"}, r"lines\.csv: it is empty"),
        (
            swap("lines.csv", "Length", "Len"),
            r"lines\.csv line 1: there is no column length; its columns are name, bus1",
        ),
        (swap("lines.csv", "0.02,km,2c_16", "0.02,km"), r"lines\.csv line 4: 6 values under 7 column names"),
        (swap("lines.csv", "0.02,km", "2x,km"), r"lines\.csv line 4, column length: '2x' is no number"),
        (swap("lines.csv", "0.02,km", "-2,km"), r"lines\.csv line 4, column length: -2 is below 0"),
        (swap("lines.csv", "0.02,km", "0.02,mi"), r"line 4, column units: 'mi' is not known.*write m, km, ft"),
        (
            swap("lines.csv", "km,2c_16", "km,2c_17"),
            r"lines\.csv line 4, column linecode: '2c_17' is no line code of linecodes",
        ),
        (swap("lines.csv", "LINE2,3,2", "LINE2,1,2"), r"loads\.csv line 2, column bus: '3' is no bus of lines\.csv"),
        (
            swap("lines.csv", "LINE3,2,4", "LINE3,5,4"),
            "no line leads from the transformer's bus 1 to 2 of 5 buses: 5, 4",
        ),
        (
            swap("linecodes.csv", "2c_16,3", "4c_70,3"),
            r"linecodes\.csv line 4, column linecode: '4c_70' stands there twice",
        ),
        (swap("linecodes.csv", "0.446", ""), r"linecodes\.csv line 3, column r1: nothing stands there"),
        (swap("loads.csv", "3,A", "3,D"), r"loads\.csv line 2, column phase: 'D' is no phase.*3P"),
        (
            {"loads_csv": FILES["loads.csv"].splitlines()[0]},
            r"loads\.csv: it has no houses.*give one row for each house",
        ),
        (swap("transformer.csv", "800,", "-5,"), r"transformer\.csv line 2: transformer, kva: -5\.0 cannot be"),
        (swap("transformer.csv", "4,1,416", "4,7,416"), r"transformer\.csv line 2, column bus: '7' is no bus of lines"),
        (
            {"transformer_csv": FILES["transformer.csv"] + "1,1,1,1,400,1,,0\n"},
            r"transformer\.csv: it has 2 transformers",
        ),
        (swap("earthing.csv", "4,30", "8,30"), r"earthing\.csv line 2, column bus: '8'"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_remedy(tmp_path: Path, changed: dict[str, str], says: str) -> None:
    with pytest.raises(FeederError, match=re.compile(says, re.DOTALL)) as told:
        load(folder(tmp_path, **changed))
    assert "-> " in str(told.value)


def test_matrices_take_the_place_of_sequence_values(tmp_path: Path) -> None:
    rows = [
        f"2c_16,4,{i},{k},{1.0 if i == k else 0.05},{0.8 if i == k else 0.7}"
        for i in range(1, 5)
        for k in range(1, i + 1)
    ]
    header = "linecode,wires,row,column,r_ohm_km,x_ohm_km\n"
    (folder(tmp_path) / "matrices.csv").write_text(header + "\n".join(rows), encoding="utf-8")
    code = {code.name: code for code in load(tmp_path).codes}["2c_16"]
    assert code.z4 is not None
    assert code.z4[2, 1] == code.z4[1, 2] == 0.05 + 0.7j
    assert code.z3[0, 0] == pytest.approx(2 * (1.0 + 0.8j) - 2 * (0.05 + 0.7j))
    (tmp_path / "matrices.csv").write_text(header + "\n".join(rows[:-2]), encoding="utf-8")
    with pytest.raises(FeederError, match=r"matrices\.csv line 9.*'2c_16' with 4 wires has nothing in row 4, column 4"):
        load(tmp_path)
    (tmp_path / "matrices.csv").write_text(header + "\n".join([*rows, rows[1].replace("0.05", "0.06")]))
    with pytest.raises(
        FeederError, match=r"line 12.*row 2, column 1 of '2c_16' with 4 wires stands there twice\n.*leave"
    ):
        load(tmp_path)


def test_without_pandapower_its_feeder_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_balancer.twin.grid.from_pandapower import european_lv

    monkeypatch.setitem(__import__("sys").modules, "pandapower.networks", None)
    with pytest.raises(FeederError, match=r"pandapower: it is not installed[^>]*-> install it: pip install"):
        european_lv()


@pytest.mark.slow  # pandapower takes seconds to import
def test_pandapowers_feeders_come_over() -> None:
    networks = pytest.importorskip("pandapower.networks")
    from edge_balancer.twin.grid.from_pandapower import european_lv, from_net

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        feeder = european_lv()
        cigre = networks.create_cigre_network_lv()
    assert (len(feeder.buses), len(feeder.houses), len(feeder.lines)) == (906, 55, 905)
    assert np.bincount(feeder.houses.phase).tolist() == [21, 19, 15]
    assert feeder.transformer.no_load_v == pytest.approx(416 / 3**0.5 * 1.05, rel=1e-6)
    with pytest.raises(FeederError, match=r"None is not one of its 3 transformers in service"):
        from_net(cigre)
    residential = from_net(cigre, 0)
    assert residential.transformer.kva == pytest.approx(500.0)
    assert PowerFlow(residential).solve(np.full(len(residential.houses), 10_000.0 + 0j)).converged.all()
