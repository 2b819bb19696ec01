"""The generic JSON format and the paths it is configured with."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.settings.json_path import compile_path
from edge_balancer.telemetry.measurement import Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason
from tests.telemetry.format_cases import assert_same, decoded, refusal

DOCUMENT: dict[str, Any] = {
    "a": {"b": [{"c": 1}, {"c": 2}]},
    "em:0": {"a_act_power": 3},
    "16.7.0": {"value": 4},
    'quo"te': 5,
    "with space": {"x*y": 6},
    "ä": 7,
    "0": {"1": 8},
}


@pytest.mark.parametrize(
    ("path", "found", "factor"),
    [
        ("a.b[0].c", 1, 1),
        ("a.b[1].c", 2, 1),
        ("em:0.a_act_power", 3, 1),
        ('"em:0".a_act_power', 3, 1),
        ('"16.7.0".value', 4, 1),
        ('"16.7.0".value * 1000', 4, 1000),
        ('"16.7.0".value*1e-3', 4, 0.001),
        (r'"quo\"te"', 5, 1),
        ('"with space"."x*y"', 6, 1),
        ('"with space"."x*y" * -1', 6, -1),
        ("ä", 7, 1),
        ("0.1", 8, 1),
        ("a.b[2].c", None, 1),
        ("a.b.c", None, 1),
        ("a[0]", None, 1),
        ("missing.key", None, 1),
    ],
)
def test_a_path_finds_its_value(path: str, found: object, factor: float) -> None:
    compiled = compile_path(path)
    assert compiled.find(DOCUMENT) == found
    assert compiled.factor == factor


@pytest.mark.parametrize(
    "path", ["", "  ", ".", "a.", "a..b", "a[", "a[x]", "a[-1]", 'a"b"', '"a', "a * b", "a *", "a b"]
)
def test_a_path_that_cannot_be_read_is_an_error_that_shows_it(path: str) -> None:
    with pytest.raises(ValueError, match=r"path|expected|number"):
        compile_path(path)


SML = '{"Time":"2026-01-02T10:00:00","SML":{"Total_in":1234.5,"Power_curr":-512,"Volt_p1":"231.4"},"ts":1763829600500}'


@pytest.mark.parametrize(
    ("payload", "fields", "expected"),
    [
        (SML, {"p": "SML.Power_curr"}, Measurement(p=-512)),
        (
            SML,
            {"p": "SML.Power_curr", "v": "SML.Volt_p1", "e_import": "SML.Total_in * 1000", "t": "ts * 0.001"},
            Measurement(p=-512, v=231.4, e_import=1_234_500, t=1763829600.5),
        ),
        ("[[1, 2], [3, 4]]", {"p": "[1][0]"}, Measurement(p=3)),
        ('{"p": 5, "t": "2025-11-22T16:40:00Z"}', {"p": "p", "t": "t"}, Measurement(p=5, t=1763829600)),
        ('{"p": 5}', {"p": "p", "q": "q", "t": "t"}, Measurement(p=5)),
    ],
)
def test_single_phase(payload: str, fields: dict[str, str], expected: object) -> None:
    assert_same(decoded("json", "", payload, fields=fields), expected)


@pytest.mark.parametrize(
    ("payload", "fields", "expected"),
    [
        ('{"p": [1, 2, 3], "v": 230}', {"p": "p * 1000", "v": "v"}, ((1000, 2000, 3000), (230, 230, 230))),
        ('{"p": 3, "v": 230}', {"p": "p", "v": "v"}, ((1, 1, 1), (230, 230, 230))),
    ],
)
def test_three_phases(payload: str, fields: dict[str, str], expected: tuple[Any, Any]) -> None:
    got = decoded("json", "", payload, three_phase=True, fields=fields)
    assert_same(got, ThreePhaseMeasurement(p=expected[0], v=expected[1]))


@pytest.mark.parametrize(
    ("payload", "fields", "reason", "told"),
    [
        ("{}", {"p": "a.b"}, Reason.MISSING_POWER, "a.b"),
        ('{"p": true}', {"p": "p"}, Reason.NOT_A_NUMBER, "boolean"),
        ('{"p": [1, 2, 3]}', {"p": "p"}, Reason.WRONG_SHAPE, "p[0]"),
        ('{"p": {}}', {"p": "p"}, Reason.WRONG_SHAPE, "lengthen the path"),
        ('{"p": 1, "t": 1763829600500}', {"p": "p", "t": "t"}, Reason.UNIT_SUSPECT, "milliseconds"),
        ('{"p": 1, "t": "2026-01-02T10:00:00"}', {"p": "p", "t": "t"}, Reason.MALFORMED, "no offset"),
        ("x", {"p": "p"}, Reason.MALFORMED, "not JSON"),
    ],
)
def test_refusals(payload: str, fields: dict[str, str], reason: Reason, told: str) -> None:
    got, detail = refusal("json", "", payload, fields=fields)
    assert got == reason
    assert told in detail
