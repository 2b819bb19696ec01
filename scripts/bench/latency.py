"""From the reading that triggers a move to the command for it: `edge-balancer run` on Mosquitto, the intent synced to
disk before the command leaves. Publisher and subscriber are this program, so that one clock measures both ends. The
baselines of the same run are an echo over the broker (two trips, as here) and a synced append of a few hundred bytes.

A trigger is one house's reading of 9 kW after a while in which nothing was commanded, so that the command that follows
is its own. Its switch answers at once and a reading confirms the move.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.demo.broker import broker
from scripts.bench.common import PHASES, daemon_process, machine, names, percentile, verdict, write_toml

HOUSES = 55
HEAVY_W = 9000.0
TARGET_MS = 50.0
PATIENCE_S = 0.25
"""A command that comes later than this after its reading is taken for none."""
BASE = "bench/latency"
EAGER: dict[str, dict[str, Any]] = {
    "decision": {
        "dwell_s": 0,
        "smoothing_s": 0,
        "max_moves": 1,
        "outage_cooldown_s": 0,
        "operations_per_house_day": 100,
        "max_operations_per_house_day": 200,
        "max_operations_per_feeder_hour": 10_000,
    },
    "log": {"level": "warning"},
}


@dataclass(frozen=True, slots=True)
class Heard:
    topic: str
    payload: bytes
    at: float
    """Arrival, `time.perf_counter`."""


class Wire:
    """Meters and switches, and what the daemon says to them."""

    def __init__(self, host: str, port: int) -> None:
        self.commands: queue.Queue[Heard] = queue.Queue()
        self.echoes: queue.Queue[Heard] = queue.Queue()
        self.up = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._heard
        self._client.on_socket_open = _at_once
        self._client.connect(host, port)
        self._client.subscribe([(f"{BASE}/switch/+/set", 1), (f"{BASE}/availability", 1), ("bench/echo", 1)])
        self._client.loop_start()

    def _heard(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        heard = Heard(message.topic, bytes(message.payload), time.perf_counter())
        if heard.topic.endswith("/set"):
            self.commands.put(heard)
        elif heard.topic == "bench/echo":
            self.echoes.put(heard)
        elif heard.payload == b"online":
            self.up.set()

    def say(self, topic: str, payload: str, *, qos: int = 0, retain: bool = False) -> float:
        """Publish; gives the instant before it was handed to the socket."""
        at = time.perf_counter()
        self._client.publish(topic, payload, qos=qos, retain=retain)
        return at

    def meter(self, house: str, p: float) -> float:
        return self.say(f"{BASE}/meter/{house}", f'{{"p":{p},"v":230.0}}')

    def switch(self, house: str, report: dict[str, Any]) -> None:
        self.say(f"{BASE}/switch/{house}/state", json.dumps(report), qos=1, retain=True)

    def echo_ms(self) -> float:
        """There and back over the broker, as long a way as that of a reading and its command."""
        first = self.say("bench/echo", "x" * 40)
        self.echoes.get(timeout=5.0)
        self.say("bench/echo", "x" * 200, qos=1)
        return (self.echoes.get(timeout=5.0).at - first) * 1000.0

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _at_once(_client: mqtt.Client, _data: object, sock: Any) -> None:
    """A message must not wait for the acknowledgement of the one before (Nagle's algorithm)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Feeder:
    """Where the houses are, and switches that answer at once."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.phase_of = {house: PHASES[number % 3] for number, house in enumerate(names(HOUSES))}
        self.unprompted = 0
        """Moves that followed from a move or from houses that went quiet, not from a trigger."""

    def obey(self, command: Heard) -> None:
        """Do what a command says, answer it, and let the meter confirm it."""
        order, house = json.loads(command.payload), command.topic.split("/")[-2]
        self.phase_of[house] = order["phase"]
        self.wire.switch(house, {"phase": order["phase"], "id": order["id"], "result": "done"})
        time.sleep(0.02)  # a reading that comes with the answer confirms nothing
        self.wire.meter(house, 0.0)

    def settle(self) -> None:
        """Until nothing has been commanded for a while; the while varies, so that triggers meet the tick anywhere."""
        while True:
            try:
                self.obey(self.wire.commands.get(timeout=self.quiet_s))
                self.unprompted += 1
            except queue.Empty:
                return

    quiet_s = 0.08

    def choose(self, chance: random.Random) -> list[str]:
        """Two houses of one phase."""
        crowded = [p for p in PHASES if sum(at == p for at in self.phase_of.values()) >= 2]
        phase = chance.choice(crowded)
        return chance.sample(sorted(h for h, at in self.phase_of.items() if at == phase), 2)

    def trigger(self, chance: random.Random) -> list[float]:
        """Two houses of one phase become heavy, one after the other: milliseconds from each reading to its command, for
        those that were worth one."""
        self.quiet_s = chance.uniform(0.06, 0.12)
        pair = self.choose(chance)
        took = []
        for house in pair:
            sent = self.wire.meter(house, HEAVY_W)
            try:
                command = self.wire.commands.get(timeout=PATIENCE_S)
            except queue.Empty:
                continue
            took.append((command.at - sent) * 1000.0)
            self.obey(command)
            self.settle()
        for house in pair:
            self.wire.meter(house, 0.0)
        self.settle()
        return took


def synced_append_ms(folder: Path, rounds: int) -> list[float]:
    """What the disk takes for a record by itself."""
    took = []
    with (folder / "append").open("ab", buffering=0) as stream:
        for _ in range(rounds):
            began = time.perf_counter()
            stream.write(b"x" * 600)
            os.fdatasync(stream.fileno())
            took.append((time.perf_counter() - began) * 1000.0)
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triggers", type=int, default=300, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, help="where the store is; a temporary folder where not given")
    args = parser.parse_args()
    print(machine())
    chance = random.Random(1)
    with tempfile.TemporaryDirectory(dir=args.folder) as name, broker("mosquitto") as at:
        folder = Path(name)
        keys = {"mqtt": {"host": at.host, "port": at.port, "base_topic": BASE}, **EAGER}
        config = write_toml(folder / "c.toml", HOUSES, **keys)
        wire = Wire(at.host, at.port)
        feeder = Feeder(wire)
        for house, phase in feeder.phase_of.items():
            wire.switch(house, {"phase": phase})
        with daemon_process(config, folder / "log"):
            if not wire.up.wait(15.0):
                raise SystemExit("the daemon does not come up")
            for house in feeder.phase_of:
                wire.meter(house, 0.0)
            time.sleep(1.0)
            took: list[float] = []
            for _ in range(2 * args.triggers):
                if len(took) >= args.triggers:
                    break
                took += feeder.trigger(chance)
            echo = [wire.echo_ms() for _ in range(200)]
        wire.close()
        disk = synced_append_ms(folder, 200)
    base = statistics.median(echo) + statistics.median(disk)
    p50, p99 = statistics.median(took), percentile(took, 99)
    print(f"two trips over the broker (baseline)  p50 {statistics.median(echo):.2f}, p99 {percentile(echo, 99):.2f} ms")
    print(f"one synced append (baseline)          p50 {statistics.median(disk):.2f}, p99 {percentile(disk, 99):.2f} ms")
    print(
        f"reading to command, {len(took)} triggers     p50 {p50:.2f}, p99 {p99:.2f}, most {max(took):.2f} ms; "
        f"p50 is {p50 / base:.1f} times the two baselines together"
    )
    print(f"  and {feeder.unprompted} moves that followed from a move, not from a reading: not counted")
    return verdict("p99 from reading to command", p99, TARGET_MS, "ms")


if __name__ == "__main__":
    sys.exit(main())
