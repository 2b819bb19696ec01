"""What an attacker tries from another machine: run there as a program, told by JSON on its command line, and telling by
JSON what came of it. Not a test itself; it shares no code with the product."""

from __future__ import annotations

import contextlib
import json
import random
import select
import socket
import ssl
import sys
import threading
import time
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


def publish(topic: str, payload: bytes, qos: int) -> bytes:
    """A PUBLISH (MQTT 3.1.1, 3.3), ready made: a client library could not say it often enough."""
    name, mid = topic.encode(), b"\x00\x01" if qos else b""
    length, encoded = 2 + len(name) + len(mid) + len(payload), bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            first = bytes([0x30 | qos << 1])
            return first + bytes(encoded) + len(name).to_bytes(2) + name + mid + payload


def hear(line: ssl.SSLSocket) -> None:
    """What is said at QoS 1 is acknowledged; unread it would stop the broker."""
    with contextlib.suppress(ssl.SSLWantReadError):
        while line.recv(1 << 16):
            pass


def send(line: ssl.SSLSocket, data: bytes) -> None:
    """All of it, and take meanwhile what comes back. The line does not block."""
    while True:
        hear(line)
        try:
            # OpenSSL wants the same bytes again, and takes all of them or none.
            line.send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            select.select([line], [line], [], 1.0)
        else:
            return


def flood(task: Task) -> dict[str, float]:
    """So many messages a second as the broker takes, at most `rate`, for `seconds`; on `topics` and with `texts` in
    turn."""
    name, topics, texts, qos = b"thief", task["topics"], task["texts"], task["qos"]
    packets = b"".join(publish(topics[n % len(topics)], texts[n % len(texts)].encode(), qos) for n in range(100))
    with (
        socket.create_connection((task["host"], task["port"]), timeout=WAIT_S) as bare,
        context(task).wrap_socket(bare, server_hostname=task["host"]) as line,
    ):
        hello = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2) + name
        line.sendall(b"\x10" + bytes([len(hello)]) + hello)
        if line.recv(4)[:2] != b"\x20\x02":
            raise ConnectionError("no welcome")
        tell(begun=True)
        sent, start = 0, time.monotonic()
        line.settimeout(0.0)
        while (passed := time.monotonic() - start) < task["seconds"]:
            if sent < task["rate"] * passed:
                send(line, packets)
                sent += 100
            else:
                hear(line)
                time.sleep(0.001)
        send(line, b"\xe0\x00")
    return {"sent": sent, "per_s": sent / passed}


def main() -> None:
    task: Task = json.loads(sys.argv[1])
    kinds = {kind.__name__: kind for kind in (handshake, plain, idle, say, large, rubbish, flood)}
    tell(outcome=kinds[task["kind"]](task))


if __name__ == "__main__":
    main()
