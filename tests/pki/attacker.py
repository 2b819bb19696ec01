"""What an attacker tries from another machine: run there as a program, told by JSON on its command line, and telling by
JSON what came of it. Not a test itself; it shares no code with the product."""

from __future__ import annotations

import json
import random
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

WAIT_S = 20.0
Task = dict[str, Any]


def tell(**what: Any) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def context(task: Task) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=task["ca"])
    if papers := task.get("papers"):
        made.load_cert_chain(Path(papers) / "cert.pem", Path(papers) / "key.pem")
    return made


def handshake(task: Task) -> str:
    """Whether one gets past it, and to a welcome."""
    made = context(task)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with (
            socket.create_connection((task["host"], task["port"]), timeout=WAIT_S) as plain,
            made.wrap_socket(plain, server_hostname=task["host"]),
        ):
            return "let in"
    except OSError:
        return "refused"


def plain(task: Task) -> str:
    """MQTT without TLS at the door for TLS."""
    try:
        with socket.create_connection((task["host"], task["port"]), timeout=WAIT_S) as connection:
            connection.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x")
            return "let in" if connection.recv(4)[:1] == b"\x20" else "refused"
    except OSError:
        return "refused"


def idle(task: Task) -> str:
    """Connections that say nothing, held until the parent closes our input."""
    held = []
    for _ in range(task["count"]):
        try:
            held.append(socket.create_connection((task["host"], task["port"]), timeout=2.0))
        except OSError:
            break
    tell(holding=len(held))
    sys.stdin.read()
    return str(len(held))


def entered(task: Task) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=task.get("client_id", "thief"))
    client.tls_set_context(context(task))
    ready = threading.Event()
    client.on_connect = lambda _c, _d, _f, reason, _p: None if reason.is_failure else ready.set()
    client.connect(task["host"], task["port"])
    client.loop_start()
    if not ready.wait(WAIT_S):
        raise TimeoutError("not let in")
    return client


def say(task: Task) -> str:
    """Messages as given: topic, text, retained."""
    client = entered(task)
    for topic, text, retained in task["messages"]:
        client.publish(topic, text, qos=1, retain=retained).wait_for_publish(WAIT_S)
    client.disconnect()
    client.loop_stop()
    return "said"


def large(task: Task) -> str:
    """Payloads of these sizes, on a topic where we may speak."""
    return say({**task, "messages": [(task["topic"], "x" * size, False) for size in task["sizes"]]})


def rubbish(task: Task) -> str:
    """Payloads that are none, on a topic where we may speak."""
    client, chance = entered(task), random.Random(1)
    shapes: list[Callable[[], bytes]] = [
        lambda: chance.randbytes(chance.randrange(300)),
        lambda: b'{"p":' + b"[" * 5000,
        lambda: b'{"p":1e999}',
        lambda: b'{"p":NaN,"v":null}',
        lambda: json.dumps({"p": 10 ** chance.randrange(4, 30), "v": -1, "t": chance.random() * 1e12}).encode(),
        lambda: b'{"p":"\\ud800"}',
        lambda: b"\xff\xfe" * 20,
        lambda: b"",
    ]
    for number in range(task["count"]):
        client.publish(task["topic"], shapes[number % len(shapes)](), qos=1).wait_for_publish(WAIT_S)
    client.disconnect()
    client.loop_stop()
    return "said"


def main() -> None:
    task: Task = json.loads(sys.argv[1])
    kinds = {kind.__name__: kind for kind in (handshake, plain, idle, say, large, rubbish)}
    tell(outcome=kinds[task["kind"]](task))


if __name__ == "__main__":
    main()
