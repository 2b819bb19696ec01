"""Every problem of a configuration is named: its key, the value that stands there, the limit, and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_balancer.errors import ConfigurationError, Problem, format_problems
from edge_balancer.settings.check import problems
from edge_balancer.settings.load import load

GOOD = """
[feeder]
transformer_kva = 250
[[houses]]
id = "h1"
phase = "L1"
[[houses]]
id = "h2"
phase = "L2"
"""


def judge(folder: Path, text: str) -> list[Problem]:
    file = folder / "c.toml"
    file.write_text(text)
    file.chmod(0o600)
    return problems(file, {})


def only(found: list[Problem]) -> Problem:
    assert len(found) == 1, format_problems(found)
    return found[0]


def test_a_good_file_has_no_problem(tmp_path: Path) -> None:
    assert judge(tmp_path, GOOD) == []


# text after GOOD (or in place of it, where it begins with "="), key, value, words in what is wrong, words in the remedy
CASES = {
    "above the limit": ("[decision]\ndwell_s = 99999999", "decision.dwell_s", "99999999", "0 to 86400 s", "dwell_s"),
    "below the limit": ("[telemetry]\nstale_s = 1.5", "telemetry.stale_s", "1.5", "5 to 7200 s", "180 by default"),
    "exclusive limit": ("[alerts]\nclear_ratio = 1", "alerts.clear_ratio", "1", "above 0, below 1", "clear_ratio"),
    "nested section": ("[feeder.limits]\nvuf_pct = 0", "feeder.limits.vuf_pct", "0", "above 0, at most 10 %", "2 by"),
    "truth for a number": ("[decision]\ndwell_s = true", "decision.dwell_s", "true", "number belongs", "0 to 86400 s"),
    "truth for an optional number": ("[mqtt]\nport = false", "mqtt.port", "false", "number belongs", "1 to 65535"),
    "text for a number": ('[decision]\ndwell_s = "long"', "decision.dwell_s", '"long"', "a number", "0 to 86400 s"),
    "fraction for a whole": ("[mqtt]\nkeepalive_s = 5.5", "mqtt.keepalive_s", "5.5", "no whole number", "5 to 600 s"),
    "infinite": ("[storage]\nmax_mb = inf", "storage.max_mb", "inf", "not finite", "at least 10 MB"),
    "no number at all": ("[storage]\nmax_mb = nan", "storage.max_mb", "nan", "not finite", "at least 10 MB"),
    "no such mode": ('[decision]\nmode = "atuo"', "decision.mode", '"atuo"', '"advise"', '"hold"'),
    "no such choice": ('[log]\nlevel = "loud"', "log.level", '"loud"', '"warning"', '"info" by default'),
    "empty host": ('[mqtt]\nhost = ""', "mqtt.host", '""', "is empty", "at least one character"),
    "number for text": ("[mqtt]\nclient_id = 7", "mqtt.client_id", "7", "double quotes", "in double quotes"),
    "misspelt key": ("[decision]\ndwel_s = 3", "decision.dwel_s", "3", "no known key", "did you mean dwell_s?"),
    "misspelt section": ("[storag]\nmax_mb = 20", "storag", "a table", "no known key", "did you mean storage?"),
    "key of another section": ("[feeder.limits]\nmode = 1", "feeder.limits.mode", "1", "there", "decision.mode"),
    "unlike any key": ("[log]\nzzz = 1", "log.zzz", "1", "no known key", "[log] knows level, format"),
    "section as value": ("=log = 3\n" + GOOD, "log", "3", "no table", "[log]"),
    "list as table": (
        '=[houses]\nid = "h1"\n[feeder]\ntransformer_kva = 9', "houses", "a table", "no list", "[[houses]]"
    ),
    "no list of tables": ("=houses = 3\n[feeder]\ntransformer_kva = 9", "houses", "3", "no list", "[[houses]]"),
    "entry that is no table": (
        '=houses = [{id="a",phase="L1"}, 7]\n[feeder]\ntransformer_kva = 9', "houses[1]", "7", "no table", "[[houses]]"
    ),
    "no such phase": ('[[houses]]\nid = "h3"\nphase = "L4"', "houses[2].phase", '"L4"', "L1, L2 or L3", "L1, L2 or L3"),
    "no phase": ('[[houses]]\nid = "h3"', "houses[2].phase", "", "is missing", "three_phase"),
    "no id": ('[[houses]]\nphase = "L3"', "houses[2].id", "", "is missing", "give id"),
    "id with a space": ('[[houses]]\nid = "h 3"\nphase = "L3"', "houses[2].id", '"h 3"', "letters, digits", "id"),
    "id twice": ('[[houses]]\nid = "h2"\nphase = "L3"', "houses[2].id", '"h2"', "more than once", "rename"),
    "the transformer's name": (
        '[[houses]]\nid = "transformer"\nphase = "L3"', "houses[2].id", '"transformer"', "own meter", "another id"
    ),
    "negative PV": ('[[houses]]\nid="h3"\nphase="L3"\npv_w=-1', "houses[2].pv_w", "-1", "0 to 100000 W", "0 by"),
    "unknown meter format": (
        '[[transformer_meters]]\ntopic = "t"\nformat = "modbus"',
        "transformer_meters[0].format", '"modbus"', '"tasmota"', '"native" by default',
    ),
    "unknown field of a meter": (
        '[[transformer_meters]]\ntopic = "t"\nformat = "json"\nfields = { p = "x", w = "y" }',
        "transformer_meters[0].fields.w", "", "no known key", "'p', 'q'",
    ),
    "json without p": (
        '[[transformer_meters]]\ntopic = "t"\nformat = "json"',
        "transformer_meters[0].fields.p", "", "path of the active power", "fields = {",
    ),
    "meter with a wildcard": (
        '[[transformer_meters]]\ntopic = "t/+/x"', "transformer_meters[0].topic", '"t/+/x"', "no '+'", "tele/"
    ),
    "switch with a slash at its end": (
        '[[houses]]\nid="h3"\nphase="L3"\nswitch_topic="a/"', "houses[2].switch_topic", '"a/"', "no '/'", "tele/"
    ),
    "meter of two houses": (
        '[[houses.meters]]\ntopic="m"\nchannel=1\n[[houses]]\nid="h3"\nphase="L3"\n[[houses.meters]]\ntopic="m"\nchannel=1',
        "houses[2].meters[0].topic", '"m"', "house h2 too (the same topic, channel 1)", "its own topic or channel",
    ),
    "the default meter of another house": (
        '[[houses.meters]]\ntopic="phase-balance/feeder/meter/h1"',
        "houses[1].meters[0].topic", '"phase-balance/feeder/meter/h1"', "house h1 too", "its own topic",
    ),
    "the transformer's meter as a house's": (
        '[[houses.meters]]\ntopic="phase-balance/feeder/meter/transformer"',
        "houses[1].meters[0].topic", '"phase-balance/feeder/meter/transformer"', "the transformer", "its own topic",
    ),
    "switch of two houses": (
        'switch_topic="s"\n[[houses]]\nid="h3"\nphase="L3"\nswitch_topic="s"',
        "houses[2].switch_topic", '"s"', "house h2 too", "its own topic",
    ),
    "the default switch of another house": (
        'switch_topic="phase-balance/feeder/switch/h1"',
        "houses[1].switch_topic", '"phase-balance/feeder/switch/h1"', "house h1 too", "its own topic",
    ),
    "cap below the budget": (
        "[decision]\noperations_per_house_day = 9",
        "decision.max_operations_per_house_day", "8", "operations_per_house_day = 9", "at least 9",
    ),
    "dwell against the budget": (
        "[decision]\ndwell_s = 50000", "decision.dwell_s", "50000", "1.7 operations a day", "at most 43200"
    ),
    "answer later than expiry": (
        "[switching]\nexpiry_s = 60", "switching.ack_timeout_s", "30", "shorter than expiry_s = 60", "at least 60"
    ),
    "maximum age below staleness": (
        "[telemetry]\nmax_age_s = 100", "telemetry.max_age_s", "100", "stale_s = 180", "at least 180"
    ),
    "extreme above mean": (
        "[feeder.limits]\nlow_pct = -20", "feeder.limits.extreme_low_pct", "-15", "low_pct = -20", "at most -20"
    ),
    "extreme below mean": (
        "[feeder.limits]\nhigh_pct = 12", "feeder.limits.extreme_high_pct", "10", "high_pct = 12", "at least 12"
    ),
    "certificate without TLS": ('[mqtt]\nca_file = "a.pem"', "mqtt.ca_file", '"a.pem"', "without TLS", "tls = true"),
    "base topic with a wildcard": ('[mqtt]\nbase_topic = "a/#"', "mqtt.base_topic", '"a/#"', "no '#'", "leave it out"),
    "an address for a host": ('[mqtt]\nhost = "mqtt://b"', "mqtt.host", "", "no host name", "alone"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_error_names_key_value_limit_and_remedy(case: str, tmp_path: Path) -> None:
    text, key, value, wrong, remedy = CASES[case]
    problem = only(judge(tmp_path, text[1:] if text.startswith("=") else GOOD + text))
    assert (problem.key, problem.value, problem.severity) == (key, value, "error")
    assert wrong in problem.wrong
    assert remedy in problem.remedy


WARNINGS = {
    "rating not given": ('=[[houses]]\nid="h1"\nphase="L1"', "feeder.transformer_kva", "250 kVA is assumed"),
    "nothing may move": (
        '=[feeder]\ntransformer_kva=9\n[[houses]]\nid="h1"\nphase="L1"\ncritical=true', "houses", "cannot move"
    ),
    "phase of a three-phase house": (
        '[[houses]]\nid="h3"\nphase="L3"\nthree_phase=true', "houses[2].phase", "three-phase house"
    ),
    "no room for busy days": (
        "[decision]\nmax_operations_per_house_day = 3", "decision.max_operations_per_house_day", "cuts busy houses off"
    ),
    "dwell against the cap": ("[decision]\ndwell_s = 30000", "decision.dwell_s", "max_operations_per_house_day = 8"),
    "TLS on the plain port": ("[mqtt]\ntls = true\nport = 1883", "mqtt.port", "by convention"),
    "no TLS on its port": ("[mqtt]\nport = 8883", "mqtt.port", "by convention"),
    "password in the clear": ('[mqtt]\nhost="far"\nuser="u"\npassword="p"', "mqtt.tls", "in the clear"),
    "short memory": ("[storage]\nminute_days = 800", "storage.quarter_days", "minute_days = 800"),
    "late trigger": ("[decision]\nneutral_trigger_a = 200", "decision.neutral_trigger_a", "145 A"),
    "paths without json": (
        '[[transformer_meters]]\ntopic="t"\nfields={p="x"}', "transformer_meters[0].fields", "no effect"
    ),
    "sun above what is believed": (
        '[[houses]]\nid="h3"\nphase="L3"\npv_w=90000', "houses[2].pv_w", "max_house_w = 60000"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WARNINGS)
def test_a_warning_is_told_and_does_not_keep_the_configuration_from_loading(case: str, tmp_path: Path) -> None:
    text, key, wrong = WARNINGS[case]
    problem = only(judge(tmp_path, text[1:] if text.startswith("=") else GOOD + text))
    assert (problem.key, problem.severity) == (key, "warning")
    assert wrong in problem.wrong
    load(tmp_path / "c.toml", {})


def test_a_feeder_cap_below_the_houses_budget_is_told(tmp_path: Path) -> None:
    text = GOOD + "[decision]\nmax_operations_per_feeder_hour = 1\n"
    text += "".join(f'[[houses]]\nid = "n{n}"\nphase = "L3"\n' for n in range(11))
    problem = only(judge(tmp_path, text))
    assert problem.key == "decision.max_operations_per_feeder_hour"
    assert "the budget of 13 houses is 26" in problem.wrong
    assert "at least 2" in problem.remedy


def test_no_houses_at_all_is_an_error(tmp_path: Path) -> None:
    problem = only(judge(tmp_path, "[feeder]\ntransformer_kva = 100"))
    assert (problem.key, problem.severity) == ("houses", "error")
    assert "houses_file" in problem.remedy


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a = \nb = 1", "line 1, column 5"),
        ("[a\n", "line 1"),
        ("a = 1\na = 2\nb = 1", "line 2"),
        ("a = " + "9" * 5000, "beyond all bounds"),
        ("a = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_broken_toml_is_one_problem_that_says_where(text: str, wrong: str, tmp_path: Path) -> None:
    problem = only(judge(tmp_path, text))
    assert problem.key == str(tmp_path / "c.toml")
    assert wrong in problem.wrong


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "does not exist" in only(problems(tmp_path / "none.toml", {})).wrong
    assert "is a folder" in only(problems(tmp_path, {})).wrong
    assert "is a device" in only(problems(Path("/dev/null"), {})).wrong
    latin = tmp_path / "latin.toml"
    latin.write_bytes("# Z\xfcrich".encode("latin-1"))
    assert "is not UTF-8 text (byte 4)" in only(problems(latin, {})).wrong


def test_every_problem_is_told_at_once_and_none_twice(tmp_path: Path) -> None:
    found = judge(
        tmp_path,
        """
        houses_file = "none.csv"
        colour = "green"
        [feeder]
        transformer_kva = -1
        [feeder.limits]
        high_pct = 12
        [mqtt]
        port = 70000
        ca_file = "ca.pem"
        [decision]
        operations_per_house_day = 9
        dwell_s = "long"
        [switching]
        expiry_s = 60
        [[houses]]
        id = "h1"
        phase = "L4"
        pv_w = -3
        switch_topic = "a/#"
        [[houses]]
        id = "h1"
        phase = "L2"
        [[houses.meters]]
        topic = "x"
        format = "json"
        [[houses]]
        switch_topic = "s"
        [[houses]]
        id = "h4"
        switch_topic = "s"
        """,
    )
    assert sorted(problem.key for problem in found) == [
        "colour",
        "decision.dwell_s",
        "decision.max_operations_per_house_day",
        "feeder.limits.extreme_high_pct",
        "feeder.transformer_kva",
        "houses[0].phase",
        "houses[0].pv_w",
        "houses[0].switch_topic",
        "houses[1].id",
        "houses[1].meters[0].fields.p",
        "houses[2].id",
        "houses[2].phase",
        "houses[3].phase",
        "houses[3].switch_topic",
        "houses_file",
        "mqtt.ca_file",
        "mqtt.port",
        "switching.ack_timeout_s",
    ]


def test_a_wrong_value_has_no_echo_in_what_depends_on_it(tmp_path: Path) -> None:
    # ack_timeout_s falls back to 30 while it is wrong: that this is below expiry_s is not the user's mistake.
    assert (
        only(judge(tmp_path, GOOD + "[switching]\nexpiry_s = 60\nack_timeout_s = -1")).key == "switching.ack_timeout_s"
    )
    # The only house is wrong: there is one nevertheless.
    only_house = '[feeder]\ntransformer_kva = 9\n[[houses]]\nid = "a b"\nphase = "L1"'
    assert only(judge(tmp_path, only_house)).key == "houses[0].id"


def test_load_raises_all_problems_as_one_error(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(GOOD.replace("250", "-1") + "[log]\nlevle = 1")
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    assert [problem.key for problem in caught.value.problems] == ["feeder.transformer_kva", "log.levle"]
    assert "2 errors" in str(caught.value)


def test_problems_read_as_text_with_errors_first_and_a_count() -> None:
    warning = Problem("mqtt.port", "8883", "is odd", "use 1883", "warning", "c.toml")
    error = Problem("decision.dwell_s", "-1", "is outside its limits: 0 to 86400 s", "set it", source="c.toml")
    assert format_problems([warning, error]) == (
        "error: decision.dwell_s = -1  (c.toml)\n"
        "    is outside its limits: 0 to 86400 s\n"
        "    -> set it\n"
        "warning: mqtt.port = 8883  (c.toml)\n"
        "    is odd\n"
        "    -> use 1883\n"
        "1 error, 1 warning"
    )
    assert format_problems([]) == ""
