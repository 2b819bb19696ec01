"""The layers of the configuration: defaults, file, credentials, environment. The later wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_balancer.settings.check import problems
from edge_balancer.settings.load import load
from edge_balancer.types.switching import Mode

TOML = """
[feeder]
transformer_kva = 250
[mqtt]
host = "file"
user = "file"
keepalive_s = 20
[[houses]]
id = "h1"
phase = "L1"
"""
PEM = "-----BEGIN CERTIFICATE-----\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "c.toml"
    path.parent.mkdir()
    path.write_text(TOML)
    path.chmod(0o600)
    return path


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.mkdir()
    return path


def test_each_layer_wins_over_the_one_before(file: Path, credentials: Path) -> None:
    (credentials / "mqtt.host").write_text("credential")
    (credentials / "mqtt.user").write_text("credential")
    mqtt = load(file, {"EDGE_BALANCER_MQTT__HOST": "environment"}, credentials).mqtt
    assert (mqtt.host, mqtt.user, mqtt.keepalive_s, mqtt.publish_s) == ("environment", "credential", 20, 1.0)


@pytest.mark.parametrize("name", ["mqtt.password", "mqtt__password", "mqtt_password", "MQTT_PASSWORD"])
def test_a_credential_is_found_under_several_names(name: str, file: Path, credentials: Path) -> None:
    (credentials / name).write_text(" pass word\n")
    # Its last line's end is an editor's; a space may be the secret's own.
    assert load(file, {}, credentials).mqtt.password.get_secret_value() == " pass word"


def test_systemd_says_where_the_credentials_are(file: Path, credentials: Path) -> None:
    (credentials / "mqtt.password").write_text("s")
    assert load(file, {"CREDENTIALS_DIRECTORY": str(credentials)}).mqtt.password.get_secret_value() == "s"


def test_a_credential_for_a_file_is_that_file(file: Path, credentials: Path) -> None:
    (credentials / "mqtt.ca_file").write_text(PEM)
    mqtt = load(file, {"EDGE_BALANCER_MQTT__TLS": "yes"}, credentials).mqtt
    assert mqtt.ca_file == credentials / "mqtt.ca_file"


def test_other_credentials_are_let_be_and_a_near_miss_is_told(file: Path, credentials: Path) -> None:
    (credentials / "backup-ssh").write_text("x")
    (credentials / "mqtt.pasword").write_text("x")
    (found,) = problems(file, {}, credentials)
    assert (found.key, found.severity) == ("credential mqtt.pasword", "warning")
    assert "mqtt.password?" in found.remedy


def test_a_credential_that_is_no_text_is_named_without_its_content(file: Path, credentials: Path) -> None:
    (credentials / "mqtt.password").write_bytes(b"\xff\xfesecret")
    (found,) = problems(file, {}, credentials)
    assert found.key == str(credentials / "mqtt.password")
    assert "secret" not in str(found)


def test_a_missing_credentials_directory_is_named(file: Path, tmp_path: Path) -> None:
    (found,) = problems(file, {"CREDENTIALS_DIRECTORY": str(tmp_path / "none")})
    assert (found.key, found.severity) == ("credentials directory", "error")


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("EDGE_BALANCER_DECISION__DWELL_S", "1200.5", 1200.5),
        ("EDGE_BALANCER_DECISION__MODE", "advise", Mode.ADVISE),
        ("EDGE_BALANCER_DECISION__MAX_MOVES", "2", 2),
        ("EDGE_BALANCER_DECISION__NEUTRAL_TRIGGER_A", "4", 4.0),
        ("edge_balancer_decision__dwell_s", "60", 60.0),
    ],
)
def test_a_variable_sets_its_key(name: str, value: str, read: object, file: Path) -> None:
    key = name.lower().removeprefix("edge_balancer_decision__")
    assert getattr(load(file, {name: value}).decision, key) == read


def test_a_variable_reaches_a_section_within_a_section(file: Path) -> None:
    assert load(file, {"EDGE_BALANCER_FEEDER__LIMITS__LOW_PCT": "-6"}).feeder.limits.low_pct == -6


def test_a_wrong_variable_is_told_as_its_key_and_with_its_own_name(file: Path) -> None:
    (found,) = problems(file, {"EDGE_BALANCER_DECISION__DWELL_S": "soon"})
    assert (found.key, found.value) == ("decision.dwell_s", '"soon"')
    assert found.source == "environment variable EDGE_BALANCER_DECISION__DWELL_S"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("EDGE_BALANCER_MQTT_PASSWORD", "did you mean EDGE_BALANCER_MQTT__PASSWORD?"),
        ("EDGE_BALANCER_DECISION__DWEL_S", "did you mean EDGE_BALANCER_DECISION__DWELL_S?"),
        ("EDGE_BALANCER_HOUSES", "EDGE_BALANCER_HOUSES_FILE"),
        ("EDGE_BALANCER_XYZ__QQQ", "unset it"),
    ],
)
def test_an_unknown_variable_is_an_error(name: str, near: str, file: Path) -> None:
    (found,) = problems(file, {name: "x", "PATH": "/bin", "OTHER_EDGE_BALANCER_": "x"})
    assert (found.key, found.severity) == (name, "error")
    assert near in found.remedy


def test_a_variable_that_is_no_text_is_named(file: Path) -> None:
    (found,) = problems(file, {"EDGE_BALANCER_MQTT__BASE_TOPIC": "\udcff"})
    assert (found.key, found.wrong) == ("EDGE_BALANCER_MQTT__BASE_TOPIC", "is not UTF-8 text")


def test_the_process_environment_is_not_looked_into(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_BALANCER_MQTT__HOST", "process")
    monkeypatch.setenv("MQTT__USER", "process")
    mqtt = load(file, {}).mqtt
    assert (mqtt.host, mqtt.user) == ("file", "file")


def test_a_section_that_is_a_value_is_not_hidden_by_the_environment(file: Path) -> None:
    file.write_text("log = 3\n" + TOML)
    (found,) = problems(file, {"EDGE_BALANCER_LOG__LEVEL": "debug"})
    assert (found.key, found.value) == ("log", "3")


def test_without_a_file_the_other_layers_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "h.csv").write_text("id,phase\nh1,L1\n")
    monkeypatch.chdir(tmp_path)
    configuration = load(None, {"EDGE_BALANCER_HOUSES_FILE": "h.csv", "EDGE_BALANCER_FEEDER__ID": "f7"})
    assert (configuration.feeder.id, configuration.houses[0].id) == ("f7", "h1")
    assert configuration.storage.path == tmp_path / "edge-balancer.db"


def test_relative_paths_count_from_the_file_and_the_store_from_the_state_directory(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(TOML.replace("[mqtt]", '[mqtt]\ntls = true\nca_file = "ca.pem"'))
    (file.parent / "ca.pem").write_text(PEM)
    monkeypatch.chdir(tmp_path)
    configuration = load(Path("etc/c.toml"), {})
    assert configuration.mqtt.ca_file == file.parent / "ca.pem"
    assert configuration.storage.path == file.parent / "edge-balancer.db"
    assert load(file, {"STATE_DIRECTORY": "/var/lib/eb:/other"}).storage.path == Path("/var/lib/eb/edge-balancer.db")
    absolute = {"STATE_DIRECTORY": "/var/lib/eb", "EDGE_BALANCER_STORAGE__PATH": "/data/x.db"}
    assert load(file, absolute).storage.path == Path("/data/x.db")


@pytest.mark.parametrize(
    ("content", "wrong"), [(None, "does not exist"), (b"hello", "in PEM form"), (b"\x30\x82\xff", "in PEM form")]
)
def test_a_certificate_that_cannot_serve_is_named(content: bytes | None, wrong: str, file: Path) -> None:
    file.write_text(TOML.replace("[mqtt]", '[mqtt]\ntls = true\nca_file = "ca.pem"'))
    if content is not None:
        (file.parent / "ca.pem").write_bytes(content)
    (found,) = problems(file, {})
    assert (found.key, found.value) == ("mqtt.ca_file", f'"{file.parent}/ca.pem"')
    assert wrong in found.wrong


def test_a_folder_in_place_of_the_database_is_named(file: Path) -> None:
    (found,) = problems(file, {"EDGE_BALANCER_STORAGE__PATH": "."})
    assert (found.key, found.severity) == ("storage.path", "error")
