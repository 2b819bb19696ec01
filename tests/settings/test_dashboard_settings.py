"""What `check` says about the page's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_balancer.settings.check import examine
from edge_balancer.settings.dashboard import DashboardSettings

HOUSES = 'houses = [{id = "h1", phase = "L1"}]\n[feeder]\nid = "f"\ntransformer_kva = 250\n[mqtt]\nhost = "broker"\n'


def told(tmp_path: Path, lines: str) -> list[tuple[str, str, str]]:
    """Key, gravity and words of what is said about a [dashboard] with these lines."""
    file = tmp_path / "c.toml"
    file.write_text(f"{HOUSES}[dashboard]\n{lines}\n")
    found = examine(file, {}).problems
    return [(p.key, p.severity, p.wrong) for p in found if p.key.startswith("dashboard")]


@pytest.mark.parametrize(
    ("lines", "key", "gravity", "words"),
    [
        ("port = 70000", "dashboard.port", "error", "65535"),
        ("clients = 0", "dashboard.clients", "error", "1"),
        ('tls_key = "k.pem"', "dashboard.tls_key", "error", "stands without tls_certificate"),
        ('host = "0.0.0.0"', "dashboard.host", "warning", "without TLS"),
        ('accounts = "edge-balancer.db"', "dashboard.accounts", "error", "a database of this program"),
        ('tls_certificate = "c.pem"\ntls_key = "k.pem"', "dashboard.tls_certificate", "error", "does not exist"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(tmp_path: Path, lines: str, key: str, gravity: str, words: str) -> None:
    found = told(tmp_path, lines)
    assert found[0][:2] == (key, gravity)
    assert words in found[0][2]


@pytest.mark.parametrize(
    "lines", ["", "enabled = true", "port = 0", 'host = "::1"', 'enabled = false\nhost = "0.0.0.0"']
)
def test_what_is_good_is_not_spoken_of(tmp_path: Path, lines: str) -> None:
    assert told(tmp_path, lines) == []


def test_files_count_from_the_configurations_folder_and_accounts_from_the_state(tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----\n")
    file = tmp_path / "c.toml"
    file.write_text(f'{HOUSES}[dashboard]\ntls_certificate = "c.pem"\ntls_key = "k.pem"\n')
    config = examine(file, {"STATE_DIRECTORY": "/var/lib/eb"}).configuration
    assert config is not None
    page = config.dashboard
    assert (page.tls_certificate, page.accounts) == (tmp_path / "c.pem", Path("/var/lib/eb/accounts.json"))
    assert page.tls


@pytest.mark.parametrize(
    ("host", "loopback"),
    # An address is judged here, not listened on.
    [("127.0.0.1", True), ("127.0.0.2", True), ("localhost", True), ("::1", True), ("[::1]", True), ("0.0.0.0", False),  # noqa: S104
     ("::", False), ("192.168.1.7", False), ("pi.local", False)],
)  # fmt: skip
def test_only_this_machines_own_addresses_are_loopback(host: str, loopback: bool) -> None:
    assert DashboardSettings(host=host).loopback is loopback
