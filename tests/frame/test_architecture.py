"""The laws of the house, held on the code as it stands: one-way imports, and a pure core."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.purity import impurities

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")


def lint(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINTER, "--no-cache", "--no-logo", *arguments], cwd=directory, capture_output=True, text=True, check=False
    )


def pure_modules() -> list[Path]:
    """The files of the modules that the contract `pure-core` names."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = [c for c in contracts if c["id"] == "pure-core"]
    exempt = {line.split(" -> ")[0] for line in contract["ignore_imports"]}
    files: list[Path] = []
    for module in contract["source_modules"]:
        path = ROOT / module.removesuffix(".*").replace(".", "/")
        found = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        files += [file for file in found if ".".join(file.relative_to(ROOT).with_suffix("").parts) not in exempt]
    return files


def test_the_code_keeps_every_import_contract() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("copy")
    for name in ("edge_balancer", "firmware_bridge"):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", directory)
    return directory


OFFENCES = [
    ("pure-core", "edge_balancer/analysis/__init__.py", "import socket", "edge_balancer.analysis -> socket"),
    ("pure-core", "edge_balancer/decision/__init__.py", "import sqlite3", "edge_balancer.decision -> sqlite3"),
    (
        "pure-core",
        "edge_balancer/switching/__init__.py",
        "from time import monotonic",
        "edge_balancer.switching -> time",
    ),
    (
        "pure-core",
        "edge_balancer/alerts/telling/__init__.py",
        "def late() -> None:\n    import asyncio",
        "edge_balancer.alerts.telling -> asyncio",
    ),
    ("pure-core", "edge_balancer/types/__init__.py", "from paho.mqtt import client", "edge_balancer.types -> paho"),
    (
        "pure-core",
        "firmware_bridge/settings/base.py",
        "import pydantic_settings",
        "firmware_bridge.settings.base -> pydantic_settings",
    ),
    (
        "pure-core",
        "edge_balancer/forecast/__init__.py",
        "from edge_balancer import logs",
        "edge_balancer.forecast -> edge_balancer.logs",
    ),
    (
        "pure-core",
        "edge_balancer/decision/__init__.py",
        "from edge_balancer.clock import Clock",
        "edge_balancer.decision -> edge_balancer.clock",
    ),
    (
        "pure-files",
        "edge_balancer/decision/__init__.py",
        "from pathlib import Path",
        "edge_balancer.decision -> pathlib",
    ),
    ("pure-files", "edge_balancer/analysis/__init__.py", "import os.path", "edge_balancer.analysis -> os"),
    (
        "bridge-alone",
        "firmware_bridge/__init__.py",
        "from edge_balancer.types import phases",
        "firmware_bridge -> edge_balancer.types.phases",
    ),
    (
        "bridge-one-way",
        "firmware_bridge/lines/__init__.py",
        "from firmware_bridge.meters import plan",
        "firmware_bridge.lines -> firmware_bridge.meters.plan",
    ),
    (
        "bridge-one-way",
        "firmware_bridge/switches/__init__.py",
        "import firmware_bridge.service",
        "firmware_bridge.switches -> firmware_bridge.service",
    ),
    (
        "bridge-pure",
        "firmware_bridge/switches/interlock.py",
        "import time",
        "firmware_bridge.switches.interlock -> time",
    ),
    (
        "bridge-pure",
        "firmware_bridge/lines/frames.py",
        "def late() -> None:\n    import asyncio",
        "firmware_bridge.lines.frames -> asyncio",
    ),
    (
        "bridge-pure",
        "firmware_bridge/meters/decode.py",
        "from firmware_bridge.lines import rtu",
        "firmware_bridge.meters.decode -> firmware_bridge.lines.rtu",
    ),
    (
        "one-way",
        "edge_balancer/types/__init__.py",
        "from edge_balancer.settings import root",
        "edge_balancer.types -> edge_balancer.settings.root",
    ),
    (
        "one-way",
        "edge_balancer/storage/__init__.py",
        "import edge_balancer.twin",
        "edge_balancer.storage -> edge_balancer.twin",
    ),
    (
        "one-way",
        "edge_balancer/decision/__init__.py",
        "import edge_balancer.storage",
        "edge_balancer.decision -> edge_balancer.storage",
    ),
]


@pytest.fixture(scope="module")
def judged(copy: Path) -> Callable[[str], str]:
    """What the linter says of a contract while all its offences stand in the code."""

    @cache
    def judge(contract: str) -> str:
        originals: dict[Path, str] = {}
        for of, module, offence, _ in OFFENCES:
            if of == contract:
                file = copy / module
                originals.setdefault(file, file.read_text())
                file.write_text(f"{file.read_text()}\n{offence}\n")
        try:
            result = lint(copy, "--contract", contract)
        finally:
            for file, original in originals.items():
                file.write_text(original)
        assert result.returncode == 1, result.stdout + result.stderr
        return result.stdout

    return judge


@pytest.mark.parametrize(("contract", "module", "offence", "named"), OFFENCES)
def test_an_import_that_breaks_a_contract_is_found(
    judged: Callable[[str], str], contract: str, module: str, offence: str, named: str
) -> None:
    said = judged(contract)
    assert "BROKEN" in said
    assert re.search(rf"(?<![\w.]){re.escape(named)}(?![\w.])", said), f"{module}: {offence}\n{said}"


def test_the_mqtt_link_may_do_io_and_no_pure_part_may_import_it(copy: Path) -> None:
    link = copy / "edge_balancer" / "telemetry" / "mqtt_link.py"
    original = link.read_text() if link.exists() else None
    engine = copy / "edge_balancer" / "engine.py"
    innocent = engine.read_text()
    link.write_text('"""The link."""\n\nimport asyncio\n\nfrom paho.mqtt import client\n')
    try:
        allowed = lint(copy, "--contract", "pure-core")
        engine.write_text(f"{innocent}\nfrom edge_balancer.telemetry import mqtt_link\n")
        caught = lint(copy, "--contract", "pure-core")
    finally:
        engine.write_text(innocent)
        if original is None:
            link.unlink()
        else:
            link.write_text(original)
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
    assert caught.returncode == 1
    assert "edge_balancer.engine -> edge_balancer.telemetry.mqtt_link" in caught.stdout


def test_a_part_without_its_place_in_the_layers_is_found(copy: Path) -> None:
    file = copy / "edge_balancer" / "newcomer.py"
    file.write_text('"""A part that nobody has placed."""\n')
    try:
        result = lint(copy, "--contract", "one-way")
    finally:
        file.unlink()
    assert result.returncode == 1
    assert "newcomer" in result.stdout


@pytest.mark.parametrize("file", pure_modules(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_pure_module_reads_no_clock_no_chance_and_no_file(file: Path) -> None:
    assert impurities(file.read_text()) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import time\ntime.monotonic()", ["2: time.monotonic"]),
        ("from datetime import datetime\ndatetime.now()", ["2: datetime.now"]),
        ("import datetime as dt\ndt.datetime.now(dt.UTC)", ["2: dt.datetime.now"]),
        ("dt.date.today()", ["1: dt.date.today"]),
        ("datetime.fromtimestamp(5.0, UTC)", []),
        ("open('x')", ["1: open"]),
        ("print(1)", ["1: print"]),
        ("np.random.normal()", ["1: np.random.normal"]),
        ("np.random.default_rng()", ["1: np.random.default_rng"]),
        ("np.random.default_rng(seed)", []),
        ("def f(rng: np.random.Generator) -> float:\n    return rng.normal()", []),
        ("uuid.uuid4()", ["1: uuid.uuid4"]),
        ("uuid.uuid5(NAMESPACE, name)", []),
        ("np.load('x')", ["1: np.load"]),
        ("import random\nrandom.choice([1])", ["2: random.choice"]),
    ],
)
def test_the_search_for_impurity_finds_what_it_must(source: str, expected: list[str]) -> None:
    assert impurities(source) == expected
