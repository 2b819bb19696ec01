"""An encrypted broker with users: a certificate authority of the test's own, made with the openssl program."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as mqtt

from edge_balancer.messenger.publishing import publish
from edge_balancer.settings.load import load
from tests.daemon.daemon_cases import CALM, POSITIONS, sections
from tests.daemon.field import field_at, fresh_base
from tests.daemon.private_broker import PrivateBroker
from tests.daemon.service import service, write_config

USER, PASSWORD = "controller", "correct horse"

pytestmark = pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("mosquitto_passwd")), reason="needs openssl and mosquitto_passwd"
)


def make_authority(folder: Path, name: str) -> Path:
    """A certificate authority and, signed by it, a certificate for 127.0.0.1; gives the authority's certificate."""

    def openssl(*arguments: str) -> None:
        subprocess.run(("openssl", *arguments), cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    ca = f"{name}-ca"
    openssl("req", "-x509", *curve, "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-days", "2", "-subj", f"/CN={ca}")
    openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=broker")
    (folder / f"{name}.ext").write_text("subjectAltName = IP:127.0.0.1\n")
    signing = ("-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-extfile", f"{name}.ext")
    openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.pem", "-days", "2")
    return folder / f"{ca}.pem"


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return make_authority(tmp_path, "broker")


@pytest.fixture
def guarded(tmp_path: Path, free_port: int, authority: Path) -> Any:
    """A broker that speaks TLS only and knows one user."""
    passwords = tmp_path / "passwords"
    subprocess.run(("mosquitto_passwd", "-c", "-b", str(passwords), USER, PASSWORD), check=True, capture_output=True)
    more = f"certfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\npassword_file {passwords}"
    with PrivateBroker(tmp_path, free_port, f"{more}\nallow_anonymous false") as broker:
        broker.start()
        yield broker


def config_for(tmp_path: Path, broker: PrivateBroker, base: str, **mqtt_keys: Any) -> Path:
    keys = {"tls": True, "ca_file": "broker-ca.pem", "user": USER, "password": PASSWORD, **mqtt_keys}
    path = write_config(tmp_path / "c.toml", sections(broker.port, base, tmp_path / "eb.db", mqtt=keys))
    path.chmod(0o600)
    return path


async def test_it_works_over_tls_with_a_user(guarded: PrivateBroker, tmp_path: Path, authority: Path) -> None:
    def prepare(client: mqtt.Client) -> None:
        context = ssl.create_default_context(cafile=authority)
        # The authority is made as many sites made theirs, without a key usage, which Python 3.13 refuses by default.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        client.tls_set_context(context)
        client.username_pw_set(USER, PASSWORD)

    base = fresh_base()
    async with field_at(guarded.port, base, prepare) as field:
        async with service(config_for(tmp_path, guarded, base)) as daemon:
            await field.see("availability", lambda m: m.text == "online")
            field.present(*POSITIONS)
            # More than one TLS record holds: what a record leaves behind in the library must not lie there.
            for _ in range(300):
                field.loads(*CALM)
            field.say("switch/h02/request", {"phase": "L3", "operator": "Ann", "reason": "x" * 150})
            await field.see("switch/h02/set")
            assert (await daemon.end()).code == 0
        await field.see("availability", lambda m: m.text == "offline")
    assert PASSWORD not in "\n".join(daemon.raw)


async def test_commands_that_speak_to_it_trust_what_it_trusts(guarded: PrivateBroker, tmp_path: Path) -> None:
    """An authority without a key usage too."""
    base = fresh_base()
    config = load(config_for(tmp_path, guarded, base), {})
    assert await asyncio.to_thread(publish, config, [(f"{base}/mode/set", b"hold")]) == ""


async def test_a_wrong_password_is_told_once_with_the_key_to_check(guarded: PrivateBroker, tmp_path: Path) -> None:
    config = config_for(tmp_path, guarded, fresh_base(), password="battery staple")
    async with service(config) as daemon:
        down = await daemon.says("broker unreachable")
        assert "uthori" in down["error"]
        assert "mqtt.user" in down["remedy"]
        assert (await daemon.end()).code == 0
    assert daemon.count("broker unreachable") == 1
    assert "battery staple" not in "\n".join(daemon.raw)


async def test_a_broker_of_another_authority_is_not_trusted(guarded: PrivateBroker, tmp_path: Path) -> None:
    make_authority(tmp_path, "other")
    config = config_for(tmp_path, guarded, fresh_base(), ca_file="other-ca.pem")
    async with service(config) as daemon:
        down = await daemon.says("broker unreachable")
        assert "certificate" in down["error"].lower()
        assert "mqtt.ca_file" in down["remedy"]
        assert (await daemon.end()).code == 0
    assert daemon.count("broker connected") == 0
