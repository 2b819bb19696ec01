"""The machine: clock, power, temperature, memory, versions. Everything is read below a root, so that a test can hand in
another machine."""

from __future__ import annotations

import platform
import sqlite3
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_balancer import __version__
from edge_balancer.clock import EARLIEST_PLAUSIBLE, Clock
from edge_balancer.doctor.findings import Finding, fail, ok, warn
from edge_balancer.settings.root import Configuration

TESTED: Final = ((3, 11), (3, 13))
"""Versions of Python that every change is tested with."""
PROGRAM_MB: Final = 150.0
"""What the controller takes with all its parts, the rings of a small feeder included."""
HOT_C: Final = 80.0
"""A Raspberry Pi slows down from here on."""


def versions() -> Iterator[Finding]:
    import numpy
    import paho.mqtt

    python = ".".join(map(str, sys.version_info[:3]))
    parts = f"edge-balancer {__version__}, Python {python}, numpy {numpy.__version__}, paho {paho.mqtt.__version__}"
    parts += f", SQLite {sqlite3.sqlite_version}, {ssl.OPENSSL_VERSION}, {platform.machine()}"
    if sys.maxsize < 2**32:
        yield fail("versions", f"{parts}: a 32-bit system", "install a 64-bit system: numpy and onnxruntime need one")
    elif sys.version_info[:2] not in TESTED:
        tested = " and ".join(f"{major}.{minor}" for major, minor in TESTED)
        yield warn("versions", f"{parts}: this Python is not tested", f"use Python {tested}")
    else:
        yield ok("versions", parts)


def clock(now: Clock, root: Path) -> Iterator[Finding]:
    battery = any((root / "sys/class/rtc").glob("rtc*"))
    kept = (
        "a battery-backed clock keeps it"
        if battery
        else "no battery-backed clock: after a power cut it is unknown at first"
    )
    if now.wall() < EARLIEST_PLAUSIBLE:
        yield fail(
            "clock",
            "the date is years in the past",
            "let systemd-timesyncd or chrony reach a time server (timedatectl tells); until then meters' stamps are "
            "not believed, and switches refuse commands",
        )
    elif not now.synced():
        yield warn(
            "clock",
            f"not synchronised; {kept}",
            "let systemd-timesyncd or chrony reach a time server: timedatectl timesync-status",
        )
    else:
        yield ok("clock", f"synchronised; {kept}")


def power(root: Path) -> Iterator[Finding]:
    """Under-voltage and heat, where the board tells them. Both spoil SD cards and slow everything down."""
    for name in sorted((root / "sys/class/hwmon").glob("*/name")):
        if _text(name) == "rpi_volt":
            if _text(name.with_name("in0_lcrit_alarm")) == "1":
                yield fail("power", "the supply's voltage was too low", "use the board's own supply and a short cable")
            else:
                yield ok("power", "no under-voltage since the start")
    found = _text(root / "sys/class/thermal/thermal_zone0/temp")
    if found.isdigit():
        degrees = int(found) / 1000.0
        if degrees >= HOT_C:
            yield warn("temperature", f"{degrees:.0f} °C", "give the cabinet air, or the board a heat sink")
        else:
            yield ok("temperature", f"{degrees:.0f} °C")


def memory(config: Configuration | None, root: Path) -> Iterator[Finding]:
    facts = {
        line.partition(":")[0]: line.split()[1] for line in _text(root / "proc/meminfo").splitlines() if ":" in line
    }
    try:
        available = int(facts["MemAvailable"]) / 1024.0
    except (KeyError, ValueError):
        return
    need = PROGRAM_MB + (_rings_mb(config) if config else 0.0)
    says = f"{available:.0f} MB free; the controller needs about {need:.0f} MB"
    if available < need:
        yield warn(
            "memory",
            says,
            "end other programs, or lower telemetry.ring_hours; where the controller runs already, all is well",
        )
    else:
        yield ok("memory", says)


def _rings_mb(config: Configuration) -> float:
    """As docs/architecture.md has it: C (8 H + 84) + min(64, C) 24 H bytes."""
    slots, houses = config.telemetry.ring_hours * 3600.0 / config.telemetry.grid_s, len(config.houses)
    return (slots * (8 * houses + 84) + min(64.0, slots) * 24 * houses) / 1e6


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
