"""Templates of the user's own: added, overriding, extending, broken; and what is said of each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.errors import TemplateError
from firmware_bridge.lines.requests import Function
from firmware_bridge.meters.catalogue import list_meters, load_meter, meter_names
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.meters.template import Kind

GOOD = """
title = "Acme One"
phases = 1
function = 4
type = "s32"
word_order = "low_first"
scale = 0.1
missing = ["largest", 0x80000000]
max_registers = 20

[registers]
v = { address = 0, type = "u16", missing = ["all_ones"] }
p = { address = 0x10, unit = "kW", scale = 0.001 }
i = { address = 4, function = 3, word_order = "high_first" }

[plausible]
v = [80, 300]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "meters").mkdir()
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / "meters" / f"{name}.toml").write_text(text, encoding="utf-8")


def test_an_own_template_is_added_with_its_defaults_and_exceptions(folder: Path) -> None:
    write(folder, "acme_one", GOOD)
    assert set(meter_names(folder)) == {*meter_names(), "acme_one"}
    template = load_meter("acme_one", folder)
    assert template.own
    assert template.max_registers == 20
    i, v, p = template.registers
    assert (i.function, i.low_word_first, i.kind) == (Function.READ_HOLDING, False, Kind.S32)
    assert (v.function, v.kind, v.words, v.low, v.high) == (Function.READ_REGISTERS, Kind.U16, 1, 80, 300)
    assert (p.address, p.end, p.low_word_first) == (16, 18, True)
    assert p.scale == pytest.approx(1.0)
    assert [sentinel.pattern for sentinel in p.missing] == [0x7FFFFFFF, 0x80000000]
    assert [sentinel.pattern for sentinel in v.missing] == [0xFFFF]


def test_an_own_template_takes_the_place_of_the_shipped_one(folder: Path) -> None:
    write(folder, "eastron_sdm120", GOOD)
    assert load_meter("eastron_sdm120", folder).title == "Acme One"
    assert load_meter("eastron_sdm120").title == "Eastron SDM120"
    assert meter_names(folder) == meter_names()


def test_an_own_template_may_extend_the_shipped_one_that_it_replaces(folder: Path) -> None:
    write(folder, "eastron_sdm120", 'extends = "eastron_sdm120"\nmax_registers = 6\n[serial]\nbaud = 9600\n')
    own, shipped = load_meter("eastron_sdm120", folder), load_meter("eastron_sdm120")
    assert (own.max_registers, own.serial.baud) == (6, 9600)
    assert own.registers == shipped.registers
    assert own.own
    assert not shipped.own


def test_an_own_file_does_not_change_the_shipped_ones_that_extend_its_namesake(folder: Path) -> None:
    write(folder, "eastron_sdm120", GOOD)
    assert load_meter("eastron_sdm230", folder).registers == load_meter("eastron_sdm230").registers


def test_extending_adds_and_replaces_single_registers(folder: Path) -> None:
    write(folder, "mine", 'extends = "eastron_sdm72"\ntitle = "Mine"\n[registers]\nf = { address = 70 }\n')
    template = load_meter("mine", folder)
    assert template.has(Point(Quantity.F))
    assert template.has(Point(Quantity.E_IMPORT))
    assert template.title == "Mine"


def test_a_broken_file_is_an_error_only_where_it_is_used(folder: Path) -> None:
    write(folder, "acme_one", GOOD)
    write(folder, "broken", "title = perhaps")
    assert load_meter("acme_one", folder).title == "Acme One"
    entry = next(entry for entry in list_meters(folder) if entry.name == "broken")
    assert entry.template is None
    assert entry.own
    assert "not TOML" in entry.problem
    with pytest.raises(TemplateError, match=r"broken\.toml: not TOML: .*line 1"):
        load_meter("broken", folder)


def test_a_file_that_is_no_text_is_named(folder: Path) -> None:
    (folder / "meters" / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TemplateError, match=r"binary\.toml: cannot be read"):
        load_meter("binary", folder)


def test_a_folder_without_meters_adds_nothing(tmp_path: Path) -> None:
    assert meter_names(tmp_path / "nowhere") == meter_names(tmp_path) == meter_names()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("eastron_sdm12", "eastron_sdm120"), ("SDM630", "eastron_sdm630"), ("pzem004t", "pzem_004t")],
)
def test_an_unknown_name_gets_the_nearest_known_one(name: str, nearest: str) -> None:
    with pytest.raises(TemplateError, match=f'"{name}": did you mean {nearest}'):
        load_meter(name)


def test_a_name_like_none_gets_all_of_them() -> None:
    with pytest.raises(TemplateError, match=r"write one of abb_b21, abb_b23, .*schneider_iem3155"):
        load_meter("zzz")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("scale = 0.1", "scales = 0.1"), ["scales = 0.1", "unknown key", "did you mean scale?"]),
        (
            ("address = 4,", "adress = 4,"),
            ["registers.i.address is missing", "registers.i.adress", "did you mean address"],
        ),
        (("phases = 1", "phases = 2"), ["phases = 2", "1 or 3"]),
        (("phases = 1", ""), ["phases is missing: add it"]),
        (('title = "Acme One"', "title = 3"), ["title = 3", "string"]),
        (("function = 4", "function = 6"), ["function = 6", "3 or 4"]),
        (('"s32"', '"int32"'), ['type = "int32"', "'u16'"]),
        (('"low_first"', '"little"'), ['word_order = "little"', "'high_first' or 'low_first'"]),
        (("max_registers = 20", "max_registers = 126"), ["max_registers = 126", "125"]),
        (("max_registers = 20", "max_registers = true"), ["max_registers = True"]),
        (("max_registers = 20", 'max_registers = "20"'), ['max_registers = "20"', "integer"]),
        (("max_registers = 20", "max_registers = 1"), ["registers.", "more than max_registers = 1"]),
        (("max_registers = 20", "fills_holes = 1"), ["fills_holes = 1", "boolean"]),
        (("scale = 0.1", "scale = 0"), ["scale = 0", "every value 0"]),
        (("address = 0x10", "address = 65535"), ["registers.p", "65535", "beyond"]),
        (("address = 0x10", "address = 65536"), ["registers.p.address = 65536", "65535"]),
        (("address = 0,", "address = 17,"), ["registers.p (address 16, s32) and registers.v", "overlap"]),
        (("\nv = {", "\nvolts = {"), ["registers.volts", "no such value"]),
        (("\nv = {", "\nv_l1 = {"), ["registers.v_l1", "no single-phase meter", "write v without a phase"]),
        (('unit = "kW"', 'unit = "kWh"'), ['unit = "kWh"', "not a unit of p", "W, kW, MW"]),
        (("0x80000000]", "0x100000000]"), ["missing = 4294967296", "0xFFFFFFFF"]),
        (('"largest"', '"biggest"'), ["missing", "biggest"]),
        (("v = [80, 300]", "v = [300, 80]"), ["plausible.v = [300, 80]", "write [80, 300]"]),
        (("v = [80, 300]", "u = [80, 300]"), ["plausible.u", "no such quantity"]),
        (("v = [80, 300]", "v = [80]"), ["plausible.v"]),
        (("title =", 'extends = "acme_one"\ntitle ='), ["circle"]),
        (("title =", 'extends = "acme_two"\ntitle ='), ['extends = "acme_two"', "no template"]),
        (("title =", "extends = 3\ntitle ="), ["extends = 3"]),
    ],
)
def test_a_mistake_is_named_with_file_key_value_and_remedy(
    folder: Path, change: tuple[str, str], said: list[str]
) -> None:
    assert change[0] in GOOD
    write(folder, "acme_one", GOOD.replace(*change, 1))
    with pytest.raises(TemplateError) as raised:
        load_meter("acme_one", folder)
    for part in ["acme_one.toml", *said]:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("registers", "said"),
    [
        ("v = { address = 0 }", "has no active power: add p"),
        ("p_l1 = { address = 0 }\np_l3 = { address = 2 }", "has no active power: add p_l2 (or p"),
        ("v = { address = 0 }\np = { address = 2 }", "lacks its phase: write v_l1, v_l2, v_l3"),
        ("f_l1 = { address = 0 }\np = { address = 2 }", "has no phases: write f"),
    ],
)
def test_registers_that_make_no_meter_are_refused(folder: Path, registers: str, said: str) -> None:
    phases = 1 if said.endswith("add p") else 3
    write(folder, "odd", f'title = "Odd"\nphases = {phases}\n[registers]\n{registers}\n')
    with pytest.raises(TemplateError) as raised:
        load_meter("odd", folder)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ("function = 3\naddress = 1\nproves = 'sure'", "Give either codes = [...] or texts = [...]"),
        ("function = 3\naddress = 1\ncodes = [65536]\nproves = 'sure'", "raise count"),
        ("function = 3\naddress = 1\ncodes = [1]\nproves = 'perhaps'", "proves"),
        ("function = 3\naddress = 1\ncode = 1\nproves = 'sure'", "did you mean codes?"),
    ],
)
def test_an_identity_that_proves_nothing_is_refused(folder: Path, identity: str, said: str) -> None:
    write(folder, "acme_one", f"{GOOD}\n[[identity]]\n{identity}\n")
    with pytest.raises(TemplateError) as raised:
        load_meter("acme_one", folder)
    assert said in str(raised.value)
