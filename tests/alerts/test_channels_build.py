"""Which channels a configuration gives, and what is loaded for them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.alerts.channels.build import build
from edge_balancer.alerts.channels.optional import MissingPackageError, demand
from edge_balancer.settings.channels import ChannelsSettings
from edge_balancer.settings.check import examine

ROOT = Path(__file__).parents[2]
HEAVY = ("twilio", "apprise", "smtplib", "serial", "requests", "http.client", "subprocess")
BASE = '[feeder]\ntransformer_kva = 9\n[[houses]]\nid = "h1"\nphase = "L1"\n'
ACCOUNT = "AC" + "0" * 32
CONTACT = '[[contacts]]\nname = "anna"\n[[contacts.ways]]\n'
SECRET = "hunter2-9f3c-hunter2"

EMAIL: dict[str, Any] = {"host": "mail.example.org", "sender": "a@example.org"}
LIGHT: dict[str, dict[str, Any]] = {
    "modem": {"port": "/dev/ttyUSB0"},
    "email": EMAIL,
    "webhook": {"url": "https://example.org/x"},
    "twilio": {"account_sid": ACCOUNT, "from_number": "+15017122661", "auth_token": SECRET},
}


def test_without_a_channel_nothing_is_loaded() -> None:
    program = (
        "import sys\n"
        "from edge_balancer.alerts.channels.build import build\n"
        "from edge_balancer.settings.channels import ChannelsSettings\n"
        "before = set(sys.modules)\n"
        "assert build(ChannelsSettings()) == {}\n"
        f"print(sorted((set(sys.modules) - before).intersection({HEAVY})), sorted(set(sys.modules) & set({HEAVY[:2]})))"
    )
    done = subprocess.run((sys.executable, "-c", program), cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


@pytest.mark.parametrize("name", LIGHT)
def test_a_channel_that_is_configured_is_built_alone_and_opens_nothing(name: str) -> None:
    settings = ChannelsSettings.model_validate({name: LIGHT[name]})
    (channel,) = build(settings).values()
    assert SECRET not in f"{settings!r} {settings}"
    assert channel.name == name
    assert list(channel.received()) == []
    channel.close()


def test_a_package_that_is_missing_is_named() -> None:
    parsed = ChannelsSettings.model_validate({"apprise": {"urls": f"a = json://{SECRET}"}})
    if importlib.util.find_spec("apprise") is None:
        with pytest.raises(MissingPackageError, match=r"pip install 'edge-balancer\[apprise\]'"):
            build(parsed)
    else:
        assert [channel.name for channel in build(parsed).values()] == ["apprise"]


def test_a_package_is_asked_for_without_being_loaded() -> None:
    with pytest.raises(MissingPackageError, match=r"channels\.sms needs the package no_such_package"):
        demand("no_such_package", "sms", "sms")
    demand("this", "sms", "sms")
    assert "this" not in sys.modules


# ---- the configuration


def said(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    file = tmp_path / "c.toml"
    file.write_text(BASE + text)
    return [str(problem) for problem in examine(file, environ or {}, tmp_path / "credentials").problems]


@pytest.fixture(autouse=True)
def credentials(tmp_path: Path) -> Path:
    (tmp_path / "credentials").mkdir()
    return tmp_path / "credentials"


@pytest.mark.parametrize(
    ("section", "key", "more"),
    [
        ("twilio", "auth_token", f'account_sid = "{ACCOUNT}"\nfrom_number = "+15017122661"'),
        ("email", "password", 'host = "localhost"\nsender = "a@b"\nuser = "a"'),
        ("webhook", "url", ""),
        ("webhook", "token", ""),
        ("webhook", "signing_key", ""),
        ("apprise", "urls", ""),
        ("modem", "pin", 'port = "/dev/ttyUSB0"'),
    ],
)
def test_a_secret_comes_from_the_environment_or_a_credential_and_never_from_the_file(
    section: str, key: str, more: str, tmp_path: Path, credentials: Path
) -> None:
    value = {"url": f"https://{SECRET}/", "urls": f"a = json://{SECRET}", "pin": "4711"}.get(key, SECRET)
    (found, *_) = [text for text in said(tmp_path, f"[channels.{section}]\n{more}\n{key} = '{value}'") if key in text]
    variable = f"EDGE_BALANCER_CHANNELS__{section.upper()}__{key.upper()}"
    assert "must not stand in the file" in found
    assert variable in found
    assert f"channels.{section}.{key}" in found
    assert value not in found
    table = f"[channels.{section}]\n{more}"
    (credentials / f"channels.{section}.{key}").write_text(value + "\n")
    for environ in ({}, {variable: value}):
        assert "file" not in " ".join(text for text in said(tmp_path, table, environ) if "must not stand" in text)
        configuration = examine(tmp_path / "c.toml", environ, credentials).configuration
        if configuration is not None:
            assert getattr(getattr(configuration.channels, section), key).get_secret_value() == value
            assert value not in f"{configuration!r}"
        else:
            # Only a package can be missing.
            assert importlib.util.find_spec(section) is None


WRONG: dict[str, tuple[str, str]] = {
    "account": ('[channels.twilio]\naccount_sid = "AC12"', "AC and 32 hexadecimal digits"),
    "nobody sends": (f'[channels.twilio]\naccount_sid = "{ACCOUNT}"', "nobody is named who sends"),
    "two send": (
        f'[channels.twilio]\naccount_sid = "{ACCOUNT}"\nfrom_number = "Edge"\nmessaging_service_sid = "MG{"0" * 32}"',
        "give one of from_number and messaging_service_sid",
    ),
    "sender": ('[channels.twilio]\nfrom_number = "0151 123"', "+4915112345678"),
    "pin": ('[channels.modem]\npin = "12"', "four to eight digits"),
    "service centre": ('[channels.modem]\nservice_centre = "abc"', "is no number"),
    "mail host": ('[channels.email]\nhost = "smtp://x"\nsender = "a@b"', "is no host name"),
    "mail sender": ('[channels.email]\nhost = "x"', "mail needs a sender"),
    "mail address": ('[channels.email]\nsender = "x"', "is no address"),
    "mail user": ('[channels.email]\npassword = "x"', "a password has no use without a user name"),
    "webhook": ('[channels.webhook]\nurl = "ftp://x"', "write it like https://host/path"),
    "webhook user": ('[channels.webhook]\nurl = "https://u:p@x/"', "without user or password in it"),
    "signing key": ('[channels.webhook]\nsigning_key = "short"', "shorter than 16 characters"),
    "token": ('[channels.webhook]\ntoken = "a b"', "a character that no header may have"),
    "apprise": ('[channels.apprise]\nurls = "json://x"', "has a line 1 that is not"),
    "apprise twice": ('[channels.apprise]\nurls = """a = json://x\na = json://y"""', "the name of line 2 twice"),
    "unknown channel": (
        CONTACT + 'channel = "pigeon"\nto = "x"',
        "is no channel in use: in use are none",
    ),
    "number": (
        '[channels.modem]\nport = "/x"\n' + CONTACT + 'channel = "modem"\nto = "0151"',
        "is no international number",
    ),
    "address": (
        '[channels.email]\nhost = "x"\nsender = "a@b"\n' + CONTACT + 'channel = "email"\nto = "anna"',
        "is no email address",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_the_remedy(case: str, tmp_path: Path) -> None:
    text, told = WRONG[case]
    assert any(told in problem for problem in said(tmp_path, text)), said(tmp_path, text)


def test_a_way_to_an_apprise_name_that_is_none_is_told(tmp_path: Path) -> None:
    text = CONTACT + 'channel = "apprise"\nto = "eve"'
    environ = {"EDGE_BALANCER_CHANNELS__APPRISE__URLS": "anna = json://x\nbob = json://y"}
    (found,) = [problem for problem in said(tmp_path, text, environ) if "eve" in problem]
    assert "use one of: anna, bob" in found


def test_warnings_name_what_is_missing_or_said_in_the_clear(tmp_path: Path) -> None:
    text = f'[channels.twilio]\naccount_sid = "{ACCOUNT}"\nfrom_number = "+15017122661"'
    assert any("Twilio takes nothing without it" in problem for problem in said(tmp_path, text))
    text = '[channels.email]\nhost = "far.example"\nsecurity = "none"\nuser = "u"\nsender = "a@b"'
    found = said(tmp_path, text, {"EDGE_BALANCER_CHANNELS__EMAIL__PASSWORD": SECRET})
    assert any("in the clear" in problem for problem in found)
    # Whoever runs `check` may not see the service's secrets.
    (found_way,) = [
        problem for problem in said(tmp_path, CONTACT + 'channel = "webhook"\nto = "x"') if "webhook" in problem
    ]
    assert found_way.startswith("warning")
    assert "channels.webhook.url" in found_way
