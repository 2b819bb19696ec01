"""A site whose system is mounted read-only and whose records lie on a file system of their own, as docs/read-only.md
has it: installed, booted so, a contact moved, the mains cut, booted again.

The controller serves a serial line itself here, so that the sandbox with a line is looked at too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.builds import build, clone
from tests.packaging.machine import PYTHONS, Machine, booted, fresh_root, missing
from tests.packaging.six_houses import BOARD, HOUSES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]

BASE = "phase-balance/barn"
CONFIGURATION = f"""\
houses_file = "houses.csv"
[feeder]
id = "barn"
[mqtt]
host = "localhost"
base_topic = "{BASE}"
[decision]
mode = "auto"
dwell_s = 0
smoothing_s = 0
max_moves = 1
outage_cooldown_s = 0
{BOARD}"""
COMMISSIONING = f"""\
[mqtt]
host = "localhost"
base_topic = "{BASE}"
[bridge]
id = "barn"
state = "/var/lib/edge-balancer/bridge.db"
{BOARD}"""
"""For commissioning, `firmware-bridge switch` wants the lines in a file of their own."""
# h01 and h04 draw 5 kW each, the others nothing.
METERS = f"""
while :; do
    for n in 1 2 3 4 5 6; do
        case $n in 1 | 4) p=5000 ;; *) p=0 ;; esac
        mosquitto_pub -t {BASE}/meter/h0$n -m "{{\\"p\\": $p, \\"v\\": 231}}"
    done
    sleep 0.3
done
"""
MOST_EXPOSED = 1.5
_SAY = (
    "python3 -c \"import sqlite3; c = sqlite3.connect('file:/var/lib/edge-balancer/edge-balancer.db?mode=ro', uri=True)"
)


DOCUMENTED = Path(__file__).parents[2] / "docs" / "read-only.md"
SERVICES = ("edge-balancer", "mosquitto")


@pytest.mark.parametrize("suite", sorted(PYTHONS))
def test_a_site_lives_on_a_read_only_root(suite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built = build(clone(tmp_path / "source"), suite, tmp_path / "dist")
    root = fresh_root(suite, tmp_path / suite)
    data = tmp_path / "data.img"
    subprocess.run(["truncate", "-s", "256M", str(data)], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(data)], check=True)
    with booted(root, data) as machine:
        installed(machine, built.file)
        exposed = with_a_line(machine)
        records_get_a_partition_of_their_own(machine)
    with booted(root, data, read_only=True) as machine:
        nothing_can_be_written_to_the_system(machine)
        commission(machine)
        a_move_is_made(machine)
        backups_and_accounts_work(machine)
        the_doctor_finds_the_line_in_order(machine)
        noted = head(machine)
    # The context's end was a power cut.
    with booted(root, data, read_only=True) as machine:
        the_line(machine)
        machine.until("systemctl is-active --quiet edge-balancer")
        machine.run(f"edge-balancer audit verify --expected-head {noted}")
        the_start_is_on_record(machine)
    # What would be written under the partition's place could be written now.
    with booted(root) as machine:
        without_its_partition_the_machine_comes_up_and_no_service_does(machine)
    with booted(root, data, read_only=True) as machine:
        machine.run("mount -o remount,bind,rw /")
        purging_leaves_nothing_but_the_mount_points(machine)
    with capsys.disabled():
        sys.stderr.write(f"\n{suite}: a controller with a line is exposed {exposed}\n")


def installed(machine: Machine, package: Path) -> None:
    machine.put(package, f"/packages/{package.name}")
    machine.run(f"dpkg -i /packages/{package.name}")
    files = {"edge-balancer.toml": CONFIGURATION, "houses.csv": HOUSES, "commissioning.toml": COMMISSIONING}
    for name, text in files.items():
        (machine.root / "etc/edge-balancer" / name).write_text(text)
    machine.run("edge-balancer check /etc/edge-balancer/edge-balancer.toml")
    machine.run("systemctl enable --quiet edge-balancer")


def the_line(machine: Machine) -> None:
    """A relay board on a line, made of a pair of pseudo terminals."""
    machine.run(
        "systemd-run --quiet --unit=line firmware-bridge simulate --board waveshare_relay_8ch@10 --unpaced --delay 1"
        " --link /dev/ttyUSB0"
    )
    machine.until("test -e /dev/ttyUSB0 && chmod 0660 /dev/ttyUSB0 && chgrp dialout /dev/ttyUSB0")


def with_a_line(machine: Machine) -> float:
    the_line(machine)
    assert "-> sudo edge-balancer-devices" in the_doctor_on_the_line(machine)
    assert "edge-balancer: /dev/ttyUSB0 -> char-ttyUSB" in machine.said("edge-balancer-devices")
    the_doctor_finds_the_line_in_order(machine)
    said = machine.said("systemd-analyze security --no-pager edge-balancer | tail -n 1")
    match = re.search(r"Overall exposure level for .*: ([\d.]+)", said)
    assert match is not None, said
    assert float(match[1]) <= MOST_EXPOSED, said
    # Where the partition is not there, nothing is written under its place.
    assert "/var/lib/edge-balancer" in machine.said("systemctl show -p RequiresMountsFor edge-balancer")
    assert "/var/backups/edge-balancer" in machine.said("systemctl show -p RequiresMountsFor edge-balancer-backup")
    return float(match[1])


def the_doctor_on_the_line(machine: Machine) -> str:
    """What it says of the line, and the remedy below it."""
    # It ends with 1: this broker is open to everybody.
    said = machine.run("edge-balancer doctor --listen 2", check=False).stdout
    found = re.search(r"^.{6}line shed .*\n(?: .*\n)*", said, re.MULTILINE)
    assert found is not None, said
    return found[0]


def the_doctor_finds_the_line_in_order(machine: Machine) -> None:
    said = the_doctor_on_the_line(machine)
    assert said.startswith("OK "), said


def records_get_a_partition_of_their_own(machine: Machine) -> None:
    """As the page has it, but that the partition is named in a way that needs no udev."""
    text = DOCUMENTED.read_text()
    table = re.search(r"```text\n(.*?LABEL=data.*?)```", text, re.DOTALL)
    assert table is not None
    (machine.root / "etc/fstab").write_text(
        "".join(line.strip() + "\n" for line in table[1].splitlines()).replace("LABEL=data", "/disk/data")
    )
    told = re.search(r"printf '.*mosquitto\.service\.d/data\.conf", text)
    assert told is not None
    machine.run(f"install -d /etc/systemd/system/mosquitto.service.d; {told[0].replace('sudo ', '')}")
    machine.run("systemctl stop edge-balancer firmware-bridge mosquitto; mkdir /data; mount /disk/data /data")
    machine.run("cp -a /var/lib/edge-balancer /var/lib/firmware-bridge /var/lib/mosquitto /data/")
    machine.run("cp -a /var/backups/edge-balancer /data/backups; umount /data; touch /etc/moved")


def without_its_partition_the_machine_comes_up_and_no_service_does(machine: Machine) -> None:
    assert machine.said("systemctl is-active multi-user.target") == "active"
    assert machine.run("systemctl is-active emergency.target", check=False).stdout.strip() == "inactive"
    for service in SERVICES:
        assert machine.run(f"systemctl is-active {service}", check=False).stdout.strip() == "inactive", service
    # Nor when the timer comes, nor when a person asks for it.
    for unit in ("edge-balancer-backup", "edge-balancer"):
        assert machine.run(f"systemctl start {unit}", check=False).returncode != 0
    for folder in ("/var/lib/edge-balancer", "/var/lib/mosquitto", "/var/backups/edge-balancer"):
        assert machine.run(f"mountpoint {folder}", check=False).returncode != 0
        assert not machine.said(f"find {folder} -newer /etc/moved"), folder


def purging_leaves_nothing_but_the_mount_points(machine: Machine) -> None:
    (machine.root / "etc/credstore/edge-balancer.mqtt.password").write_text("a secret")
    purged = machine.run("dpkg --purge edge-balancer 2>&1").stdout
    assert "/var/lib/edge-balancer could not be removed and is empty now: it is a mount point" in purged
    assert (
        machine.said("ls -A /data/edge-balancer /data/backups /data/firmware-bridge | grep -v '^$\\|:$' || true") == ""
    )
    for gone in ("/etc/edge-balancer", "/etc/credstore/edge-balancer.mqtt.password", "/opt/edge-balancer"):
        assert not (machine.root / gone.lstrip("/")).exists(), gone
    assert not list((machine.root / "etc/systemd/system").glob("edge-balancer*"))
    assert machine.run("grep -E 'edge-balancer|firmware-bridge' /etc/passwd /etc/group", check=False).stdout == ""
    assert machine.said("dpkg-query -W -f '${Status}' edge-balancer 2>/dev/null || true") in {
        "",
        "unknown ok not-installed",
    }


def nothing_can_be_written_to_the_system(machine: Machine) -> None:
    for file in ("/new", "/etc/new", "/var/new", "/var/lib/new", "/opt/edge-balancer/new"):
        refused = machine.run(f"touch {file}", check=False)
        assert refused.returncode != 0, file
        assert "Read-only file system" in refused.stderr


def commission(machine: Machine) -> None:
    """The contacts get their first position, as on a site, with the service stopped."""
    machine.run("systemctl stop edge-balancer; systemctl reset-failed edge-balancer || true")
    the_line(machine)
    for house in ("h01", "h04"):
        machine.run(
            "systemd-run --quiet --wait --pipe -p User=edge-balancer -p SupplementaryGroups=dialout"
            f" -p StateDirectory=edge-balancer firmware-bridge switch {house} L1 --yes"
            " --config /etc/edge-balancer/commissioning.toml"
        )
    machine.run("systemctl start edge-balancer")


def a_move_is_made(machine: Machine) -> None:
    machine.run(f"systemd-run --quiet --unit=meters /bin/sh -c '{METERS}'")
    machine.until("edge-balancer history | grep -q verified", within_s=240)


def backups_and_accounts_work(machine: Machine) -> None:
    machine.run("systemctl start edge-balancer-backup")
    assert ".tar.gz" in machine.said("ls /data/backups")
    assert "trail-" in machine.said("ls /data/backups/edge-balancer-barn-records")
    machine.run("printf 'a long enough password\\n' | edge-balancer account add anna --role operator")


def head(machine: Machine) -> str:
    found = re.search(r"\d+:[0-9a-f]{64}", machine.said("edge-balancer audit verify"))
    assert found is not None
    return found[0]


def the_start_is_on_record(machine: Machine) -> None:
    asked = "print(c.execute('SELECT count(*) FROM trail WHERE kind = \\'started\\'').fetchone()[0])"
    assert int(machine.said(f'{_SAY}; {asked}"')) >= 2
