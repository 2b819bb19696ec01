"""Registers' bytes in, values out, for every shipped template.

Rows are address, the words as the meter puts them on the wire, the point, and its value in SI units (None where the
words mean "no value"). They were written from the makers' maps with Python's struct, not read from the templates:
signs, scales, word orders, sentinels and export are each in at least one row.
"""

from __future__ import annotations

import pytest

from firmware_bridge.lines.requests import Function
from firmware_bridge.meters.catalogue import load_meter, meter_names
from firmware_bridge.meters.decode import decode
from firmware_bridge.meters.plan import plan
from firmware_bridge.meters.points import Point
from firmware_bridge.meters.template import point_named

Rows = tuple[tuple[int, str, str, float | None], ...]

ABB_B21: Rows = (
    (0x5000, "0000 0000 0001 e240", "e_import", 1234560.0),
    (0x5004, "ffff ffff ffff ffff", "e_export", None),
    (0x5B00, "0000 08fd", "v", 230.1),
    (0x5B0C, "0000 0200", "i", 5.12),
    (0x5B14, "fffe 33ce", "p", -1178.1),
    (0x5B1C, "7fff ffff", "q", None),
    (0x5B24, "0001 cc8c", "s", 1179.0),
    (0x5B2C, "1387", "f", 49.99),
    (0x5B3A, "fc27", "pf", -0.985),
)

ABB_B23: Rows = (
    (0x5000, "0000 0000 0001 e240", "e_import", 1234560.0),
    (0x5004, "ffff ffff ffff ffff", "e_export", None),
    (0x5460, "0000 0002 0000 0000", "e_import_l1", 85899345920.0),
    (0x546C, "0000 0000 0000 0007", "e_export_l1", 70.0),
    (0x5B00, "0000 08fd", "v_l1", 230.1),
    (0x5B02, "0000 08f2", "v_l2", 229.0),
    (0x5B04, "ffff ffff", "v_l3", None),
    (0x5B06, "0000 0f91", "v_ll_l1", 398.5),
    (0x5B0C, "0000 0200", "i_l1", 5.12),
    (0x5B12, "0000 00fa", "i_n", 2.5),
    (0x5B14, "fffe 33ce", "p", -1178.1),
    (0x5B16, "0001 86a0", "p_l1", 1000.0),
    (0x5B18, "fffc ad2e", "p_l2", -2178.1),
    (0x5B0E, "0000 03e8", "i_l2", 10.0),
    (0x5B1A, "7fff ffff", "p_l3", None),
    (0x5B1E, "ffff ffff", "q_l1", -0.01),
    (0x5B2C, "1387", "f", 49.99),
    (0x5B3A, "7fff", "pf", None),
    (0x5B3B, "fc27", "pf_l1", -0.985),
)

CG_EM111: Rows = (
    (0, "08fd 0000", "v", 230.1),
    (2, "1170 0001", "i", 70.0),
    (4, "a288 fffd", "p", -15500.0),
    (6, "74e8 0002", "s", 16100.0),
    (8, "ffff 7fff", "q", None),
    (14, "fc3d", "pf", -0.963),
    (15, "01f3", "f", 49.9),
    (16, "0001 0001", "e_import", 6553700.0),
    (32, "000f 0000", "e_export", 1500.0),
)

CG_EM24: Rows = (
    (0, "08fd 0000", "v_l1", 230.1),
    (4, "08ed 0000", "v_l3", 228.5),
    (6, "0f95 0000", "v_ll_l1", 398.9),
    (12, "1482 0000", "i_l1", 5.25),
    (16, "ee90 fffe", "i_l3", 70.0),
    (18, "2e04 0000", "p_l1", 1178.0),
    (22, "a288 fffd", "p_l3", -15500.0),
    (20, "1234 7fff", "p_l2", None),
    (24, "2ee0 0000", "s_l1", 1200.0),
    (30, "f795 ffff", "q_l1", -215.5),
    (40, "d08c fffd", "p", -14322.0),
    (50, "03d9", "pf_l1", 0.985),
    (53, "fc36", "pf", -0.97),
    (55, "01f4", "f", 50.0),
    (62, "e240 0001", "e_import", 12345600.0),
    (70, "0000 0001", "e_import_l1", 6553600.0),
    (92, "000f 0000", "e_export", 1500.0),
)

CG_EM330: Rows = (
    (0, "08fd 0000", "v_l1", 230.1),
    (4, "0000 0000", "v_l3", 0.0),
    (6, "0f95 0000", "v_ll_l1", 398.9),
    (12, "1482 0000", "i_l1", 5.25),
    (16, "0000 0000", "i_l3", 0.0),
    (18, "d1fc ffff", "p_l1", -1178.0),
    (22, "0000 0000", "p_l3", 0.0),
    (24, "2ee0 0000", "s_l1", 1200.0),
    (30, "f795 ffff", "q_l1", -215.5),
    (40, "d1fc ffff", "p", -1178.0),
    (34, "ffff 7fff", "q_l3", None),
    (46, "03d9", "pf_l1", 0.985),
    (49, "fc36", "pf", -0.97),
    (51, "01f4", "f", 50.0),
    (52, "e240 0001", "e_import", 12345600.0),
    (64, "0000 0001", "e_import_l1", 6553600.0),
    (78, "000f 0000", "e_export", 1500.0),
)

CG_ET340: Rows = (
    (0, "08fd 0000", "v_l1", 230.1),
    (4, "0000 0000", "v_l3", 0.0),
    (6, "0f95 0000", "v_ll_l1", 398.9),
    (12, "1482 0000", "i_l1", 5.25),
    (16, "0000 0000", "i_l3", 0.0),
    (18, "d1fc ffff", "p_l1", -1178.0),
    (22, "0000 0000", "p_l3", 0.0),
    (24, "2ee0 0000", "s_l1", 1200.0),
    (30, "f795 ffff", "q_l1", -215.5),
    (40, "d1fc ffff", "p", -1178.0),
    (34, "ffff 7fff", "q_l3", None),
    (46, "03d9", "pf_l1", 0.985),
    (49, "fc36", "pf", -0.97),
    (51, "01f4", "f", 50.0),
    (52, "e240 0001", "e_import", 12345600.0),
    (64, "0000 0001", "e_import_l1", 6553600.0),
    (78, "000f 0000", "e_export", 1500.0),
    (96, "000e 0000", "e_export_l1", 1400.0),
    (100, "0001 0000", "e_export_l3", 100.0),
)

CHINT_DDSU666: Rows = (
    (8192, "4366 8000", "v", 230.5),
    (8194, "40a8 0000", "i", 5.25),
    (8196, "bf98 0000", "p", -1187.5),
    (8198, "3e80 0000", "q", 250.0),
    (8200, "3fa0 0000", "s", 1250.0),
    (8202, "bf7c 0000", "pf", -0.984375),
    (8206, "4247 e000", "f", 49.96875),
    (16384, "449a 5000", "e_import", 1234500.0),
    (16394, "3e80 0000", "e_export", 250.0),
)

CHINT_DTSU666: Rows = (
    (8192, "4579 5000", "v_ll_l1", 398.9),
    (8198, "4510 1000", "v_l1", 230.5),
    (8202, "7f80 0000", "v_l3", None),
    (8204, "45a4 1000", "i_l1", 5.25),
    (8210, "c639 8c00", "p", -1187.5),
    (8212, "c639 8c00", "p_l1", -1187.5),
    (8216, "431b 0000", "p_l3", 15.5),
    (8218, "c506 b000", "q", -215.5),
    (8220, "c506 b000", "q_l1", -215.5),
    (8234, "4476 4000", "pf", 0.985),
    (8236, "c476 4000", "pf_l1", -0.985),
    (8260, "459c 3000", "f", 49.98),
    (4126, "449a 5000", "e_import", 1234500.0),
    (4128, "3f00 0000", "e_import_l1", 500.0),
    (4136, "4010 0000", "e_export", 2250.0),
    (4138, "4010 0000", "e_export_l1", 2250.0),
)

EASTRON_SDM120: Rows = (
    (0, "4366 8000", "v", 230.5),
    (6, "40a8 0000", "i", 5.25),
    (12, "c493 9000", "p", -1180.5),
    (18, "4496 0000", "s", 1200.0),
    (24, "c357 4000", "q", -215.25),
    (30, "bf7c 0000", "pf", -0.984375),
    (70, "4247 e000", "f", 49.96875),
    (72, "449a 5000", "e_import", 1234500.0),
    (74, "3e00 0000", "e_export", 125.0),
)

EASTRON_SDM630: Rows = (
    (0, "4366 8000", "v_l1", 230.5),
    (2, "0000 0000", "v_l2", 0.0),
    (4, "4364 c000", "v_l3", 228.75),
    (6, "4108 0000", "i_l1", 8.5),
    (8, "0000 0000", "i_l2", 0.0),
    (10, "4120 0000", "i_l3", 10.0),
    (12, "44ed 8000", "p_l1", 1900.0),
    (14, "7fc0 0000", "p_l2", None),
    (16, "c50c a800", "p_l3", -2250.5),
    (18, "44f4 e800", "s_l1", 1959.25),
    (24, "4396 4000", "q_l1", 300.5),
    (28, "c2f0 0000", "q_l3", -120.0),
    (30, "3f78 0000", "pf_l1", 0.96875),
    (52, "c3af 4000", "p", -350.5),
    (60, "4334 8000", "q", 180.5),
    (70, "4248 2000", "f", 50.03125),
    (72, "42c9 0000", "e_import", 100500.0),
    (74, "40e8 0000", "e_export", 7250.0),
    (200, "43c7 8000", "v_ll_l1", 399.0),
    (202, "43c8 c000", "v_ll_l2", 401.5),
    (204, "43c7 2000", "v_ll_l3", 398.25),
    (224, "4148 0000", "i_n", 12.5),
    (346, "4248 0000", "e_import_l1", 50000.0),
    (350, "3fc0 0000", "e_import_l3", 1500.0),
    (356, "40e8 0000", "e_export_l3", 7250.0),
)

EASTRON_SDM72: Rows = (
    (52, "c3af 4000", "p", -350.5),
    (72, "42c9 0000", "e_import", 100500.0),
    (74, "40e8 0000", "e_export", 7250.0),
)

EASTRON_SDM72_V2: Rows = (
    (0, "4366 8000", "v_l1", 230.5),
    (2, "0000 0000", "v_l2", 0.0),
    (4, "4364 c000", "v_l3", 228.75),
    (6, "4108 0000", "i_l1", 8.5),
    (8, "0000 0000", "i_l2", 0.0),
    (10, "4120 0000", "i_l3", 10.0),
    (12, "44ed 8000", "p_l1", 1900.0),
    (14, "7fc0 0000", "p_l2", None),
    (16, "c50c a800", "p_l3", -2250.5),
    (18, "44f4 e800", "s_l1", 1959.25),
    (24, "4396 4000", "q_l1", 300.5),
    (28, "c2f0 0000", "q_l3", -120.0),
    (30, "3f78 0000", "pf_l1", 0.96875),
    (52, "c3af 4000", "p", -350.5),
    (60, "4334 8000", "q", 180.5),
    (70, "4248 2000", "f", 50.03125),
    (72, "42c9 0000", "e_import", 100500.0),
    (74, "40e8 0000", "e_export", 7250.0),
)

JANITZA_UMG: Rows = (
    (19000, "4366 8000", "v_l1", 230.5),
    (19006, "43c7 4000", "v_ll_l1", 398.5),
    (19008, "43c7 c000", "v_ll_l2", 399.5),
    (19010, "7fc0 0000", "v_ll_l3", None),
    (19012, "434d 4000", "i_l1", 205.25),
    (19018, "4206 0000", "i_n", 33.5),
    (19020, "c737 1b80", "p_l1", -46875.5),
    (19026, "47ea 6000", "p", 120000.0),
    (19028, "4737 9800", "s_l1", 47000.0),
    (19034, "47ec 5400", "s", 121000.0),
    (19036, "c51c 4000", "q_l1", -2500.0),
    (19042, "c5da c000", "q", -7000.0),
    (19044, "bf7c 0000", "pf_l1", -0.984375),
    (19050, "4247 e000", "f", 49.96875),
    (19062, "4996 b438", "e_import_l1", 1234567.0),
    (19068, "4a37 1b00", "e_import", 3000000.0),
    (19070, "41c8 0000", "e_export_l1", 25.0),
    (19076, "4296 0000", "e_export", 75.0),
)

ORNO_WE504: Rows = (
    (0, "0901", "v", 230.5),
    (1, "0035", "i", 5.3),
    (2, "01f3", "f", 49.9),
    (3, "04a4", "p", 1188.0),
    (4, "00fa", "q", 250.0),
    (5, "04bf", "s", 1215.0),
    (6, "03d2", "pf", 0.978),
    (7, "0012 d687", "e_import", 1234567.0),
)

ORNO_WE514: Rows = (
    (304, "1386", "f", 49.98),
    (305, "5a0b", "v", 230.51),
    (313, "0001 11ed", "i", 70.125),
    (320, "0000 3dfe", "p", 15870.0),
    (328, "0000 00fa", "q", 250.0),
    (336, "0000 3e80", "s", 16000.0),
    (344, "03e0", "pf", 0.992),
    (40960, "0001 e240", "e_import", 1234560.0),
)

ORNO_WE516: Rows = (
    (14, "4366 8000", "v_l1", 230.5),
    (18, "0000 0000", "v_l3", 0.0),
    (20, "4248 2000", "f", 50.03125),
    (22, "40a8 0000", "i_l1", 5.25),
    (26, "0000 0000", "i_l3", 0.0),
    (28, "bf98 0000", "p", -1187.5),
    (30, "bf98 0000", "p_l1", -1187.5),
    (34, "0000 0000", "p_l3", 0.0),
    (36, "3e80 0000", "q", 250.0),
    (38, "3e80 0000", "q_l1", 250.0),
    (44, "3fa0 0000", "s", 1250.0),
    (46, "3fa0 0000", "s_l1", 1250.0),
    (52, "3f78 0000", "pf", 0.96875),
    (54, "3f78 0000", "pf_l1", 0.96875),
    (264, "449a 5000", "e_import", 1234500.0),
    (266, "3f00 0000", "e_import_l1", 500.0),
    (272, "4010 0000", "e_export", 2250.0),
    (278, "3e80 0000", "e_export_l3", 250.0),
)

PZEM_004T: Rows = (
    (0, "0901", "v", 230.5),
    (1, "11ed 0001", "i", 70.125),
    (3, "6bec 0002", "p", 15870.0),
    (5, "d687 0012", "e_import", 1234567.0),
    (7, "01f3", "f", 49.9),
    (8, "0062", "pf", 0.98),
)

SCHNEIDER_IEM3155: Rows = (
    (2999, "40a8 0000", "i_l1", 5.25),
    (3003, "0000 0000", "i_l3", 0.0),
    (3019, "43c7 4000", "v_ll_l1", 398.5),
    (3027, "4366 8000", "v_l1", 230.5),
    (3031, "7fc0 0000", "v_l3", None),
    (3053, "bf98 0000", "p_l1", -1187.5),
    (3057, "0000 0000", "p_l3", 0.0),
    (3059, "bf98 0000", "p", -1187.5),
    (3067, "3e80 0000", "q", 250.0),
    (3075, "3fa0 0000", "s", 1250.0),
    (3109, "4248 4000", "f", 50.0625),
    (3203, "0000 0000 00bc 614e", "e_import", 12345678.0),
    (3207, "8000 0000 0000 0000", "e_export", None),
    (3517, "0000 0002 0000 0000", "e_import_l1", 8589934592.0),
)

GOLDEN: dict[str, tuple[Function, Rows]] = {
    "abb_b21": (Function.READ_HOLDING, ABB_B21),
    "abb_b23": (Function.READ_HOLDING, ABB_B23),
    "abb_b24": (Function.READ_HOLDING, ABB_B23),
    "cg_em111": (Function.READ_REGISTERS, CG_EM111),
    "cg_em24": (Function.READ_REGISTERS, CG_EM24),
    "cg_em330": (Function.READ_REGISTERS, CG_EM330),
    "cg_em340": (Function.READ_REGISTERS, CG_EM330),
    "cg_et112": (Function.READ_REGISTERS, CG_EM111),
    "cg_et340": (Function.READ_REGISTERS, CG_ET340),
    "chint_ddsu666": (Function.READ_HOLDING, CHINT_DDSU666),
    "chint_dtsu666": (Function.READ_HOLDING, CHINT_DTSU666),
    "eastron_sdm120": (Function.READ_REGISTERS, EASTRON_SDM120),
    "eastron_sdm220": (Function.READ_REGISTERS, EASTRON_SDM120),
    "eastron_sdm230": (Function.READ_REGISTERS, EASTRON_SDM120),
    "eastron_sdm630": (Function.READ_REGISTERS, EASTRON_SDM630),
    "eastron_sdm72": (Function.READ_REGISTERS, EASTRON_SDM72),
    "eastron_sdm72_v2": (Function.READ_REGISTERS, EASTRON_SDM72_V2),
    "janitza_umg": (Function.READ_HOLDING, JANITZA_UMG),
    "orno_we504": (Function.READ_HOLDING, ORNO_WE504),
    "orno_we514": (Function.READ_HOLDING, ORNO_WE514),
    "orno_we515": (Function.READ_HOLDING, ORNO_WE514),
    "orno_we516": (Function.READ_HOLDING, ORNO_WE516),
    "orno_we517": (Function.READ_HOLDING, ORNO_WE516),
    "pzem_004t": (Function.READ_REGISTERS, PZEM_004T),
    "pzem_016": (Function.READ_REGISTERS, PZEM_004T),
    "schneider_iem3155": (Function.READ_HOLDING, SCHNEIDER_IEM3155),
}

UNWRITTEN = 0x7FC1
"""What a read brings from addresses that no row speaks of: as half a float it is a NaN, as an integer out of range."""


def test_every_shipped_template_has_its_golden_rows() -> None:
    assert set(GOLDEN) == set(meter_names())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_meters_words_become_its_values(name: str) -> None:
    template, (function, rows) = load_meter(name), GOLDEN[name]
    memory = {
        address + offset: int(word, 16) for address, words, _, _ in rows for offset, word in enumerate(words.split())
    }
    expected = {point: value for _, _, key, value in rows if (point := point_named(key)) is not None}
    assert len(expected) == len(rows)

    values: dict[Point, float] = {}
    missing: set[Point] = set()
    for block in plan(template, expected, transaction_s=0.03, register_s=0.0023):
        assert block.function is function
        found = decode(block, [memory.get(address, UNWRITTEN) for address in range(block.address, block.end)])
        assert found.implausible == ()
        values |= found.values
        missing |= set(found.missing)

    assert missing == {point for point, value in expected.items() if value is None}
    assert values == {point: pytest.approx(value, rel=1e-12) for point, value in expected.items() if value is not None}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_the_golden_rows_know_every_quantity_of_the_template(name: str) -> None:
    told = {point.quantity for _, _, key, _ in GOLDEN[name][1] if (point := point_named(key)) is not None}
    assert told == {point.quantity for point in load_meter(name).points}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_export_is_seen_as_negative_power_where_the_meter_can_show_it(name: str) -> None:
    template, (_, rows) = load_meter(name), GOLDEN[name]
    exports = any(key.startswith("p") and "pf" not in key and (value or 0) < 0 for _, _, key, value in rows)
    assert exports is template.signed_power
