"""Contacts that cannot be told, or would be told wrongly, are named before the controller runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_balancer.settings.check import problems
from edge_balancer.settings.contacts import is_within, minute_of_day, quiet_hours

BASE = """
[feeder]
transformer_kva = 250
[channels.modem]
port = "/dev/null"
[[houses]]
id = "h1"
phase = "L1"
"""
WAY = '[[contacts.ways]]\nchannel = "modem"\nto = "+4915112345678"\n'


@pytest.mark.parametrize(
    ("text", "key", "wrong", "severity"),
    [
        (f'[[contacts]]\nname = "a"\n{WAY}[[contacts]]\nname = "a"\n{WAY}', "contacts[1].name", "more than", "error"),
        ('[[contacts]]\nname = "a"', "contacts[0].ways", "reached by nothing", "warning"),
        (f'[[contacts]]\nname = "a"\norder = 2\n{WAY}', "contacts[0].order", "order 1", "warning"),
        (
            f'[[contacts]]\nname = "a"\n{WAY}severity = "none"\ndigest_at = "07:00"',
            "contacts",
            "nothing at once",
            "warning",
        ),
        (f'[[contacts]]\nname = "a"\n{WAY}severity = "none"', "contacts[0].ways[0].severity", "no digest", "error"),
        (f'[[contacts]]\nname = "a"\n{WAY}digest_at = "7 am"', "contacts[0].ways[0].digest_at", "time of", "error"),
        (f'[[contacts]]\nname = "a"\nquiet = "night"\n{WAY}', "contacts[0].quiet", "hours of the day", "error"),
        (f'[[contacts]]\nname = "a"\n{WAY}{WAY}', "contacts[0].ways[1].to", "told everything twice", "error"),
        ('[alerts.telling]\ntime_zone = "Mars/Olympus"', "alerts.telling.time_zone", "no zone", "error"),
        ("[alerts.telling]\ngather_s = 90", "alerts.telling.gather_s", "told late", "error"),
        ("[alerts.telling]\ndeadline_info_s = 60", "alerts.telling.deadline_info_s", "less grave", "error"),
    ],
)
def test_what_is_wrong_with_contacts_is_named(text: str, key: str, wrong: str, severity: str, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(BASE + text)
    file.chmod(0o600)
    found = [problem for problem in problems(file, {}) if problem.key == key]
    assert [(wrong in problem.wrong, problem.severity) for problem in found] == [(True, severity)]


def test_contacts_that_can_be_told_are_good(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        BASE + f'[alerts.telling]\ntime_zone = "UTC"\n[[contacts]]\nname = "a"\nquiet = "22:00-6:30"\n{WAY}'
    )
    file.chmod(0o600)
    assert problems(file, {}) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:00-06:30", (1320, 390)),
        ("0:00-23:59", (0, 1439)),
        ("22:00", None),
        ("24:00-06:00", None),
        ("1:00-1:00", None),
    ],
)
def test_quiet_hours_are_read(text: str, expected: tuple[int, int] | None) -> None:
    assert quiet_hours(text) == expected


@pytest.mark.parametrize(
    ("at", "within"),
    [("22:00", True), ("23:59", True), ("00:00", True), ("06:29", True), ("06:30", False), ("12:00", False)],
)
def test_quiet_hours_pass_midnight(at: str, within: bool) -> None:
    minute = minute_of_day(at)
    assert minute is not None
    assert is_within(minute, (1320, 390)) is within
