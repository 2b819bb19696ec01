"""The package on a fresh Debian machine, from its installation to its purge, under the machine's real systemd.

One story for each suite, told once: every chapter begins where the one before ended, as on a site. Minutes each, as
root; skipped with the reason where such a machine cannot be made.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.builds import Built, as_older, build, clone
from tests.packaging.looks import everything, head, install, state, write
from tests.packaging.machine import PYTHONS, Machine, booted, fresh_root, missing
from tests.packaging.older_store import an_upgrade_brings_an_older_store_up_to_date
from tests.packaging.six_houses import BOARD, HOUSES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]

HERE = Path(__file__).parent
BASE = "phase-balance/street"
TLS = """\
host = "localhost"
port = 8884
base_topic = "phase-balance/street"
tls = true
ca_file = "tls/ca.pem"
cert_file = "tls/cert.pem"
key_file = "tls/key.pem"
"""
CONFIG = "/etc/edge-balancer/edge-balancer.toml"
CONFIGURATION = f"""\
# Ours: an upgrade must not touch a byte of it.
houses_file = "houses.csv"
[feeder]
id = "street"
[mqtt]
{TLS.replace('"tls/key.pem"', '"/etc/credstore/edge-balancer.mqtt.key_file"')}
[decision]
mode = "auto"
dwell_s = 0
smoothing_s = 0
max_moves = 1
outage_cooldown_s = 0
"""
BRIDGE_CONFIG = "/etc/firmware-bridge/firmware-bridge.toml"
BRIDGE = f"""\
[mqtt]
{TLS}
[bridge]
id = "shed"
{BOARD}"""
KEY = "0123456789abcdef0123456789abcdef"
UNITS = ("edge-balancer.service", "firmware-bridge.service")
MOST_EXPOSED = 1.5
"""Of `systemd-analyze security`, from 0 (no way out) to 10 (unlimited)."""


@pytest.fixture(scope="module", params=sorted(PYTHONS))
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def packages(suite: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Built]:
    """The version before, and this one."""
    folder = tmp_path_factory.mktemp("packages")
    new = clone(folder / "new")
    before = clone(folder / "before")
    as_older(before, "0.0.9")
    return build(before, suite, folder / "dist-before"), build(new, suite, folder / "dist-new")


@pytest.fixture(scope="module")
def machine(suite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    root = fresh_root(suite, tmp_path_factory.mktemp("root") / suite)
    with booted(root) as up:
        yield up


def test_a_site_lives_from_the_installation_to_the_purge(
    suite: str, machine: Machine, packages: tuple[Built, Built], capsys: pytest.CaptureFixture[str]
) -> None:
    before, now = packages
    for built in packages:
        machine.put(built.file, f"/packages/{built.file.name}")
    was = everything(machine)

    an_installation_from_a_checkout_is_not_hidden_under(machine, before)
    a_unit_of_ones_own_for_the_bridge_is_not_hidden_under(machine, before)
    install(machine, before)
    rules_are_understood(machine)
    nothing_runs_before_somebody_described_the_feeder(machine)
    certificates(machine)
    the_field_is_served(machine)
    describe(machine)
    a_move_is_made(machine)
    a_backup_is_written(machine)
    exposed = hardened(machine)
    frozen_s = a_frozen_controller_is_started_anew_and_nothing_is_lost(machine)
    an_upgrade_brings_an_older_store_up_to_date(machine, before, now)
    upgrade_keeps(machine, before, now)
    an_older_package_over_newer_records_is_refused(machine, before, now)
    removing_keeps_what_is_the_sites(machine)
    machine.run("dpkg --purge edge-balancer")

    # What the test brought itself, and what is the broker's.
    machine.run(
        "rm -rf /root/ca /packages/street.py /etc/mosquitto/edge-balancer /etc/mosquitto/conf.d/edge-balancer.conf"
    )
    left = everything(machine) - was
    assert not left, f"purged, and still there: {sorted(left)}"
    assert machine.run("grep -E 'edge-balancer|firmware-bridge' /etc/passwd /etc/group", check=False).stdout == ""
    with capsys.disabled():
        sys.stderr.write(f"\n{suite}: exposed {exposed}; back {frozen_s:.1f} s after it froze\n")


def an_installation_from_a_checkout_is_not_hidden_under(machine: Machine, built: Built) -> None:
    unit = "/etc/systemd/system/edge-balancer.service"
    machine.run(f"touch {unit}")
    refused = machine.run(f"dpkg -i /packages/{built.file.name}", check=False)
    assert refused.returncode != 0
    assert "made by scripts/install" in refused.stderr
    assert "scripts/install --uninstall" in refused.stderr
    machine.run(f"rm {unit}; dpkg --purge edge-balancer")


def a_unit_of_ones_own_for_the_bridge_is_not_hidden_under(machine: Machine, built: Built) -> None:
    unit = "/etc/systemd/system/firmware-bridge.service"
    machine.run(f"touch {unit}")
    refused = machine.run(f"dpkg -i /packages/{built.file.name}", check=False)
    assert refused.returncode != 0
    assert "is a unit of your own, which would hide the package's" in refused.stderr
    # A masked unit is nobody's work.
    machine.run(f"ln -sf /dev/null {unit}; dpkg -i /packages/{built.file.name}; rm {unit}; dpkg --purge edge-balancer")


def rules_are_understood(machine: Machine) -> None:
    """By the machine's own udev, where it can be asked: nothing here has an adapter to be named."""
    if "verify" in machine.run("udevadm --help", check=False).stdout:
        machine.run("udevadm verify /usr/lib/udev/rules.d/70-edge-balancer.rules")


def nothing_runs_before_somebody_described_the_feeder(machine: Machine) -> None:
    for unit in (*UNITS, "edge-balancer-backup.timer"):
        assert state(machine, unit, "ActiveState") == "inactive"
        assert state(machine, unit, "UnitFileState") == "disabled"
    machine.run("edge-balancer check /etc/edge-balancer/edge-balancer.toml")
    assert machine.said(f"stat -c '%a %U %G' {CONFIG}") == "640 root edge-balancer"
    # Not even by somebody who starts it without having edited anything.
    machine.run("systemctl start edge-balancer")
    assert state(machine, "edge-balancer", "ActiveState") == "inactive"
    assert "still holds the example" in machine.journal("edge-balancer")


def certificates(machine: Machine) -> None:
    """The site's own authority, as docs/security.md has it, and the broker with the configuration that is shipped."""
    issue = "edge-balancer pki issue /root/ca"
    meters = "; ".join(f"{issue} meter h{number:02d}" for number in range(1, 7))
    machine.run(
        "set -e; edge-balancer pki init /root/ca --site test; "
        f"{issue} broker pi --host localhost --host 127.0.0.1; {issue} controller street; {issue} bridge shed; {meters}"
    )
    write(machine, CONFIG, CONFIGURATION)
    write(machine, "/etc/edge-balancer/houses.csv", HOUSES)
    write(machine, BRIDGE_CONFIG, BRIDGE)
    for who, folder, group in (
        ("controller.street", "/etc/edge-balancer/tls", "edge-balancer"),
        ("bridge.shed", "/etc/firmware-bridge/tls", "firmware-bridge"),
        ("broker.pi", "/etc/mosquitto/edge-balancer", "mosquitto"),
    ):
        machine.run(f"install -d {folder} && install -m 0640 -g {group} /root/ca/{who}/*.pem {folder}/")
    # The controller's own key only root can read; systemd lends it to the service.
    machine.run(
        "install -m 0600 /root/ca/controller.street/key.pem /etc/credstore/edge-balancer.mqtt.key_file"
        " && rm /etc/edge-balancer/tls/key.pem"
    )
    shipped = "/usr/share/edge-balancer/config/mosquitto/edge-balancer.conf"
    machine.run(
        "set -e; cd /etc/mosquitto/edge-balancer; edge-balancer pki acl --bridge shed=h01,h04 >acl; "
        "cp /root/ca/crl.pem .; chgrp mosquitto acl crl.pem; chmod 0640 acl crl.pem; "
        f"cp {shipped} /etc/mosquitto/conf.d/; systemctl restart mosquitto"
    )


def the_field_is_served(machine: Machine) -> None:
    """A serial line with a relay board, behind the bridge's own service, commissioned as on a site."""
    for service in ("edge-balancer", "firmware-bridge"):
        write(machine, f"/etc/credstore/{service}.bridge.command_keys", KEY)
    machine.run(
        "systemd-run --quiet --unit=line firmware-bridge simulate --board waveshare_relay_8ch@10 --unpaced --delay 1"
        " --link /dev/ttyUSB0"
    )
    # The port of a pseudo terminal belongs to who made it; a real one to the group dialout.
    machine.until("test -e /dev/ttyUSB0 && chmod 0660 /dev/ttyUSB0 && chgrp dialout /dev/ttyUSB0")
    assert "firmware-bridge: /dev/ttyUSB0 -> char-ttyUSB" in machine.said("edge-balancer-devices")
    for house in ("h01", "h04"):
        machine.run(
            "systemd-run --quiet --wait --pipe -p User=firmware-bridge -p SupplementaryGroups=dialout"
            f" -p StateDirectory=firmware-bridge firmware-bridge switch {house} L1 --yes --config {BRIDGE_CONFIG}"
        )
    machine.run("systemctl enable --quiet --now firmware-bridge")
    assert state(machine, "firmware-bridge", "ActiveState") == "active"


def describe(machine: Machine) -> None:
    """What a person does after the installation."""
    machine.run(f"edge-balancer check {CONFIG}")
    machine.run("systemctl enable --quiet --now edge-balancer edge-balancer-backup.timer")
    assert state(machine, "edge-balancer", "ActiveState") == "active"


def a_move_is_made(machine: Machine) -> None:
    """Over TLS, each meter with its own certificate, the command signed, the contacts moved by the bridge."""
    machine.put(HERE / "street.py", "/packages/street.py")
    python = "/opt/edge-balancer/venv/bin/python3"
    machine.run(f"systemd-run --quiet --unit=street {python} /packages/street.py {BASE} 8883 /root/ca")
    machine.until("edge-balancer history | grep -q verified", within_s=240)
    page = "import urllib.request as r; assert b'<html' in r.urlopen('http://127.0.0.1:8080/').read()"
    machine.until(f'python3 -c "{page}"')


def a_backup_is_written(machine: Machine) -> None:
    machine.run("systemctl start edge-balancer-backup")
    archive = machine.said("ls /var/backups/edge-balancer/*.tar.gz")
    assert "edge-balancer.toml" in machine.said(f"tar -tzf {archive}")


def hardened(machine: Machine) -> dict[str, float]:
    exposed = {}
    for unit in UNITS:
        said = machine.said(f"systemd-analyze security --no-pager {unit} | tail -n 1")
        match = re.search(r"Overall exposure level for .*: ([\d.]+)", said)
        assert match is not None, said
        exposed[unit] = float(match[1])
    assert max(exposed.values()) <= MOST_EXPOSED, exposed
    return exposed


def a_frozen_controller_is_started_anew_and_nothing_is_lost(machine: Machine) -> float:
    noted, first = head(machine), state(machine, "edge-balancer", "MainPID")
    began = float(machine.said("cut -d' ' -f1 /proc/uptime"))
    machine.run(f"kill -STOP {first}")
    machine.until(
        "[ $(systemctl show --value -p NRestarts edge-balancer) = 1 ] && systemctl is-active --quiet edge-balancer"
    )
    took_s = float(machine.said("cut -d' ' -f1 /proc/uptime")) - began
    assert state(machine, "edge-balancer", "MainPID") != first
    machine.run(f"edge-balancer audit verify --expected-head {noted}")
    return took_s


def upgrade_keeps(machine: Machine, before: Built, now: Built) -> None:
    noted = head(machine)
    assert machine.said("edge-balancer --version") == "edge-balancer 0.0.9"
    install(machine, now)
    assert machine.said("dpkg-query -W -f '${Version}' edge-balancer") == now.version
    assert machine.said("edge-balancer --version") != "edge-balancer 0.0.9"
    assert machine.said(f"cat {CONFIG}") + "\n" == CONFIGURATION
    assert machine.said("cat /etc/edge-balancer/houses.csv") + "\n" == HOUSES
    assert state(machine, "edge-balancer", "ActiveState") == "active"
    assert state(machine, "edge-balancer", "UnitFileState") == "enabled"
    assert state(machine, "edge-balancer-backup.timer", "ActiveState") == "active"
    assert state(machine, "firmware-bridge", "ActiveState") == "active"
    machine.run(f"edge-balancer audit verify --expected-head {noted}")


def an_older_package_over_newer_records_is_refused(machine: Machine, before: Built, now: Built) -> None:
    # As a later version would leave it.
    memory = "/var/lib/firmware-bridge/bridge.db"
    pragma = f"""python3 -c 'import sqlite3; print(*sqlite3.connect("{memory}").execute("PRAGMA user_version%s"))'"""
    machine.run("systemctl stop firmware-bridge")
    known = re.sub(r"\D", "", machine.said(pragma % ""))
    machine.run(pragma % " = 99")
    refused = machine.run(f"dpkg -i /packages/{before.file.name}", check=False)
    assert refused.returncode != 0
    assert f"{memory} (memory of the phase switches) has schema 99, this package knows up to" in refused.stderr
    assert (
        machine.said("dpkg-query -W -f '${Status} ${Version}' edge-balancer") == f"install ok installed {now.version}"
    )
    machine.until("systemctl is-active --quiet edge-balancer")
    # Where the records are of a schema that both know, going back is no harm.
    machine.run(pragma % f" = {known}")
    noted = head(machine)
    install(machine, before)
    assert machine.said("edge-balancer --version") == "edge-balancer 0.0.9"
    assert state(machine, "edge-balancer", "ActiveState") == "active"
    machine.run(f"edge-balancer audit verify --expected-head {noted}")


def removing_keeps_what_is_the_sites(machine: Machine) -> None:
    machine.run("systemctl stop street line")
    machine.run("dpkg --remove edge-balancer")
    assert not (machine.root / "opt/edge-balancer").exists()
    assert state(machine, "edge-balancer", "LoadState") == "not-found"
    assert machine.said(f"cat {CONFIG}") + "\n" == CONFIGURATION
    assert (machine.root / "var/lib/edge-balancer/edge-balancer.db").exists()


def test_the_package_brings_what_it_contains_in_writing(packages: tuple[Built, Built], tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", packages[1].file, tmp_path], check=True)
    home = tmp_path / "opt/edge-balancer"
    bill = json.loads((home / "sbom.cdx.json").read_text())
    listed = {f"{re.sub(r'[-.]', '_', part['name'])}-{part['version']}" for part in bill["components"]}
    inside = {
        re.sub(r"[-.]", "_", name) + "-" + version
        for folder in home.glob("venv/lib/python3.*/site-packages/*.dist-info")
        for name, _, version in [folder.name.removesuffix(".dist-info").lower().partition("-")]
    }
    assert {name for name in inside if not name.startswith("edge_balancer-")} == listed
    for part in bill["components"]:
        assert list((home / "licenses" / part["name"]).iterdir()), f"no licence of {part['name']}"
