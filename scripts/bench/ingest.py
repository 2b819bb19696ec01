"""Messages a second with full decoding into the rings (the running daemon: link, intake, engine, store), against a bare
paho callback that only counts, on the same Mosquitto from the same publisher, in alternating rounds.

The publisher never runs further ahead of the receiver than the broker's queue is long, so that nothing is dropped and
the receiver is what limits.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import socket
import statistics
import sys
import tempfile
import time
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from edge_balancer.demo.broker import broker
from scripts.bench.common import configuration, loads, machine, names, verdict

HOUSES = 55
WINDOW = 4000
"""Messages under way at most; the demo's broker queues 10,000."""
BLOCK = 100
SHARE = 0.6
BASE = "bench/ingest"

Counter = Any
"""A shared integer; its type is private to multiprocessing."""


def receive_bare(port: int, received: Counter, accepted: Counter) -> None:
    """The baseline: count what comes."""
    from paho.mqtt import client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    count = 0

    def heard(*_: Any) -> None:
        nonlocal count
        count += 1
        if count % 50 == 0:
            received.value = accepted.value = count

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = heard
    client.connect("127.0.0.1", port)
    client.subscribe(f"{BASE}/meter/+", 0)
    client.loop_forever()


def receive_daemon(port: int, received: Counter, accepted: Counter) -> None:
    """The daemon as it runs, with a store on disk."""
    from edge_balancer.clock import SystemClock
    from edge_balancer.daemon import Daemon
    from edge_balancer.logs import configure
    from edge_balancer.settings.policy import LogSettings

    class Watched(Daemon):
        async def watch(self) -> None:
            while True:
                received.value = self._link.received
                accepted.value = self._intake.ledger.accepted
                await asyncio.sleep(0.002)

    async def run(folder: str) -> None:
        broker = {"host": "127.0.0.1", "port": port, "base_topic": BASE}
        # Each house says more here than any meter would.
        config = configuration(HOUSES, mqtt=broker, telemetry={"messages_per_second": 100_000})
        daemon = Watched(config, SystemClock(), Path(folder) / "eb.db")
        watch = asyncio.create_task(daemon.watch())
        await daemon.run(asyncio.Event())
        await watch

    configure(LogSettings(level="error"))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(folder))


def packet(topic: str, payload: bytes) -> bytes:
    """A PUBLISH of QoS 0 (MQTT 3.1.1, 3.3)."""
    name = topic.encode()
    length = 2 + len(name) + len(payload)
    encoded = bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            break
    return b"\x30" + bytes(encoded) + len(name).to_bytes(2) + name + payload


def blocks(messages: int, chance: random.Random) -> list[bytes]:
    """The whole round, encoded beforehand: native readings with their own time stamps, the houses in turn."""
    start = time.time() - 5.0
    houses = names(HOUSES)
    watts = loads(HOUSES, chance)
    packets = []
    for number in range(messages):
        k = number % HOUSES
        p = round(watts[k] + chance.uniform(-50.0, 50.0), 1)
        reading = {"p": p, "q": round(0.2 * p, 1), "v": 231.2, "i": round(abs(p) / 231.2, 2)}
        reading["t"] = round(start + 10.0 * number / messages, 4)
        packets.append(packet(f"{BASE}/meter/{houses[k]}", json.dumps(reading).encode()))
    return [b"".join(packets[i : i + BLOCK]) for i in range(0, messages, BLOCK)]


def publish(port: int, encoded: list[bytes], received: Counter) -> float:
    """Send all blocks as fast as the receiver takes them; seconds until it has them all."""
    total = len(encoded) * BLOCK
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04pub1")
        link.recv(4)
        began = time.perf_counter()
        for number, block in enumerate(encoded):
            while number * BLOCK - received.value > WINDOW:
                time.sleep(0.0005)
            link.sendall(block)
        deadline = time.perf_counter() + 10.0
        while received.value < total:
            if time.perf_counter() > deadline:
                raise SystemExit(f"only {received.value} of {total} messages arrived")
            time.sleep(0.0005)
        return time.perf_counter() - began


def one_round(port: int, receiver: Any, messages: int, chance: random.Random) -> float:
    """Messages a second of one receiver in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    received: Synchronized[int] = spawn.Value("q", 0)
    accepted: Synchronized[int] = spawn.Value("q", 0)
    process = spawn.Process(target=receiver, args=(port, received, accepted), daemon=True)
    process.start()
    try:
        _await_subscription(port, received)
        extra = received.value
        encoded = blocks(messages, chance)
        seconds = publish(port, [*encoded], _Less(received, extra))
        time.sleep(0.05)
        if accepted.value < messages:
            raise SystemExit(f"{messages - accepted.value} messages were not accepted")
    finally:
        process.terminate()
        process.join()
    return messages / seconds


class _Less:
    """The counter less what came before the round."""

    def __init__(self, counter: Counter, less: int) -> None:
        self._counter, self._less = counter, less

    @property
    def value(self) -> int:
        return int(self._counter.value) - self._less


def _await_subscription(port: int, received: Counter) -> None:
    """Publish until something arrives, then until nothing is on its way any more."""
    deadline = time.perf_counter() + 15.0
    warm = packet(f"{BASE}/meter/{names(1)[0]}", b'{"p":100,"t":%d}' % 0)
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04pub0")
        link.recv(4)
        while not received.value:
            if time.perf_counter() > deadline:
                raise SystemExit("the receiver does not subscribe")
            link.sendall(warm * 50)
            time.sleep(0.1)
    before = -1
    while before != received.value:
        before = received.value
        time.sleep(0.3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=60_000, help="in each round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of each receiver (default: %(default)s)")
    args = parser.parse_args()
    print(machine())
    chance = random.Random(1)
    rates: dict[str, list[float]] = {"bare": [], "daemon": []}
    with broker("mosquitto") as at:
        for number in range(args.rounds):
            for name, receiver in (("bare", receive_bare), ("daemon", receive_daemon)):
                rate = one_round(at.port, receiver, args.messages, chance)
                rates[name].append(rate)
                print(f"  round {number + 1} {name:6} {rate:8.0f} messages/s", flush=True)
    bare, daemon = statistics.median(rates["bare"]), statistics.median(rates["daemon"])
    print(f"bare paho callback (baseline)           median {bare:.0f} messages/s")
    print(
        f"daemon, decoded into the rings          median {daemon:.0f} messages/s, {daemon / bare:.2f} of the baseline"
    )
    return verdict("share of the baseline", 100.0 * daemon / bare, 100.0 * SHARE, "%", at_least=True)


if __name__ == "__main__":
    sys.exit(main())
