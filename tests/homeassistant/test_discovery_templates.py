"""The templates, rendered by Jinja as Home Assistant does, over what the controller and its switches really publish."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest

from edge_balancer.homeassistant.houses import NOT_KNOWN
from edge_balancer.telemetry.intake import Intake
from edge_balancer.types.events import Alert, AlertState, Severity
from edge_balancer.types.snapshot import FeederState, PhaseState
from edge_balancer.types.switching import Mode, ModeRequest
from edge_balancer.wire import alerts_payload, mode_payload, phases_payload
from tests.homeassistant.discovery_cases import entities, feeder

jinja2 = pytest.importorskip("jinja2", reason="the templates are Jinja's")

_PHASE = PhaseState(p=3500.4, q=-20.0, i=15.26, v_min=229.34, v_mean=230.06, v_max=231.0, houses=7, export_w=0.0)
_DARK = msgspec.structs.replace(_PHASE, v_min=None, v_mean=None, v_max=None, houses=0)
STATE = FeederState(
    t=1.8e9, l1=_PHASE, l2=_DARK, l3=_PHASE, i_n=14.567, imbalance=84.7, coverage=0.816, mode=Mode.AUTO, pvur=0.549
)
UNIQUE = "edge_balancer_feeder_"


def render(unique_id: str, payload: bytes, key: str = "value_template") -> str:
    """What Home Assistant makes of a payload for one entity."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    template = environment.from_string(entities(feeder())[UNIQUE + unique_id][key])
    try:
        variables = {"value": payload.decode(), "value_json": json.loads(payload)}
    except ValueError:
        variables = {"value": payload.decode()}
    return str(template.render(variables)).strip()


@pytest.mark.parametrize(
    ("entity", "state"),
    [
        ("l1_p", "3500.0"),
        ("l1_i", "15.3"),
        ("l1_v_mean", "230.1"),
        ("l2_v_mean", "None"),
        ("l2_houses", "0"),
        ("l3_q", "-20.0"),
        ("i_n", "14.6"),
        ("imbalance", "85.0"),
        ("coverage", "82.0"),
        ("pvur", "0.55"),
        ("vuf", "None"),
        ("metered", "None"),
        ("reverse_power", "OFF"),
    ],
)
def test_the_feeders_values(entity: str, state: str) -> None:
    assert render(entity, phases_payload(STATE)) == state


def test_every_entity_that_hears_the_phases_finds_its_value_there() -> None:
    full = msgspec.structs.replace(STATE, l2=_PHASE, vuf=0.4, current_unbalance=12.0, loading=11.9, metered=0.97)
    numbers = 0
    for uid, entity in entities(feeder()).items():
        if entity["state_topic"].endswith("/phases") and entity["platform"] == "sensor":
            assert math.isfinite(float(render(uid.removeprefix(UNIQUE), phases_payload(full)))), uid
            numbers += 1
    assert numbers == 33


@pytest.mark.parametrize("mode", Mode)
def test_the_mode_goes_both_ways(mode: Mode) -> None:
    assert render("mode", mode_payload(ModeRequest(mode, "start"))) == str(mode)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    order = environment.from_string(entities(feeder())[f"{UNIQUE}mode"]["command_template"]).render(value=str(mode))
    intake = Intake(feeder())
    intake.message("phase-balance/feeder/mode/set", order.encode(), False, 1.0, 1.8e9, True)
    assert intake.drain().modes == (ModeRequest(mode, "Home Assistant"),)


def alert(key: str, state: AlertState = AlertState.ACTIVE) -> Alert:
    return Alert(key, Severity.WARNING, state, 1.8e9, "text")


def test_an_alert_of_a_kind_is_on_while_any_of_it_stands() -> None:
    calm = alerts_payload([])
    standing = alerts_payload(
        [alert("switch_locked/h02"), alert("switch_locked/h01", AlertState.ACKNOWLEDGED), alert("severe_imbalance")]
    )
    assert [render("alert_switch_locked", p) for p in (calm, standing)] == ["OFF", "ON"]
    assert [render("alert_severe_imbalance", p) for p in (calm, standing)] == ["OFF", "ON"]
    assert render("alert_storage", standing) == "OFF"
    about = json.loads(render("alert_switch_locked", standing, "json_attributes_template"))
    assert about == {"about": ["h01", "h02"]}
    assert json.loads(render("alert_storage", standing, "json_attributes_template")) == {"about": []}


def test_a_locked_house_is_told_from_its_neighbours() -> None:
    standing = alerts_payload([alert("switch_locked/h02")])
    assert [render(f"house_{h}_locked", standing) for h in ("h01", "h02", "h03")] == ["OFF", "ON", "OFF"]


@pytest.mark.parametrize(
    ("said", "phase", "operations"),
    [
        ({"phase": "L2", "operations": 7}, "L2", "7"),
        ({"phase": "l3"}, "L3", "None"),
        ({"phase": 1, "operations": None}, "L1", "None"),
        ({"phase": "B"}, "L2", "None"),
        ({"phase": None}, NOT_KNOWN, "None"),
        ({"phase": "L4"}, NOT_KNOWN, "None"),
        ({}, NOT_KNOWN, "None"),
    ],
)
def test_a_switch_in_every_spelling_of_the_contract(said: dict[str, Any], phase: str, operations: str) -> None:
    payload = json.dumps(said).encode()
    assert render("house_h01_phase", payload) == phase
    assert phase in entities(feeder())[f"{UNIQUE}house_h01_phase"]["options"]
    assert render("house_h01_operations", payload) == operations


def test_a_long_decision_fits_into_a_state() -> None:
    assert len(render("last_decision", json.dumps({"text": "x" * 900}).encode())) <= 255
