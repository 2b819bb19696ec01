"""What the doctor makes of the installed service's rights at a serial port: groups and devices that systemd grants
count as much as those of the user."""

from __future__ import annotations

import grp
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_balancer.doctor import lines, unit
from edge_balancer.doctor.findings import Level
from edge_balancer.doctor.unit import GRANTS, Unit, read
from edge_balancer.settings.root import Configuration
from tests.support.configuration import make_config

GRANTED = """\
LoadState=loaded
User=nobody
SupplementaryGroups=dialout adm
PrivateDevices=no
DevicePolicy=closed
DeviceAllow=char-ttyUSB rw
DeviceAllow=/dev/ttyAMA0 rw
DeviceAllow=char-rtc r
"""
AS_SHIPPED = "LoadState=loaded\nUser=nobody\nSupplementaryGroups=\nPrivateDevices=yes\nDevicePolicy=closed\n"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a port to a group")


def test_what_systemd_says_is_read() -> None:
    assert read(GRANTED) == Unit("nobody", ("dialout", "adm"), False, True, ("char-ttyUSB", "/dev/ttyAMA0"))
    assert read(AS_SHIPPED) == Unit("nobody", (), private_devices=True, closed=True)
    assert read("LoadState=loaded\n") == Unit("root")
    for said in ("LoadState=not-found\n", "LoadState=masked\nUser=nobody\n", ""):
        assert read(said) is None


@pytest.mark.parametrize(
    ("port", "device", "may"),
    [
        ("/dev/ttyUSB0", "/dev/ttyUSB0", True),
        ("/dev/rs485/id-A1-if00", "/dev/ttyUSB3", True),
        ("/dev/serial0", "/dev/ttyAMA0", True),
        ("/dev/ttyAMA1", "/dev/ttyAMA1", False),
        ("/dev/ttyACM0", "/dev/ttyACM0", False),
    ],
)
def test_a_port_is_open_to_the_service_where_its_kind_or_its_name_is_granted(port: str, device: str, may: bool) -> None:
    service = read(GRANTED)
    assert service is not None
    assert service.may_use(Path(port), Path(device)) is may


def test_without_a_policy_every_device_is_open_and_with_private_ones_none() -> None:
    port = Path("/dev/ttyS0")
    assert Unit("nobody").may_use(port, port)
    assert not Unit("nobody", private_devices=True, allowed=("char-ttyS",)).may_use(port, port)
    assert Unit("nobody", closed=True, allowed=("char-tty*",)).may_use(port, port)


def line_config(port: str) -> Configuration:
    meters = [{"house": "h01", "model": "eastron_sdm120", "unit": 1}]
    return make_config(2, bridge={"lines": [{"name": "street", "port": port, "meters": meters}]})


@pytest.fixture
def port() -> Iterator[str]:
    """A port as udev leaves it: root's and the serial group's."""
    controller, device = os.openpty()
    name = os.ttyname(device)
    os.chown(name, 0, grp.getgrnam(lines.SERIAL_GROUP).gr_gid)
    Path(name).chmod(0o660)
    yield name
    os.close(controller)
    os.close(device)


@needs_root
@pytest.mark.parametrize(
    ("service", "package", "expected"),
    [
        # As edge-balancer-devices leaves it. The user itself is in no such group.
        (Unit("nobody", ("dialout",), False, True, ("char-*",)), True, ""),
        (Unit("nobody", (), True, True), True, "sudo edge-balancer-devices"),
        (Unit("nobody", ("dialout",), False, True, ("char-ttyS",)), True, "sudo edge-balancer-devices"),
        (Unit("nobody", (), False, True, ("char-*",)), True, "sudo edge-balancer-devices"),
        (Unit("nobody", (), True, True), False, "scripts/install --serial"),
        # No such service here: whom it is tried for is the doctor's own user.
        (None, True, ""),
    ],
)
def test_a_remedy_is_named_where_the_service_is_not_let_to_its_line(
    port: str, service: Unit | None, package: bool, expected: str, tmp_path: Path
) -> None:
    if package:
        (tmp_path / GRANTS).parent.mkdir(parents=True)
        (tmp_path / GRANTS).touch()
    (found,) = lines.lines(line_config(port), tmp_path, service)
    assert found.level is (Level.FAIL if expected else Level.OK)
    assert expected in found.remedy


@needs_root
def test_a_port_of_another_group_is_not_mended_by_a_grant(port: str) -> None:
    os.chown(port, 0, 0)
    (found,) = lines.lines(line_config(port), service=Unit("nobody", ("dialout",), False, True, ("char-*",)))
    assert "by a udev rule" in found.remedy


def test_where_no_unit_is_installed_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit, "_SYSTEMCTL", "/nowhere/systemctl")
    assert unit.installed() is None
    monkeypatch.setattr(unit, "_SYSTEMCTL", "/bin/false")
    assert unit.installed() is None
