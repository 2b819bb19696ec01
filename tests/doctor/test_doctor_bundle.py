"""The archive to be sent: what is in it, and above all what is not."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.doctor.bundle import BundleError, write_bundle
from edge_balancer.doctor.examine import Examination
from edge_balancer.doctor.findings import fail, ok
from edge_balancer.doctor.listening import Heard
from edge_balancer.doctor.redact import HIDDEN, Redactor, settings_without_secrets
from edge_balancer.settings.root import Configuration
from tests.support.configuration import make_config

PASSWORD = "correct horse battery"
KEY_ONE, KEY_TWO = "first-signing-key-of-the-site", "second-signing-key-of-the-site"
SECRETS = {
    PASSWORD: "mqtt.password",
    KEY_ONE: "bridge.command_keys",
    KEY_TWO: "bridge.command_keys",
    "mail-secret-77": "channels.email.password",
    "hook-token-1234": "channels.webhook.token",
    "hooks.example/private-path": "channels.webhook.url",
    "webhook-signing-key-of-ours": "channels.webhook.signing_key",
    "+4915112345678": "contacts.ways.to",
    "anna@example.org": "contacts.ways.to",
    "twilio-secret-token": "channels.twilio.auth_token",
}


def full_config() -> Configuration:
    ways = [{"channel": "twilio", "to": "+4915112345678"}, {"channel": "email", "to": "anna@example.org"}]
    return make_config(
        3,
        mqtt={"user": "controller", "password": PASSWORD},
        bridge={"command_keys": f"{KEY_ONE}\n{KEY_TWO}"},
        contacts=[{"name": "anna", "ways": ways}],
        channels={
            "twilio": {
                "account_sid": "AC" + "0a" * 16,
                "auth_token": "twilio-secret-token",
                "from_number": "+4930111111",
            },
            "email": {"host": "mail.example", "sender": "edge@example.org", "user": "e", "password": "mail-secret-77"},
            "webhook": {
                "url": "https://hooks.example/private-path",
                "token": "hook-token-1234",
                "signing_key": "webhook-signing-key-of-ours",
            },
        },
    )


def members(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_no_secret_is_in_the_archive_wherever_it_stood(tmp_path: Path) -> None:
    config = full_config()
    careless = " ".join(f"said {secret} in passing;" for secret in SECRETS)
    heard = Heard(retained={"phase-balance/feeder/diagnostics": json.dumps({"t": 1, "note": careless}).encode()})
    findings = (ok("one", "fine"), fail("two", careless, careless))
    path = tmp_path / "d.zip"
    write_bundle(path, Examination(findings, config, heard), {"log.txt": ("echo", careless)})
    found = members(path)
    assert {
        "README.txt",
        "report.txt",
        "report.json",
        "settings.json",
        "said/diagnostics.json",
        "log.txt",
    } <= found.keys()
    leaks = [(name, key) for name, text in found.items() for secret, key in SECRETS.items() if secret in text]
    assert leaks == []
    assert HIDDEN in found["log.txt"]
    assert "AC0a0a" not in found["settings.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_helps_is_in_the_archive(tmp_path: Path) -> None:
    config = full_config()
    payload = b'{"t":1.0,"version":"0.1.0"}'
    heard = Heard(
        retained={
            "phase-balance/feeder/diagnostics": payload,
            "phase-balance/feeder/alert/storage": b'{"severity":"warning"}',
        }
    )
    write_bundle(tmp_path / "d.zip", Examination((ok("one", "fine"),), config, heard), {"df.txt": ("df", "-h")})
    found = members(tmp_path / "d.zip")
    assert json.loads(found["settings.json"])["feeder"]["id"] == "feeder"
    assert json.loads(found["settings.json"])["mqtt"]["user"] == "controller"
    assert found["said/diagnostics.json"] == payload.decode()
    assert "storage" in found["said/alerts.json"]
    assert "Filesystem" in found["df.txt"]


def test_a_program_that_is_missing_or_hangs_is_told_in_its_place(tmp_path: Path) -> None:
    write_bundle(tmp_path / "d.zip", Examination((), None, Heard()), {"a.txt": ("no-such-program-here",)})
    assert "no-such-program-here" in members(tmp_path / "d.zip")["a.txt"]


def test_nothing_is_overwritten_and_a_bad_place_is_told(tmp_path: Path) -> None:
    path = tmp_path / "d.zip"
    path.write_text("kept")
    for place, told in ((path, "exists already"), (tmp_path / "no" / "d.zip", "cannot be written")):
        with pytest.raises(BundleError, match=told):
            write_bundle(place, Examination((), None, Heard()), {})
    assert path.read_text() == "kept"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("mail to bob.smith@example.co.uk failed", "bob.smith@example.co.uk"),
        ("SMS to +4915199999999 sent", "+4915199999999"),
        ("mac=" + "ab" * 32, "ab" * 32),
        ("mqtt://user:pa55word@host:1883", "user:pa55word"),
        ("Authorization: Bearer abc.def-123", "abc.def-123"),
        ("token ebt_0123456789ab_" + "s" * 43, "s" * 43),
        ("Id=x\nEnvironment=EDGE_BALANCER_MQTT__PASSWORD=pa55 A=b\nUser=eb", "pa55"),
        ("started with EDGE_BALANCER_MQTT__PASSWORD=pa55 word", "word"),
        ("-----BEGIN PRIVATE KEY-----\nMIGH\nAgEA\n-----END PRIVATE KEY-----", "MIGH"),
    ],
)
def test_what_only_looks_like_a_secret_is_hidden_too(text: str, hidden: str) -> None:
    cleaned = Redactor(None).text(text)
    assert hidden not in cleaned
    assert HIDDEN in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "8f3d55d1-87b9-5e63-a57e-464884cbc1ba",
        "2026-11-23T07:20:46+00:00 edge-balancer[4711]: decision: h12 to L2, 14.6 A",
        "phase-balance/feeder-1/switch/house-12/state",
        "neutral 9.5 A +12.5 %",
    ],
)
def test_what_helps_is_not_hidden(text: str) -> None:
    assert Redactor(full_config()).text(text) == text


def test_the_settings_keep_their_shape() -> None:
    config = full_config()
    plain = settings_without_secrets(config)
    assert plain["houses"][0] == {**plain["houses"][0], "id": "h01", "phase": "L1"}
    assert plain["mqtt"]["password"] == HIDDEN
    assert plain["channels"]["modem"]["pin"] == ""
    assert plain["contacts"][0]["ways"][0] == {**plain["contacts"][0]["ways"][0], "channel": "twilio", "to": HIDDEN}
    json.dumps(plain)


@given(st.text(), st.sampled_from(sorted(SECRETS)), st.text())
def test_a_secret_is_hidden_whatever_stands_around_it(before: str, secret: str, after: str) -> None:
    assert secret not in Redactor(CONFIG).text(f"{before}{secret}{after}").replace(HIDDEN, "\0")


CONFIG: Any = full_config()
