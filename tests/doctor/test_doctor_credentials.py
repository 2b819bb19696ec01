"""The doctor finds the service's credentials where systemd does, and leaves nothing of them behind."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge_balancer.clock import SystemClock
from edge_balancer.doctor.credentials import service_credentials
from edge_balancer.doctor.examine import examine
from edge_balancer.doctor.findings import Level
from tests.daemon.private_broker import PrivateBroker
from tests.daemon.service import write_config


def store(root: Path, place: str, **files: str) -> None:
    folder = root / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_they_are_found_by_the_names_of_the_keys_and_the_first_store_counts(tmp_path: Path) -> None:
    store(tmp_path, "etc/credstore", **{"edge-balancer__mqtt__password": "one", "other-service__key": "x"})
    store(
        tmp_path,
        "run/credstore",
        **{"edge-balancer__mqtt__password": "two", "edge-balancer__channels__modem__pin": "1"},
    )
    with service_credentials({}, tmp_path) as folder:
        assert folder is not None
        assert {file.name: file.read_text() for file in folder.iterdir()} == {
            "mqtt.password": "one",
            "channels.modem.pin": "1",
        }
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    assert (tmp_path / "etc/credstore/edge-balancer.mqtt.password").read_text() == "one"


@pytest.mark.parametrize("environ", [{}, {"CREDENTIALS_DIRECTORY": "/run/credentials/edge-balancer.service"}])
def test_where_there_are_none_or_systemd_has_given_them_nothing_is_made(
    environ: dict[str, str], tmp_path: Path
) -> None:
    if environ:
        store(tmp_path, "etc/credstore", **{"edge-balancer__mqtt__password": "one"})
    with service_credentials(environ, tmp_path) as folder:
        assert folder is None


def test_with_them_a_broker_that_wants_a_password_is_entered(tmp_path: Path, free_port: int) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("needs mosquitto_passwd")
    passwords = tmp_path / "passwords"
    subprocess.run(
        ("mosquitto_passwd", "-c", "-b", str(passwords), "me", "correct horse"), check=True, capture_output=True
    )
    path = write_config(
        tmp_path / "c.toml",
        {
            "mqtt": {"host": "127.0.0.1", "port": free_port, "user": "me"},
            "storage": {"path": str(tmp_path / "eb.db")},
            "dashboard": {"enabled": False},
        },
    )
    store(tmp_path, "etc/credstore", **{"edge-balancer__mqtt__password": "correct horse\n"})
    with PrivateBroker(tmp_path, free_port, f"allow_anonymous false\npassword_file {passwords}") as broker:
        broker.start()
        with service_credentials({}, tmp_path) as folder:
            with_them = examine(path, {}, SystemClock(), listen_s=0.0, credentials=folder)
        without = examine(path, {}, SystemClock(), listen_s=0.0)
    refused = [f for f in without.findings if f.part == "broker" and f.level is Level.FAIL]
    assert [f for f in with_them.findings if f.part == "broker" and f.level is Level.FAIL] == []
    assert "lets the controller not in" in refused[0].says
