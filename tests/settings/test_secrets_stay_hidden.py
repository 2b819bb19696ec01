"""No secret stands in any text about the configuration, wherever it was given and however it was misplaced."""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_balancer.errors import ConfigurationError, format_problems
from edge_balancer.settings.check import problems
from edge_balancer.settings.fields import sections
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


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach (pytest's own cannot be)."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


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


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (f'[mqtt]\nuser = "u"\npassword = "{SECRET}"\n', "mqtt.password"),
        (f'[bridge]\ncommand_keys = "{SECRET}-of-some-length"\n', "bridge.command_keys"),
    ],
)
def test_a_secret_in_a_file_that_all_can_read_is_refused(open_folder: Path, table: str, key: str) -> None:
    file = open_folder / "c.toml"
    file.write_text(BASE + table)
    file.chmod(0o644)
    (found,) = problems(file, {})
    assert (found.key, found.value, found.severity) == (key, "(hidden)", "error")
    assert "chmod o-r" in found.remedy
    assert f"systemd credential {key}" in found.remedy
    # As the package leaves it: for root and the service's group.
    file.chmod(0o640)
    assert problems(file, {}) == []
    # Or in a folder that nobody else enters, by whatever name it is reached.
    file.chmod(0o644)
    open_folder.chmod(0o700)
    assert problems(file, {}) == []
    link = file.with_name("link.toml")
    link.symlink_to(file)
    assert problems(link, {}) == []
    open_folder.chmod(0o751)
    assert [found.key for found in problems(link, {})] == [key], "who knows its name can read it"


def test_every_secret_is_looked_at(open_folder: Path) -> None:
    """Whichever is added later: it is refused in an open file, or in every file."""
    for section in sections():
        for key in section.keys:
            if not key.secret:
                continue
            file = open_folder / "c.toml"
            *tables, name = key.path
            user = 'user = "u"\n' if name == "password" else ""
            file.write_text(BASE + f'[{".".join(tables)}]\n{user}{name} = "{SECRET}-of-some-length"\n')
            file.chmod(0o644)
            errors = {found.key for found in problems(file, {}) if found.severity == "error"}
            assert key.dotted in errors, key.dotted
            assert SECRET not in format_problems(problems(file, {}))


def test_a_secret_from_elsewhere_is_no_matter_of_the_file(open_folder: Path) -> None:
    file = open_folder / "c.toml"
    file.write_text(BASE)
    file.chmod(0o644)
    (open_folder / "bridge.command_keys").write_text(f"{SECRET}-of-some-length")
    assert problems(file, {}, open_folder) == []
