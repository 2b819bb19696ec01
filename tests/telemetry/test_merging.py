"""How partial messages and several meters of one house become readings of its net load."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.telemetry.refusals import Reason
from edge_balancer.types.readings import Reading
from tests.telemetry.format_cases import N
from tests.telemetry.listening import BASE, WALL, Listening


def house(*meters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "h1", "phase": "L1", "meters": list(meters), **more}


def mapped(topic: str, **more: Any) -> dict[str, Any]:
    return {"topic": topic, "format": "json", "fields": {"p": "p", "q": "q", "v": "v", "i": "i", "t": "t"}, **more}


def same(got: Reading | None, **values: float) -> None:
    assert got is not None
    for name in ("at", "p", "q", "v", "i", "e_import", "e_export", "generation"):
        expected = values.get(name, N)
        assert getattr(got, name) == pytest.approx(expected, nan_ok=True), (name, got)


def test_values_on_several_topics_are_joined_with_the_next_power() -> None:
    heard = Listening([house({"topic": "shellies/em", "format": "shelly1"})])
    assert heard.reading("shellies/em/emeter/0/voltage", "231.5", at=0) is None
    assert heard.reading("shellies/em/emeter/0/reactive_power", "40", at=1) is None
    assert heard.reading("shellies/em/emeter/0/total", "1000", at=1) is None
    same(heard.reading("shellies/em/emeter/0/power", "512", at=2), at=1002, p=512, q=40, v=231.5, e_import=1000)
    assert heard.intake.ledger.refreshed == 3
    assert heard.intake.ledger.accepted == 1


def test_joined_values_are_at_most_a_minute_old() -> None:
    heard = Listening([house({"topic": "em", "format": "shelly1"})])
    heard.reading("em/emeter/0/voltage", "231.5", at=0)
    same(heard.reading("em/emeter/0/power", "5", at=60), at=1060, p=5, v=231.5)
    same(heard.reading("em/emeter/0/power", "5", at=60.5), at=1060.5, p=5)


def test_a_power_is_not_judged_by_a_current_from_before() -> None:
    heard = Listening([house({"topic": "em", "format": "shelly1"})])
    heard.reading("em/emeter/0/voltage", "230", at=0)
    heard.reading("em/emeter/0/current", "0.2", at=0)
    same(heard.reading("em/emeter/0/power", "7000", at=1), at=1001, p=7000, v=230, i=0.2)


def test_a_notification_without_power_refreshes_and_a_stamp_shared_with_it_is_no_duplicate() -> None:
    heard = Listening([house({"topic": "sh", "format": "shelly2"})])
    frame = '{"method":"NotifyStatus","params":{"ts":%s,"em1:0":%s}}'
    assert heard.reading("sh/events/rpc", frame % (WALL, '{"voltage":229.5}')) is None
    same(heard.reading("sh/events/rpc", frame % (WALL, '{"act_power":80}')), at=1000, p=80, v=229.5)
    assert heard.reading("sh/events/rpc", frame % (WALL, '{"act_power":80}'), at=1) is None
    assert heard.refusals == {Reason.DUPLICATE: 1}


def test_the_same_measurement_with_and_without_stamp_keeps_its_order() -> None:
    heard = Listening([house({"topic": "sh", "format": "shelly2"})])
    same(heard.reading("sh/status/em1:0", '{"act_power":80}', at=1), at=1001, p=80)
    frame = '{"method":"NotifyStatus","params":{"ts":%s,"em1:0":{"act_power":80}}}'
    same(heard.reading("sh/events/rpc", frame % (WALL + 0.5), at=1.1), at=1001, p=80)
    assert heard.reading("sh/events/rpc", frame % (WALL - 5), at=1.2) is None
    assert heard.refusals == {Reason.OUT_OF_ORDER: 1}


@pytest.mark.parametrize(
    ("said", "readings"),
    [
        # (topic, kW) in the order in which a telegram is published, and the power each makes known.
        ([("delivered", "0.4"), ("returned", "0")], [400, None]),
        ([("delivered", "0"), ("returned", "1.5")], [None, -1500]),
        # Import turns into export and back without a moment of both.
        ([("delivered", "0.4"), ("returned", "0"), ("delivered", "0"), ("returned", "1.5")], [400, None, None, -1500]),
        ([("returned", "1.5"), ("delivered", "0.3"), ("returned", "0")], [-1500, 300, None]),
        ([("delivered", "0"), ("returned", "0"), ("delivered", "0"), ("returned", "0")], [None, 0, None, 0]),
        ([("returned", "0")], [None]),
        # A meter that never mentions export has none.
        ([("delivered", "0"), ("delivered", "0")], [None, 0]),
    ],
)
def test_a_meter_that_sends_each_direction_by_itself(said: list[tuple[str, str]], readings: list[float | None]) -> None:
    heard = Listening([house({"topic": "dsmr/reading", "format": "dsmr"})])
    got = []
    for n, (direction, kw) in enumerate(said):
        reading = heard.reading(f"dsmr/reading/electricity_currently_{direction}", kw, at=n * 0.01)
        got.append(None if reading is None else reading.p)
    assert got == readings


def test_load_minus_generation_needs_both_fresh() -> None:
    heard = Listening([house(mapped("load", role="load"), mapped("pv", role="generation"))])
    assert heard.reading("load", '{"p": 500, "v": 230}', at=0) is None
    same(heard.reading("pv", '{"p": 2000}', at=1), at=1001, p=-1500, v=230, generation=2000)
    same(heard.reading("load", '{"p": 700, "v": 231}', at=20), at=1020, p=-1300, v=231, generation=2000)
    # stale_s = 180: a generation of 2 kW that fell silent is not known, so neither is the net.
    assert heard.reading("load", '{"p": 700}', at=182) is None
    assert heard.refusals == {}


def test_an_inverter_that_fell_silent_at_dusk_counts_as_nothing_for_a_night() -> None:
    heard = Listening([house(mapped("load", role="load"), mapped("pv", role="generation"))])
    heard.reading("pv", '{"p": 3}', at=0)
    same(heard.reading("load", '{"p": 700}', at=6 * 3600), at=1000 + 6 * 3600, p=700, generation=0)
    assert heard.reading("load", '{"p": 700}', at=19 * 3600) is None


def test_reactive_power_of_an_inverter_that_sends_none_is_taken_as_zero() -> None:
    heard = Listening([house(mapped("load", role="load"), mapped("pv", role="generation"))])
    heard.reading("pv", '{"p": 100}')
    same(heard.reading("load", '{"p": 500, "q": 70}'), at=1000, p=400, q=70, generation=100)
    heard.reading("pv", '{"p": 100, "q": 20}', at=1)
    same(heard.reading("load", '{"p": 500, "q": 70}', at=1), at=1001, p=400, q=50, generation=100)


def test_a_lone_generation_is_the_net_with_its_sign_turned() -> None:
    heard = Listening([house({"topic": "solar/1", "format": "opendtu", "role": "generation"})])
    heard.reading("solar/1/0/yieldtotal", "6.283")
    heard.reading("solar/1/0/reactivepower", "12")
    same(heard.reading("solar/1/0/power", "285.7"), at=1000, p=-285.7, q=-12, e_export=6283, generation=285.7)


def test_a_generation_beside_a_net_meter_is_told_but_not_subtracted() -> None:
    heard = Listening([house(mapped("net"), mapped("pv", role="generation"))])
    assert heard.reading("pv", '{"p": 900}') is None
    same(heard.reading("net", '{"p": -400}', at=1), at=1001, p=-400, generation=900)
    # A new generation must not make an old net power look new.
    assert heard.reading("pv", '{"p": 950}', at=100) is None


def test_two_meters_of_one_role_are_added() -> None:
    heard = Listening([house(mapped("heat"), mapped("rest"))])
    assert heard.reading("heat", '{"p": 1500, "q": 100, "v": 229, "i": 6.6}') is None
    same(heard.reading("rest", '{"p": 300, "q": 50, "i": 1.4}', at=1), at=1001, p=1800, q=150, v=229)


@pytest.mark.parametrize(
    ("settings", "p", "q", "e_import", "e_export"),
    [
        ({}, 2.0, 1.0, 10, 20),
        ({"scale": 1000}, 2000, 1000, 10, 20),
        ({"invert": True}, -2, -1, 20, 10),
        ({"scale": 1000, "invert": True}, -2000, -1000, 20, 10),
    ],
)
def test_scale_is_for_powers_and_inversion_swaps_the_counters(
    settings: dict[str, Any], p: float, q: float, e_import: float, e_export: float
) -> None:
    meter = mapped("m", **settings)
    meter["fields"] = {"p": "p", "q": "q", "e_import": "a", "e_export": "b"}
    heard = Listening([house(meter)])
    got = heard.reading("m", '{"p": 2, "q": 1, "a": 10, "b": 20}')
    same(got, at=1000, p=p, q=q, e_import=e_import, e_export=e_export)


def test_an_inverted_meter_of_two_directions() -> None:
    heard = Listening([house({"topic": "d", "format": "dsmr", "invert": True})])
    same(heard.reading("d/electricity_currently_delivered", "0.4"), at=1000, p=-400)


def test_a_net_load_beyond_belief_after_scaling_is_refused() -> None:
    heard = Listening([house(mapped("m", scale=1000))])
    assert heard.reading("m", '{"p": 950}') is None
    assert heard.refusals == {Reason.OUT_OF_RANGE: 1}


def test_phases_of_a_three_phase_house_are_joined_as_they_come() -> None:
    heard = Listening([{"id": "h1", "three_phase": True, "meters": [{"topic": "em", "format": "shelly1"}]}])
    assert heard.triple("em/emeter/0/voltage", "230") is None
    assert heard.triple("em/emeter/0/power", "100") is None
    assert heard.triple("em/emeter/1/power", "200") is None
    got = heard.triple("em/emeter/2/power", "-300", at=1)
    assert got is not None
    assert (got.house, got.at, got.p) == ("h1", 1001, (100, 200, -300))
    assert got.v[0] == 230
    assert got.v[1] != got.v[1]
    # One phase that is more than a minute older than the others is not known.
    assert heard.triple("em/emeter/2/power", "-300", at=62) is None


def test_three_phases_of_one_frame_each_keep_their_order() -> None:
    heard = Listening([{"id": "h1", "three_phase": True, "meters": [{"topic": "sh", "format": "shelly2"}]}])
    frame = '{"method":"NotifyStatus","params":{"ts":%s,"em1:%d":{"act_power":%d}}}'
    assert heard.triple("sh/events/rpc", frame % (WALL, 0, 1)) is None
    assert heard.triple("sh/events/rpc", frame % (WALL, 1, 2)) is None
    got = heard.triple("sh/events/rpc", frame % (WALL, 2, 3))
    assert got is not None
    assert got.p == (1, 2, 3)
    assert heard.triple("sh/events/rpc", frame % (WALL, 1, 2), at=1) is None
    assert heard.refusals == {Reason.DUPLICATE: 1}


def test_three_phase_load_minus_generation() -> None:
    meters = [mapped("load", role="load"), mapped("pv", role="generation")]
    heard = Listening([{"id": "h1", "three_phase": True, "meters": meters}])
    assert heard.triple("load", '{"p": [100, 200, 300], "q": [1, 2, 3], "v": 230}') is None
    got = heard.triple("pv", '{"p": 900}', at=1)
    assert got is not None
    assert (got.p, got.q, got.v) == ((-200, -100, 0), (1, 2, 3), (230, 230, 230))


def test_the_transformers_own_meter_gives_phases_and_neutral() -> None:
    heard = Listening(1, transformer_meters=[{"topic": "pro3em", "format": "shelly2", "invert": True}])
    status = '{"a_act_power":1200,"b_act_power":-300,"c_act_power":50,"n_current":7.5,"a_voltage":231}'
    got = heard.triple("pro3em/status/em:0", status)
    assert got is not None
    assert (got.house, got.p, got.i_n) == ("transformer", (-1200, 300, -50), 7.5)


def test_a_three_phase_house_that_sends_each_direction_by_itself() -> None:
    heard = Listening([{"id": "h1", "three_phase": True, "meters": [{"topic": "d", "format": "dsmr"}]}])
    for phase in (1, 2):
        assert heard.triple(f"d/phase_currently_delivered_l{phase}", "0.1") is None
        assert heard.triple(f"d/phase_currently_returned_l{phase}", "0") is None
    assert heard.triple("d/phase_currently_delivered_l3", "0", at=0.1) is None
    got = heard.triple("d/phase_currently_returned_l3", "0.5", at=0.1)
    assert got is not None
    assert got.p == (100, 100, -500)


def test_native_readings_of_a_mapped_house_are_refused() -> None:
    heard = Listening([house(mapped("m"))])
    assert not heard.hear(f"{BASE}/meter/h1", '{"p": 1}').readings
    assert heard.refusals == {Reason.UNKNOWN_TOPIC: 1}
