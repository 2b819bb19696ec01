"""What the benches share: a feeder's configuration, the daemon as a process, and figures in words."""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_balancer.settings.root import Configuration

ROOT = Path(__file__).resolve().parents[2]
PHASES = ("L1", "L2", "L3")


def names(houses: int) -> list[str]:
    return [f"h{number:04d}" for number in range(1, houses + 1)]


def configuration(houses: int, **sections: Any) -> Configuration:
    """A feeder of so many houses, on L1, L2, L3 in turn."""
    listed = [{"id": name, "phase": PHASES[number % 3]} for number, name in enumerate(names(houses))]
    return Configuration.model_validate({"houses": listed, **sections})


def write_toml(path: Path, houses: int, **sections: dict[str, Any]) -> Path:
    """The same as a file. Without the page, unless its section is given."""
    lines: list[str] = []
    for name, keys in {"dashboard": {"enabled": False}, **sections}.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""]
    for number, house in enumerate(names(houses)):
        lines += ["[[houses]]", f'id = "{house}"', f'phase = "{PHASES[number % 3]}"', ""]
    path.write_text("\n".join(lines))
    return path


@contextmanager
def daemon_process(config: Path, log: Path, **environ: str) -> Iterator[int]:
    """`edge-balancer run`, ended in order; gives its process id. `environ` beside what is set here."""
    with log.open("wb") as stream:
        program = [str(Path(sys.executable).with_name("edge-balancer")), "run", "--config", str(config)]
        given = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
        child = subprocess.Popen(program, stdout=stream, stderr=stream, env=given)
        try:
            yield child.pid
            if child.poll() is not None:
                sys.exit(f"the daemon ended with {child.returncode}; its log: {log}")
        finally:
            child.terminate()
            child.wait(10)


def loads(houses: int, chance: random.Random) -> list[float]:
    """Net loads of an ordinary hour, W: most houses draw some hundred watts, a few much, a third of them feed in."""
    return [
        -chance.uniform(500.0, 4000.0) if chance.random() < 1 / 3 else chance.lognormvariate(6.3, 1.0)
        for _ in range(houses)
    ]


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100.0))]


def spread(values: Sequence[float]) -> str:
    return f"median {statistics.median(values):.2f}, p95 {percentile(values, 95):.2f}, most {max(values):.2f}"


def machine() -> str:
    """The kind of machine, for the record."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith(("model name", "Model"))
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} x {model}, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def page_port(log: Path) -> int:
    """The page's port, once its log names it."""
    until = time.perf_counter() + 20.0
    while time.perf_counter() < until:
        for line in log.read_text().splitlines():
            if '"the page is served"' in line:
                return int(json.loads(line[line.index("{") :])["address"].rstrip("/").rpartition(":")[2])
        time.sleep(0.1)
    raise SystemExit("the page is not served")


def verdict(what: str, value: float, limit: float, unit: str, *, at_least: bool = False) -> int:
    """Print whether a target is met; 0 where it is, for the exit code."""
    good = value >= limit if at_least else value <= limit
    word = "at least" if at_least else "at most"
    print(f"target: {what} {word} {limit:g} {unit}: {value:.3g} {unit}, {'met' if good else 'MISSED'}")
    return 0 if good else 1
