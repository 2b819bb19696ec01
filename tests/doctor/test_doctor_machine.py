"""What the doctor makes of machines: a Raspberry Pi that is well, and ones that are not."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_balancer.clock import EARLIEST_PLAUSIBLE
from edge_balancer.doctor import disk, lines, machine
from edge_balancer.doctor.examine import _safely
from edge_balancer.doctor.findings import Finding, Level, names, worst
from edge_balancer.settings.root import Configuration
from tests.support.configuration import make_config


@dataclass
class StillClock:
    """A clock of a machine that is looked at."""

    at: float = EARLIEST_PLAUSIBLE + 1e6
    good: bool = True
    speed: float = 1.0

    def monotonic(self) -> float:
        return 100.0

    def wall(self) -> float:
        return self.at

    def synced(self) -> bool:
        return self.good


def put(root: Path, **files: str) -> Path:
    """Files below a root; `__` stands for `/`."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def told(found: Iterable[Finding]) -> list[tuple[str, Level]]:
    return [(finding.part, finding.level) for finding in found]


@pytest.mark.parametrize(
    ("clock", "battery", "level", "words"),
    [
        (StillClock(), True, Level.OK, "a battery-backed clock keeps it"),
        (StillClock(), False, Level.OK, "after a power cut"),
        (StillClock(good=False), True, Level.WARN, "not synchronised"),
        (StillClock(at=1e9), False, Level.FAIL, "years in the past"),
    ],
)
def test_the_clock(clock: StillClock, battery: bool, level: Level, words: str, tmp_path: Path) -> None:
    if battery:
        put(tmp_path, sys__class__rtc__rtc0__name="ds3231")
    (found,) = machine.clock(clock, tmp_path)
    assert found.level is level
    assert words in found.says
    assert bool(found.remedy) is (level is not Level.OK)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, []),
        ({"sys__class__hwmon__hwmon0__name": "cpu_thermal"}, []),
        (
            {"sys__class__hwmon__hwmon1__name": "rpi_volt\n", "sys__class__hwmon__hwmon1__in0_lcrit_alarm": "0\n"},
            [("power", Level.OK)],
        ),
        (
            {"sys__class__hwmon__hwmon1__name": "rpi_volt\n", "sys__class__hwmon__hwmon1__in0_lcrit_alarm": "1\n"},
            [("power", Level.FAIL)],
        ),
        ({"sys__class__thermal__thermal_zone0__temp": "51234\n"}, [("temperature", Level.OK)]),
        ({"sys__class__thermal__thermal_zone0__temp": "83500\n"}, [("temperature", Level.WARN)]),
        ({"sys__class__thermal__thermal_zone0__temp": "nonsense"}, []),
    ],
)
def test_power_and_heat(files: dict[str, str], expected: list[tuple[str, Level]], tmp_path: Path) -> None:
    assert told(machine.power(put(tmp_path, **files))) == expected


def test_memory_counts_the_rings_of_the_feeder(tmp_path: Path) -> None:
    root = put(tmp_path, proc__meminfo="MemTotal: 460000 kB\nMemAvailable: 180000 kB\n")
    assert told(machine.memory(make_config(55), root)) == [("memory", Level.OK)]
    (tight,) = machine.memory(make_config(1000), root)
    assert tight.level is Level.WARN
    assert "about 221 MB" in tight.says
    assert list(machine.memory(None, put(tmp_path, proc__meminfo="nonsense"))) == []


def test_versions_name_the_parts() -> None:
    (found,) = machine.versions()
    assert all(word in found.says for word in ("edge-balancer", "Python", "numpy", "paho", "SQLite", "OpenSSL"))


def test_a_disk_that_is_too_small_for_the_store_is_told_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(2, storage={"path": str(tmp_path / "eb.db"), "max_mb": 2000})

    def free(mb: float) -> Level:
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": mb * 1e6}))
        return worst(disk.disk(config))

    assert [free(mb) for mb in (5000, 500, 50)] == [Level.OK, Level.WARN, Level.FAIL]
    missing = make_config(2, storage={"path": str(tmp_path / "no" / "eb.db")})
    assert worst(disk.disk(missing)) is Level.FAIL


def test_a_store_that_is_none_or_damaged_is_found(tmp_path: Path) -> None:
    path = tmp_path / "eb.db"
    config = make_config(2, storage={"path": str(path)})
    assert told(disk.store(config)) == [("store", Level.OK)]
    path.write_bytes(b"not a database, " * 400)
    (found,) = disk.store(config)
    assert found.level is Level.FAIL
    assert found.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="the way to the file must be open for everybody")
def test_a_key_that_everybody_can_read_is_told(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("secret")
    config = make_config(2, mqtt={"tls": True, "cert_file": str(key), "key_file": str(key)})
    key.chmod(0o640)
    assert list(disk.files(config)) == []
    key.chmod(0o644)
    # A folder that is closed to others protects it all the same.
    assert list(disk.files(config)) == []
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o001)
    assert told(disk.files(config)) == [("files", Level.WARN)]


def line_config(port: str) -> Configuration:
    meters = [{"house": "h01", "model": "eastron_sdm120", "unit": 1}]
    return make_config(2, bridge={"lines": [{"name": "street", "port": port, "meters": meters}]})


def test_serial_ports(tmp_path: Path) -> None:
    controller, device = os.openpty()
    name = os.ttyname(device)
    try:
        config = line_config(name)
        assert told(lines.lines(config, tmp_path)) == [("line street", Level.OK)]
        fleeting = tmp_path / "ttyUSB0"
        os.mknod(fleeting, 0o600 | 0o020000, os.makedev(1, 3)) if os.geteuid() == 0 else fleeting.symlink_to(name)
        stays = tmp_path / "by-id"
        stays.symlink_to(fleeting)
        if os.geteuid() == 0:
            assert told(lines.lines(line_config(str(fleeting)), tmp_path)) == [("line street", Level.WARN)]
            assert told(lines.lines(line_config(str(stays)), tmp_path)) == [("line street", Level.OK)]
            slow = put(tmp_path, **{"sys__bus__usb-serial__devices__ttyUSB0__latency_timer": "16"})
            (found,) = lines.lines(line_config(str(stays)), slow)
            assert "16 ms" in found.says
    finally:
        os.close(controller)
        os.close(device)
    (gone,) = lines.lines(line_config(str(tmp_path / "nothing")), tmp_path)
    assert gone.level is Level.FAIL
    (tmp_path / "file").write_text("")
    (none,) = lines.lines(line_config(str(tmp_path / "file")), tmp_path)
    assert "no serial port" in none.says


def test_a_check_that_fails_is_a_finding_and_hides_nothing() -> None:
    def check() -> Iterable[Finding]:
        yield Finding("one", Level.OK, "fine")
        raise RuntimeError("surprise")

    assert told(_safely(check)) == [("one", Level.OK), ("doctor", Level.WARN)]


def test_many_houses_are_counted_and_not_listed() -> None:
    houses = [f"h{n}" for n in range(20)]
    assert names(houses) == "h0, h1, h2, h3, h4, h5 and 14 more"
    assert names(houses[:2]) == "h0, h1"


CASES: list[tuple[list[Level], Level]] = [
    ([], Level.OK),
    ([Level.WARN, Level.OK], Level.WARN),
    ([Level.FAIL, Level.WARN], Level.FAIL),
]


@pytest.mark.parametrize(("levels", "expected"), CASES)
def test_the_worst_counts(levels: list[Level], expected: Level) -> None:
    assert worst(Finding("x", level, "") for level in levels) is expected
