"""What the controller says on MQTT, to the letter of the contract; and structs as JSON for the trail."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from pydantic import SecretStr

from edge_balancer.types.decisions import Decision, Move, Trigger, Veto, VetoReason
from edge_balancer.types.events import Alert, AlertState, Severity
from edge_balancer.types.phases import Phase
from edge_balancer.types.snapshot import FeederState, PhaseState
from edge_balancer.types.switching import Command, Mode, ModeRequest, SwitchReport
from edge_balancer.types.tojson import to_json
from edge_balancer.wire import (
    CommandWriter,
    Topics,
    alert_payload,
    decision_payload,
    mode_payload,
    phases_payload,
)
from firmware_bridge.contract import decode_set
from firmware_bridge.settings.bridge import BridgeSettings
from firmware_bridge.signature import parse_keys, verify
from tests.support.configuration import make_config

L1, L2, L3 = Phase
MOVE = Move("h1", L1, L2)


COMMAND = Command("c0ffee", 17, "h1", L2, L1, 1763829600.5, 1763829610.5, "decision")


def test_a_command() -> None:
    assert json.loads(CommandWriter(make_config()).payload(COMMAND)) == {
        "id": "c0ffee",
        "seq": 17,
        "phase": "L2",
        "from": "L1",
        "issued": 1763829600.5,
        "expires": 1763829610.5,
    }


def test_a_command_is_signed_with_the_first_key_and_checked_by_any() -> None:
    keys = "the key in use now\nthe one of last year"
    config = make_config(bridge=BridgeSettings(command_keys=SecretStr(keys)))
    sent = decode_set(CommandWriter(config).payload(COMMAND))
    assert verify(parse_keys("the key in use now"), config.base_topic, "h1", sent)
    assert not verify(parse_keys("the one of last year"), config.base_topic, "h1", sent)
    assert not verify(parse_keys(keys), config.base_topic, "h2", sent), "one house's command served another"
    assert not verify(parse_keys(keys), config.base_topic, "h1", msgspec.structs.replace(sent, phase="L3"))


def test_the_phases() -> None:
    one = PhaseState(p=950.0, q=120.0, i=4.2, v_min=229.5, v_mean=230.0, v_max=231.0, houses=2, export_w=0.0)
    none = PhaseState(p=0.0, q=0.0, i=0.0, v_min=None, v_mean=None, v_max=None, houses=0, export_w=0.0)
    feeder = FeederState(
        t=1763829600.0, l1=one, l2=none, l3=none, i_n=4.2, imbalance=200.0, coverage=0.5, mode=Mode.AUTO, pvur=1.5
    )
    said = json.loads(phases_payload(feeder))
    assert said["L1"] == {
        "p": 950.0,
        "q": 120.0,
        "i": 4.2,
        "v_min": 229.5,
        "v_mean": 230.0,
        "v_max": 231.0,
        "houses": 2,
        "export_w": 0.0,
    }
    assert said["L2"]["v_max"] is None
    assert {key: said[key] for key in ("t", "i_n", "imbalance", "pvur", "vuf", "coverage", "mode")} == {
        "t": 1763829600.0,
        "i_n": 4.2,
        "imbalance": 200.0,
        "pvur": 1.5,
        "vuf": None,
        "coverage": 0.5,
        "mode": "auto",
    }


def decision() -> Decision:
    return Decision(
        id="d1",
        at=5.0,
        wall=1763829600.0,
        trigger=Trigger.IMBALANCE,
        trigger_value=42.0,
        trigger_limit=3.6,
        moves=(MOVE,),
        commanded=True,
        neutral_before_a=42.0,
        neutral_after_a=12.0,
        gain=5000.0,
        price=600.0,
        phase_p=(1.0, 2.0, 3.0),
        phase_v_max=(231.0, None, 229.0),
        coverage=1.0,
        candidates=(),
        vetoes=(Veto(Move("h2", L1, L3), VetoReason.OUTAGE, math.inf, 300.0),),
        blocks=(),
        advice="survival blend",
    )


def test_a_decision_names_phases_and_carries_its_vetoes() -> None:
    said = json.loads(decision_payload(decision()))
    assert said["moves"] == [{"house": "h1", "origin": "L1", "target": "L2"}]
    assert said["vetoes"] == [
        {"move": {"house": "h2", "origin": "L1", "target": "L3"}, "reason": "outage", "value": None, "limit": 300.0}
    ]
    assert (said["trigger"], said["phase_v_max"], said["commanded"]) == ("imbalance", [231.0, None, 229.0], True)


def test_an_alert_is_told_and_taken_off_the_broker_when_it_is_over() -> None:
    alert = Alert("voltage_high/L1", Severity.WARNING, AlertState.ACTIVE, 1763829600.0, "too high", 254.0, 253.0, "V")
    assert json.loads(alert_payload(alert)) == {
        "severity": "warning",
        "state": "active",
        "since": 1763829600.0,
        "text": "too high",
        "value": 254.0,
        "limit": 253.0,
        "unit": "V",
    }
    assert alert_payload(msgspec.structs.replace(alert, state=AlertState.RESOLVED)) == b""


def test_the_mode_and_who_set_it() -> None:
    assert json.loads(mode_payload(ModeRequest(Mode.HOLD, "somebody"))) == {"mode": "hold", "by": "somebody"}


@pytest.mark.parametrize(
    ("mqtt", "house", "topic"),
    [
        ({}, {}, "phase-balance/north/switch/h1/set"),
        ({"base_topic": "site/7"}, {}, "site/7/switch/h1/set"),
        ({}, {"switch_topic": "field/sw1"}, "field/sw1/set"),
    ],
)
def test_topics_of_commands(mqtt: dict[str, str], house: dict[str, str], topic: str) -> None:
    config = make_config([{"id": "h1", "phase": "L1"} | house], feeder={"id": "north"}, mqtt=mqtt)
    assert Topics(config).command("h1") == topic


def test_topics_of_the_feeder() -> None:
    topics = Topics(make_config(1, feeder={"id": "north"}))
    base = "phase-balance/north"
    assert (topics.availability, topics.phases, topics.decision, topics.mode, topics.alert("storage")) == (
        f"{base}/availability",
        f"{base}/phases",
        f"{base}/decision",
        f"{base}/mode",
        f"{base}/alert/storage",
    )


class Numbers(msgspec.Struct, frozen=True):
    """Values that JSON does not have."""

    values: tuple[float, ...]
    by_name: dict[str, Phase]
    phase: Phase | None = None


def test_json_types_have_no_nan_and_phases_have_names() -> None:
    numbers = Numbers((1.5, math.nan, math.inf), {"h1": L3}, L1)
    assert to_json(numbers) == {"values": [1.5, None, None], "by_name": {"h1": "L3"}, "phase": "L1"}
    assert to_json(SwitchReport("h1", None, 5.0))["phase"] is None
