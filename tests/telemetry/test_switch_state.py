"""What a phase switch says of itself: read as far as it goes, and never thrown away."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.telemetry.refusals import Reason
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import SwitchReport, SwitchResult
from tests.telemetry.listening import BASE, Listening

STATE = f"{BASE}/switch/h01/state"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            '{"phase": "L2", "id": "c-1", "result": "done", "operations": 412, "t": 1763829600}',
            SwitchReport("h01", Phase.L2, 1000, "c-1", SwitchResult.DONE, "", 412, False, 1763829600.0),
        ),
        ('{"phase": null}', SwitchReport("h01", None, 1000)),
        ("{}", SwitchReport("h01", None, 1000)),
        ('{"phase": "l3", "id": null, "result": null}', SwitchReport("h01", Phase.L3, 1000)),
        ('{"phase": 1}', SwitchReport("h01", Phase.L1, 1000)),
        (
            '{"phase": "L1", "id": "c", "result": "rejected", "reason": "dwell"}',
            SwitchReport("h01", Phase.L1, 1000, "c", SwitchResult.REJECTED, "dwell"),
        ),
        ('{"phase": "L1", "result": "moving"}', SwitchReport("h01", Phase.L1, 1000, result=SwitchResult.MOVING)),
    ],
)
def test_a_switchs_report(payload: str, expected: SwitchReport) -> None:
    assert Listening().hear(STATE, payload).reports == (expected,)


def test_a_retained_report_is_marked_as_such() -> None:
    assert Listening().hear(STATE, '{"phase": "L2"}', retained=True).reports[0].retained


def test_a_position_that_is_no_phase_is_an_unknown_position() -> None:
    (report,) = Listening().hear(STATE, '{"phase": "off", "result": "failed", "reason": "welded"}').reports
    assert report.phase is None
    assert "'off' is not a phase" in report.reason
    assert "welded" in report.reason


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        ("1763829600.5", 1763829600.5),
        ('"2025-11-22T17:40:00+01:00"', 1763829600.0),
        ('"2025-11-22T16:40:00Z"', 1763829600.0),
        ('"2025-11-22T16:40:00"', None),
        ("1763829600500", None),
        ('"noon"', None),
        ("true", None),
        ("[1763829600]", None),
        ("null", None),
    ],
)
def test_its_own_time_stamp(t: str, expected: float | None) -> None:
    heard = Listening()
    (report,) = heard.hear(STATE, f'{{"phase": "L1", "t": {t}}}').reports
    assert (report.phase, report.t, report.reason) == (Phase.L1, expected, "")
    assert heard.refusals == {}


@pytest.mark.parametrize(
    ("payload", "expected", "words"),
    [
        ('{"phase": null, "result": "fault"}', SwitchReport("h01", None, 1000), 'result = "fault" is none of done'),
        ('{"phase": null, "operations": 412.0}', SwitchReport("h01", None, 1000, operations=412), ""),
        ('{"phase": "L1", "operations": 412.5}', SwitchReport("h01", Phase.L1, 1000), "operations = 412.5 is no count"),
        ('{"phase": "L1", "operations": -1}', SwitchReport("h01", Phase.L1, 1000), "operations = -1 is no count"),
        ('{"phase": "L1", "operations": true}', SwitchReport("h01", Phase.L1, 1000), "operations = true is no count"),
        ('{"phase": "L1", "operations": 1e300}', SwitchReport("h01", Phase.L1, 1000), "is no count"),
        ('{"phase": "L1", "result": "idle"}', SwitchReport("h01", Phase.L1, 1000), 'result = "idle" is none of'),
        ('{"phase": "L1", "result": ["done"]}', SwitchReport("h01", Phase.L1, 1000), 'result = ["done"] is none of'),
        ('{"phase": "L1", "id": 7}', SwitchReport("h01", Phase.L1, 1000), "id = 7 is a number"),
        ('{"phase": "L1", "id": "%s"}' % ("x" * 200), SwitchReport("h01", Phase.L1, 1000), "id has 200 characters"),
        ('{"phase": "L1", "reason": {"code": 5}}', SwitchReport("h01", Phase.L1, 1000), '{"code":5}'),
    ],
)
def test_a_malformed_side_field_does_not_hide_the_position(payload: str, expected: SwitchReport, words: str) -> None:
    heard = Listening()
    (report,) = heard.hear(STATE, payload).reports
    assert words in report.reason
    assert msgspec.structs.replace(report, reason="") == expected
    assert heard.refusals == {}


@pytest.mark.parametrize(
    ("payload", "reason", "words"),
    [
        (b"L2", Reason.MALFORMED, "not JSON"),
        (b'{"phase": "L2"', Reason.MALFORMED, "not JSON"),
        (b"[" * 5000, Reason.MALFORMED, "not JSON"),
        (b"\xff", Reason.NOT_UTF8, "not UTF-8"),
        (b'"L2"', Reason.WRONG_SHAPE, "got a string"),
        (b"null", Reason.WRONG_SHAPE, "got null"),
        (b'{"phase": true}', Reason.WRONG_SHAPE, "phase = true is a boolean"),
        (b'{"phase": ["L1","L2"]}', Reason.WRONG_SHAPE, 'phase = ["L1","L2"] is a list of 2'),
        (b'{"phase": 1.5}', Reason.WRONG_SHAPE, "phase = 1.5 is a number"),
        (b'{"phase": {}}', Reason.WRONG_SHAPE, "phase = {} is an object"),
        (b'{"phase": "L2", "id": "c-1", "result": "fault"}', Reason.WRONG_SHAPE, 'result = "fault" is none of'),
        (b'{"phase": "L2", "id": ["c-1"], "result": 0}', Reason.WRONG_SHAPE, "result = 0 is none of"),
    ],
)
@pytest.mark.parametrize("retained", [False, True])
def test_what_cannot_be_understood_is_an_unknown_position_and_is_counted(
    payload: bytes, reason: Reason, words: str, retained: bool
) -> None:
    heard = Listening()
    (report,) = heard.hear(STATE, payload, retained=retained).reports
    assert (report.house, report.phase, report.result, report.retained) == ("h01", None, None, retained)
    assert words in report.reason
    assert heard.refusals == {reason: 1}
    assert words in heard.last_detail(reason)


@pytest.mark.parametrize("payload", [b"", b" \n"])
def test_a_cleared_state_says_nothing(payload: bytes) -> None:
    heard = Listening()
    assert heard.hear(STATE, payload, retained=True).reports == ()
    assert heard.refusals == {Reason.MALFORMED: 1}


@given(
    st.binary(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["phase", "id", "result", "reason", "operations", "t"]), inner, max_size=6
            )
        ),
        max_leaves=12,
    ).map(msgspec.json.encode)
)
def test_whatever_is_not_empty_brings_exactly_one_report(payload: bytes) -> None:
    heard = Listening(1)
    reports = heard.hear(STATE, payload).reports
    assert len(reports) == (1 if payload.strip() else 0)
    assert Reason.INTERNAL not in heard.refusals
