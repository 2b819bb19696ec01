"""Presence of phase switches and wishes of operators."""

from __future__ import annotations

import pytest

from edge_balancer.telemetry.refusals import Reason
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import (
    AlertAck,
    Availability,
    ClearRequest,
    Mode,
    ModeRequest,
    SilenceRequest,
    SwitchRequest,
)
from tests.telemetry.listening import BASE, Listening


@pytest.mark.parametrize(
    ("payload", "retained", "online"), [("online", False, True), ("offline", True, False), (" online\n", True, True)]
)
def test_availability(payload: str, retained: bool, online: bool) -> None:
    batch = Listening().hear(f"{BASE}/switch/h01/availability", payload, retained=retained)
    assert batch.availability == (Availability("h01", online),)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("auto", ModeRequest(Mode.AUTO, "unnamed")),
        ("advise\n", ModeRequest(Mode.ADVISE, "unnamed")),
        ('"hold"', ModeRequest(Mode.HOLD, "unnamed")),
        ('{"mode": "hold", "operator": "Ada"}', ModeRequest(Mode.HOLD, "Ada")),
    ],
)
def test_mode(payload: str, expected: ModeRequest) -> None:
    assert Listening().hear(f"{BASE}/mode/set", payload).modes == (expected,)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            '{"phase": "L3", "operator": "Ada", "reason": "works"}',
            SwitchRequest("h01", Phase.L3, "Ada", "works"),
        ),
        ('{"phase": "2"}', SwitchRequest("h01", Phase.L2, "unnamed", "")),
    ],
)
def test_request(payload: str, expected: SwitchRequest) -> None:
    assert Listening().hear(f"{BASE}/switch/h01/request", payload).requests == (expected,)


def test_silence() -> None:
    batch = Listening().hear(f"{BASE}/silence/set", '{"keys": "switch_locked", "minutes": 90, "operator": "Ada"}')
    assert batch.silences == (SilenceRequest("switch_locked", 90.0, "Ada"),)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ('{"keys": "x", "minutes": 1}', Reason.WRONG_SHAPE),
        ('{"keys": " ", "minutes": 1, "operator": "Ada"}', Reason.WRONG_SHAPE),
        ('{"keys": "x", "minutes": 1, "operator": ""}', Reason.WRONG_SHAPE),
        ('{"keys": "x", "minutes": -1, "operator": "Ada"}', Reason.OUT_OF_RANGE),
        ('{"keys": "x", "minutes": 10081, "operator": "Ada"}', Reason.OUT_OF_RANGE),
        ("later", Reason.MALFORMED),
    ],
)
def test_a_silence_without_end_or_without_a_name_is_refused(payload: str, reason: Reason) -> None:
    listening = Listening()
    assert listening.hear(f"{BASE}/silence/set", payload).silences == ()
    assert dict(listening.intake.refusals) == {reason: 1}
    assert listening.intake.refused_orders == 1


def test_clear() -> None:
    batch = Listening().hear(f"{BASE}/switch/h01/clear", '{"operator": "Ada", "reason": "replaced the relay"}')
    assert batch.clears == (ClearRequest("h01", "Ada", "replaced the relay"),)


@pytest.mark.parametrize(
    ("key", "payload", "expected"),
    [
        ("neutral_overload", '{"operator": "Ada"}', AlertAck("neutral_overload", "Ada")),
        ("switch_failed/h01", '{"operator": "Ada"}', AlertAck("switch_failed/h01", "Ada")),
        ("stale", "", AlertAck("stale", "unnamed")),
    ],
)
def test_acknowledgement(key: str, payload: str, expected: AlertAck) -> None:
    assert Listening().hear(f"{BASE}/alert/{key}/ack", payload).acks == (expected,)


def test_an_alert_that_does_not_stand_is_not_acknowledged() -> None:
    heard = Listening(standing={"storage", "switch_locked/h01"})
    for key in ("storage", "switch_locked/h01"):
        assert [ack.key for ack in heard.hear(f"{BASE}/alert/{key}/ack", "").acks] == [key]
    for key in ("x", "switch_locked/h02", "switch_locked", "x" * 900):
        assert heard.hear(f"{BASE}/alert/{key}/ack", '{"operator": "x"}').acks == ()
    assert heard.refusals == {Reason.UNKNOWN_ALERT: 4}
    assert heard.intake.refused_orders == 4
    assert "B/alerts names those" in heard.intake.recent_refusals(Reason.UNKNOWN_ALERT)[0].detail


@pytest.mark.parametrize("topic", ["alert/neutral_overload", "alert/switch_failed/h01", "alert/ack"])
def test_our_own_alerts_are_passed_over(topic: str) -> None:
    heard = Listening()
    assert heard.hear(f"{BASE}/{topic}", '{"state": "active"}', retained=True).acks == ()
    assert heard.refusals == {}


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("switch/h01/availability", "yes", Reason.MALFORMED),
        ("mode/set", "faster", Reason.UNKNOWN_MODE),
        ("mode/set", '{"mode": "faster"}', Reason.WRONG_SHAPE),
        ("mode/set", b"\xff", Reason.NOT_UTF8),
        ("switch/h01/request", '{"phase": "L4"}', Reason.UNKNOWN_PHASE),
        ("switch/h01/request", "{}", Reason.WRONG_SHAPE),
        ("switch/h01/request", "L2", Reason.MALFORMED),
        ("switch/h01/clear", "{}", Reason.WRONG_SHAPE),
        ("switch/h01/clear", '{"operator": "  "}', Reason.WRONG_SHAPE),
        ("alert/x/ack", "yes", Reason.MALFORMED),
    ],
)
def test_wishes_that_cannot_be_understood_are_refused(topic: str, payload: str | bytes, reason: Reason) -> None:
    heard = Listening()
    heard.hear(f"{BASE}/{topic}", payload)
    assert heard.refusals == {reason: 1}


def test_an_endless_name_is_cut() -> None:
    batch = Listening().hear(f"{BASE}/switch/h01/request", '{"phase": "L1", "operator": "%s"}' % ("x" * 9000))
    assert len(batch.requests[0].operator) == 200
