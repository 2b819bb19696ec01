"""No secret stands in any text about the configuration, wherever it was given and however it was misplaced."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from edge_balancer.errors import ConfigurationError, format_problems
from edge_balancer.settings.check import problems
from edge_balancer.settings.load import load

SECRET = "hunter2-9f3c"
BASE = '[feeder]\ntransformer_kva = 9\n[[houses]]\nid = "h1"\nphase = "L1"\n'

FILES = {
    "wrong type": "[mqtt]\npassword = [{SECRET!r}]",
    "a table": "[mqtt.password]\nvalue = {SECRET!r}",
    "misspelt": "[mqtt]\npassw = {SECRET!r}",
    "by another name": "[mqtt]\nkennung = {SECRET!r}",
    "in another section": "[feeder.limits]\npassword = {SECRET!r}",
    "in a section of its own": "[secrets]\nx = {SECRET!r}",
    "in the address": "[mqtt]\nhost = 'mqtt://user:{SECRET}@broker'",
    "beside an error": "[mqtt]\npassword = {SECRET!r}\nport = -1\nuser = 3",
    "without a user": "[mqtt]\npassword = {SECRET!r}",
    "before a syntax error": "[mqtt]\npassword = {SECRET!r} {SECRET!r}",
    "unquoted": "[mqtt]\npassword = {SECRET}",
    "unclosed": "[mqtt]\npassword = '{SECRET}",
}


@pytest.mark.parametrize("case", FILES)
def test_a_secret_in_the_file_is_not_repeated(case: str, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(BASE + FILES[case].replace("{SECRET!r}", repr(SECRET)).replace("{SECRET}", SECRET))
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(caught.value.problems)


def test_a_section_given_as_text_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f'mqtt = "user:{SECRET}@broker"\npassword = "{SECRET}"\n{BASE}')
    found = problems(file, {})
    assert [(problem.key, problem.value) for problem in found] == [("mqtt", "(hidden)"), ("password", "(hidden)")]


def test_a_secret_in_a_misspelt_variable_or_credential_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(BASE)
    (tmp_path / "mqtt.pasword").write_text(SECRET)
    found = problems(file, {"EDGE_BALANCER_MQTT__PASWORD": SECRET, "EDGE_BALANCER_MQTT__TOKEN": SECRET}, tmp_path)
    assert len(found) == 3
    assert SECRET not in format_problems(found)


def test_a_good_secret_is_not_in_the_configuration_s_text(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(BASE)
    given = {"EDGE_BALANCER_MQTT__PASSWORD": SECRET, "EDGE_BALANCER_MQTT__USER": "u"}
    configuration = load(file, given)
    assert configuration.mqtt.password.get_secret_value() == SECRET
    assert SECRET not in f"{configuration!r} {configuration}"


def test_a_password_in_a_file_that_all_can_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(BASE + f'[mqtt]\nuser = "u"\npassword = "{SECRET}"')
    file.chmod(0o644)
    (found,) = problems(file, {})
    assert (found.key, found.value, found.severity) == ("mqtt.password", "(hidden)", "warning")
    assert "chmod o-r" in found.remedy
    file.chmod(0o640)
    assert problems(file, {}) == []
