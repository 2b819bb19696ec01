"""The scripts' own manners and the unit: what they refuse, and what they promise. Nothing here installs anything."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ["scripts/demo", "scripts/test", "scripts/install", "scripts/package", ".ci/run"]
UNIT = ROOT / "systemd" / "edge-balancer.service"
UNITS = sorted((ROOT / "systemd").glob("*.service"))


def run(*command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd="/", env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("script", [*SCRIPTS, "scripts/lib/setup.sh"])
def test_a_script_is_valid_bash(script: str) -> None:
    assert run("bash", "-n", ROOT / script).stderr == ""


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_run_and_stops_at_the_first_error(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert "set -euo pipefail" in (ROOT / script).read_text()


@pytest.mark.parametrize("script", ["scripts/test", "scripts/install", "scripts/package"])
def test_help_tells_every_option(script: str) -> None:
    result = run(ROOT / script, "--help")
    assert result.returncode == 0
    options = set(re.findall(r"^ {4}(?:-h \| )?(--[a-z]+)", (ROOT / script).read_text(), re.MULTILINE)) - {"--help"}
    assert options
    for option in options:
        assert option in result.stdout


@pytest.mark.parametrize("script", ["scripts/test", "scripts/install", "scripts/package"])
def test_an_unknown_option_is_refused_with_the_remedy(script: str) -> None:
    result = run(ROOT / script, "--no-such-option")
    assert result.returncode == 1
    assert "--no-such-option is no option of this script" in result.stderr
    assert str(ROOT / script) in result.stderr


def test_an_old_python_is_refused_by_its_version(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    # A program that answers as Python 3.9 would: what the script sees is its output and its exit code.
    old.write_text(
        '#!/bin/sh\ncase "$2" in *sys.executable*) echo "$0" ;; *platform*) echo 3.9.2 ;; *) exit 1 ;; esac\n'
    )
    old.chmod(0o755)
    result = run(ROOT / "scripts/demo", PYTHON=str(old))
    assert result.returncode == 1
    assert "is Python 3.9.2; 3.11 or newer is needed" in result.stderr


def test_a_python_that_is_not_there_is_named() -> None:
    result = run(ROOT / "scripts/test", PYTHON="python9.9")
    assert result.returncode == 1
    assert "there is no python9.9" in result.stderr


def test_a_stage_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    result = run(ROOT / "scripts/install", "--root", tmp_path / "absent")
    assert result.returncode == 1
    assert not (tmp_path / "absent").exists()


def test_no_script_names_a_package_registry() -> None:
    for script in [*SCRIPTS, "scripts/lib/setup.sh"]:
        text = (ROOT / script).read_text()
        assert not re.search(r"https?://|--index|pypi", text), script


class Unit(configparser.RawConfigParser):
    """A unit file; of a key that stands several times the last line counts here."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


@pytest.fixture(scope="module")
def unit() -> Unit:
    parser = Unit(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.read(UNIT)
    return parser


def test_the_unit_runs_what_the_installation_puts_there(unit: Unit) -> None:
    assert unit["Service"]["ExecStart"].split()[0] == "/opt/edge-balancer/venv/bin/edge-balancer"
    assert unit["Unit"]["ConditionPathExists"] == unit["Service"]["ExecStart"].split()[-1]
    assert unit["Service"]["User"] == "edge-balancer"


def test_the_unit_cannot_restart_for_ever(unit: Unit) -> None:
    service = unit["Service"]
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")
    assert (unit["Unit"]["StartLimitIntervalSec"], unit["Unit"]["StartLimitBurst"]) == ("1h", "10")
    assert service["RestartSec"] == "10s", "ten starts must fit into the hour for the limit to count"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)
def test_systemd_finds_a_unit_sound_and_little_exposed(file: Path, tmp_path: Path) -> None:
    # Verified with a program that exists here; the real one is on an installed machine.
    staged = tmp_path / file.name
    staged.write_text(re.sub(r"(?m)^(Exec(?:Start|Condition))=/opt/.*$", r"\1=/bin/true", file.read_text()))
    verified = run("systemd-analyze", "verify", staged)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    secure = run("systemd-analyze", "security", "--offline=true", "--threshold=15", file)
    assert secure.returncode == 0, secure.stdout[-300:]
