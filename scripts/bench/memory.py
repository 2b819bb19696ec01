"""Resident memory of the running daemon: `edge-balancer run` with 55 houses and all else at its default, after a minute
of readings every ten seconds. The baseline of the same run is a bare Python with paho connected to the same broker.

As it runs where it is installed: its modules compiled beforehand (to compile them leaves some megabytes behind), and
with the environment of its systemd unit.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.demo.broker import broker
from scripts.bench.common import daemon_process, loads, machine, names, page_port, verdict, write_toml

HOUSES = 55
ROUTES = ("status", "phases", "houses", "decisions", "alerts", "history/feeder", "commissioning", "openapi.json")
TARGET_MB = 80.0
"""Without a learned model, and without the page."""
MODEL_MB = 45.0
"""That onnxruntime and a model may add."""
UNIT = Path(__file__).parents[2] / "systemd" / "edge-balancer.service"
BARE = """
import sys
from paho.mqtt import client as mqtt
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_start()
print(flush=True)
sys.stdin.read()
"""


def of_unit() -> dict[str, str]:
    """The environment that the systemd unit gives the daemon."""
    lines = [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith("Environment=")]
    return dict(pair.split("=", 1) for line in lines for pair in shlex.split(line))


def as_installed(cache: Path) -> dict[str, str]:
    """The unit's environment, and a place for the compiled modules."""
    return {**of_unit(), "PYTHONPYCACHEPREFIX": str(cache), "PYTHONDONTWRITEBYTECODE": ""}


def resident_mb(pid: int) -> float:
    """VmRSS of a process, MB (10^6 bytes)."""
    text = Path(f"/proc/{pid}/status").read_text()
    kib = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))
    return kib * 1024 / 1e6


def bare_mb(port: int, environ: dict[str, str]) -> float:
    with subprocess.Popen(
        [sys.executable, "-c", BARE, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environ},
    ) as child:
        if child.stdout is not None:
            child.stdout.readline()
        found = resident_mb(child.pid)
        child.kill()
    return found


def biggest(pid: int) -> list[tuple[float, str]]:
    """What the resident pages belong to, MB, the most first."""
    held: dict[str, float] = {}
    name = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        parts = line.split()
        if "-" in parts[0] and not parts[0].endswith(":"):
            name = Path(parts[5]).name if len(parts) > 5 else "anonymous"
        elif parts[0] == "Rss:":
            held[name] = held.get(name, 0.0) + int(parts[1]) * 1024 / 1e6
    return sorted(((mb, what) for what, mb in held.items()), reverse=True)[:8]


def visit(log: Path) -> None:
    """Ask for everything that can be read without parameters, as a browser would over a day."""
    port = page_port(log)
    for path in (*(f"/api/v1/{name}" for name in ROUTES), "/", "/metrics"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            answer.read()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of readings (default: %(default)s)")
    parser.add_argument("--page", action="store_true", help="serve the page too, and ask for each of its routes once")
    parser.add_argument("--model", default="active", help="forecast.model, e.g. none (default: %(default)s)")
    args = parser.parse_args()
    print(machine())
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, broker() as at:
        base = "bench/memory"
        mqtt_keys = {"host": at.host, "port": at.port, "base_topic": base}
        page: dict[str, dict[str, Any]] = (
            {"dashboard": {"port": 0}, "log": {"level": "info", "format": "json"}} if args.page else {}
        )
        config = write_toml(Path(folder) / "c.toml", HOUSES, mqtt=mqtt_keys, forecast={"model": args.model}, **page)
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.connect(at.host, at.port)
        client.loop_start()
        for number, name in enumerate(names(HOUSES)):
            client.publish(f"{base}/switch/{name}/state", f'{{"phase":"L{number % 3 + 1}"}}', qos=1, retain=True)
        environ = as_installed(Path(folder) / "compiled")
        with daemon_process(config, Path(folder) / "first", **environ):
            time.sleep(10.0)  # so that what it loads is compiled
            if args.page:
                visit(Path(folder) / "first")
        with daemon_process(config, Path(folder) / "log", **environ) as pid:
            time.sleep(3.0)
            started = resident_mb(pid)
            for _ in range(max(1, args.seconds // 10)):
                for name, p in zip(names(HOUSES), loads(HOUSES, chance), strict=True):
                    client.publish(f"{base}/meter/{name}", f'{{"p":{p:.1f},"q":100,"v":231.2}}')
                time.sleep(10.0)
            if args.page:
                visit(Path(folder) / "log")
            found = resident_mb(pid)
            held = biggest(pid)
        bare = bare_mb(at.port, environ)
        client.disconnect()
        client.loop_stop()
    print(f"bare Python with paho connected (baseline) {bare:.1f} MB")
    print(f"daemon, {HOUSES} houses, after its start       {started:.1f} MB")
    print(
        f"daemon after {args.seconds} s of readings             {found:.1f} MB, {found / bare:.1f} times the baseline"
    )
    print("  of it " + ", ".join(f"{what} {mb:.1f}" for mb, what in held))
    target = TARGET_MB if args.model == "none" else TARGET_MB + MODEL_MB
    if args.page:
        print(f"with the page {found:.1f} MB: the target of {target:g} MB is for a daemon without it")
        return 0
    return verdict("resident memory", found, target, "MB")


if __name__ == "__main__":
    sys.exit(main())
