"""A staged installation, from the lock file, below a directory of its own. Slow: it fetches and installs packages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = Path("/usr/bin/python3")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        subprocess.run(
            [PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False, capture_output=True
        ).returncode
        != 0
        if PYTHON.exists()
        else True,
        reason="needs the system's own Python 3.11 or newer",
    ),
]


def install(stage: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "install", "--root", stage, *arguments],
        env={**os.environ, "PYTHON": str(PYTHON)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_installation_runs_is_repeated_without_harm_and_leaves_data_behind(tmp_path: Path) -> None:
    config = tmp_path / "etc/edge-balancer/edge-balancer.toml"
    program = tmp_path / "opt/edge-balancer/venv/bin/edge-balancer"
    enabled = tmp_path / "etc/systemd/system/multi-user.target.wants/edge-balancer.service"

    first = install(tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert config.stat().st_mode & 0o007 == 0, "the configuration may hold a password"
    assert enabled.is_symlink()
    check = subprocess.run([program, "check", config], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr
    where = subprocess.run(
        [program.with_name("python"), "-c", "import edge_balancer; print(edge_balancer.__file__)"],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(tmp_path)), "the service must not run from a checkout"

    config.write_text(config.read_text() + "\n# mine\n")
    dropin = tmp_path / "etc/systemd/system/edge-balancer.service.d/serial.conf"
    assert not dropin.exists(), "a controller without lines has no need of serial ports"
    second = install(tmp_path, "--serial")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "DeviceAllow=char-ttyUSB rw" in dropin.read_text()
    bridge = program.with_name("firmware-bridge")
    assert subprocess.run([bridge, "models"], check=False, capture_output=True).returncode == 0
    assert config.read_text().endswith("# mine\n")

    last = install(tmp_path, "--uninstall")
    assert last.returncode == 0, last.stdout + last.stderr
    assert config.exists()
    assert not (tmp_path / "opt/edge-balancer").exists()
    assert not enabled.is_symlink()
    assert not dropin.parent.exists()


def test_a_failed_installation_says_where_it_stopped_and_leaves_the_old_program_working(tmp_path: Path) -> None:
    assert install(tmp_path).returncode == 0
    failed = install(tmp_path, "--extra", "no-such-extra")
    assert failed.returncode != 0
    assert "NOT finished: stopped while installing the program" in failed.stderr
    program = tmp_path / "opt/edge-balancer/venv/bin/edge-balancer"
    assert subprocess.run([program, "--version"], check=False, capture_output=True).returncode == 0
    assert not (tmp_path / "opt/edge-balancer/venv.new").exists()
