"""`firmware-bridge run` as a process of its own: a real broker, a simulated line, signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.demo.broker import Broker, find_mosquitto
from firmware_bridge.contract import Phase
from firmware_bridge.switches.interlock_types import UnderWay
from firmware_bridge.switches.memory import SwitchMemory
from tests.firmware_bridge.service.field_scene import GUARD_S, KEY, Street, order

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="wills are tried with Mosquitto: install it")


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    street = Street(tmp_path / "adapter")
    with street.line:
        yield street


class Listener:
    """A client that hears everything under a base topic."""

    def __init__(self, at: Broker, base: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self.base = base
        self.heard: list[tuple[str, bytes, bool]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._on_message
        self.client.connect(at.host, at.port)
        self.client.subscribe(f"{base}/#", 1)
        self.client.loop_start()

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        topic = message.topic.removeprefix(f"{self.base}/")
        self._loop.call_soon_threadsafe(self._take, topic, bytes(message.payload), message.retain)

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        self.heard.append((topic, payload, retained))
        self._news.set()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        self.client.on_message = None

    def last(self, topic: str) -> bytes | None:
        return next((payload for heard, payload, _ in reversed(self.heard) if heard == topic), None)

    def states(self, house: str) -> list[dict[str, Any]]:
        return [json.loads(payload) for topic, payload, _ in self.heard if topic == f"switch/{house}/state"]

    async def until(self, topic: str, payload: bytes) -> None:
        await self.when(f"{topic} {payload!r}", lambda: self.last(topic) == payload)

    async def when(self, what: str, condition: Any) -> None:
        try:
            async with asyncio.timeout(GUARD_S):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"never: {what}; heard {self.heard[-20:]}") from None

    def clear_retained(self) -> None:
        """The broker is shared by many tests."""
        for topic in {topic for topic, _, _ in self.heard if not topic.startswith("meter/")}:
            self.client.publish(f"{self.base}/{topic}", b"", 1, True).wait_for_publish(GUARD_S)


@asynccontextmanager
async def listening(at: Broker, base: str) -> AsyncIterator[Listener]:
    listener = Listener(at, base)
    try:
        yield listener
    finally:
        listener.clear_retained()
        listener.close()


def written(folder: Path, at: Broker, base: str, port: str, *, more: str = "") -> Path:
    file = folder / "firmware-bridge.toml"
    file.write_text(f"""\
[mqtt]
host = "{at.host}"
port = {at.port}
base_topic = "{base}"
[bridge]
id = "b1"
{more}
[bridge.interlock]
dead_time_s = 0.05
dwell_s = 0
watch_s = 0.5
[[bridge.lines]]
name = "street"
port = "{port}"
reply_timeout_s = 0.2
quiet_s = 0.02
meters = [{{ house = "h1", model = "eastron_sdm120", unit = 1, every_s = 0.5 }}]
switches = [
    {{ house = "h1", model = "waveshare_relay_8ch", unit = 10, relays = [1, 2, 3] }},
    {{ house = "h2", model = "waveshare_relay_8ch", unit = 10, relays = [4, 5, 6] }},
]
""")
    return file


@contextmanager
def process(config: Path, **environ: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "firmware_bridge", "run", "--config", str(config)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environ}
    ) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()
            if child.stderr is not None and not child.stderr.closed:
                # Shown with a failure.
                sys.stdout.write(child.stderr.read())


async def ended(child: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = await asyncio.to_thread(child.communicate, None, GUARD_S)
    return child.returncode, err


async def test_it_serves_and_leaves_in_order(broker: Broker, street: Street, tmp_path: Path) -> None:
    base = "bridge-run/order"
    config = written(tmp_path, broker, base, street.line.path)
    async with listening(broker, base) as listener:
        with process(config) as child:
            for house in ("h1", "h2"):
                await listener.until(f"switch/{house}/availability", b"online")
            await listener.when("a reading", lambda: listener.last("meter/h1") is not None)
            assert json.loads(listener.last("meter/h1") or b"")["p"] == -1250.0
            await listener.when("diagnostics", lambda: listener.last("bridge/b1") is not None)
            assert listener.last("bridge/b1/availability") == b"online"
            with process(config) as second:
                code, err = await ended(second)
            assert code == 1
            assert "another process drives these switches" in err
            listener.client.publish(f"{base}/switch/h2/set", order("h2", "L3", "L1"), 1)
            await listener.when("done", lambda: (listener.states("h2") or [{}])[-1].get("result") == "done")
            assert [state.get("result") for state in listener.states("h2")][-2:] == ["moving", "done"]
            assert street.closed() == {1, 6}
            child.send_signal(signal.SIGTERM)
            for topic in ("switch/h1/availability", "switch/h2/availability", "bridge/b1/availability"):
                await listener.until(topic, b"offline")
            code, err = await ended(child)
        assert code == 0
        assert "Traceback" not in err
        assert "bridge b1 has ended" in err
        assert street.never_two_closed()


@needs_mosquitto
async def test_killed_every_switch_s_own_will_says_offline(broker: Broker, street: Street, tmp_path: Path) -> None:
    base = "bridge-run/will"
    config = written(tmp_path, broker, base, street.line.path)
    topics = ("switch/h1/availability", "switch/h2/availability", "bridge/b1/availability")
    async with listening(broker, base) as listener:
        with process(config) as child:
            for topic in topics:
                await listener.until(topic, b"online")
            child.kill()
            for topic in topics:
                await listener.until(topic, b"offline")
        with process(config) as child:
            for topic in topics:
                await listener.until(topic, b"online")
            child.terminate()
            await ended(child)


async def test_killed_in_mid_move_it_says_at_the_next_start_how_the_move_ended(
    broker: Broker, street: Street, tmp_path: Path
) -> None:
    base = "bridge-run/mid-move"
    config = written(tmp_path, broker, base, street.line.path)
    text = config.read_text().replace("dead_time_s = 0.05", "dead_time_s = 2").replace("[bridge.interlock]\n",
        "[bridge.interlock]\nsettle_s = 5\n")  # fmt: skip
    config.write_text(text)
    async with listening(broker, base) as listener:
        with process(config) as child:
            await listener.until("switch/h1/availability", b"online")
            listener.client.publish(f"{base}/switch/h1/set", order("h1", "L2", "L1"), 1)
            await listener.when("under way", lambda: not street.closed() & {1, 2, 3})
            child.kill()
            await ended(child)
        assert street.closed() == {4}, "in the dark: killed in the dead time"
        kept = SwitchMemory(tmp_path / "bridge.db")
        memory = kept.load("h1", wall=time.time(), monotonic=time.monotonic())
        kept.close()
        assert memory is not None
        assert memory.memory.move == UnderWay("c1-h1", Phase.L1, Phase.L2)
        config.write_text(text.replace("dead_time_s = 2", "dead_time_s = 0.05"))
        with process(config) as child:
            await listener.when("told", lambda: any(
                state.get("id") == "c1-h1" and state["result"] == "failed" for state in listener.states("h1")
            ))  # fmt: skip
            await listener.when("back on L1", lambda: street.closed() == {1, 4})
            child.terminate()
            await ended(child)
        assert street.never_two_closed()


@pytest.mark.slow
async def test_a_broker_that_is_away_is_told_once_and_found_when_it_is_there(
    broker: Broker, street: Street, tmp_path: Path, free_port: int
) -> None:
    """The broker appears behind a port where at first nobody listens."""
    base = "bridge-run/away"
    config = written(tmp_path, Broker("127.0.0.1", free_port, "mosquitto"), base, street.line.path)
    async with listening(broker, base) as listener:
        with process(config) as child:
            assert child.stderr is not None
            lines: list[str] = []
            while not any("no connection to the broker" in line for line in lines):
                lines.append(await asyncio.wait_for(asyncio.to_thread(child.stderr.readline), GUARD_S))
            async with forwarding(free_port, broker) as cut:
                await listener.until("switch/h1/availability", b"online")
                await listener.until("switch/h2/availability", b"online")
                await listener.when("readings", lambda: listener.last("meter/h1") is not None)
                cut()
                await listener.until("switch/h1/availability", b"offline")
                await listener.until("switch/h2/availability", b"offline")
                await listener.until("switch/h1/availability", b"online")
                await listener.until("switch/h2/availability", b"online")
            child.terminate()
            code, err = await ended(child)
        everything = "".join(lines) + err
        assert code == 0
        assert 1 <= everything.count("no connection to the broker") <= 4, everything
        assert "are back after" in everything


@asynccontextmanager
async def forwarding(port: int, to: Broker) -> AsyncIterator[Any]:
    """A relay of TCP connections; what it gives cuts all of them."""
    writers: set[asyncio.StreamWriter] = set()
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(to.host, to.port)
        writers.update((writer, far_writer))
        for task in (asyncio.create_task(pump(reader, far_writer)), asyncio.create_task(pump(far_reader, writer))):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    def cut() -> None:
        for writer in writers:
            writer.transport.abort()
        writers.clear()

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield cut
    finally:
        server.close()
        cut()
        if tasks:
            await asyncio.wait(tasks, timeout=GUARD_S)


async def test_a_retained_or_unsigned_command_moves_nothing(broker: Broker, street: Street, tmp_path: Path) -> None:
    base = "bridge-run/signed"
    config = written(tmp_path, broker, base, street.line.path, more=f'command_keys = "{KEY}"')
    config.chmod(0o600)
    async with listening(broker, base) as listener:
        listener.client.publish(f"{base}/switch/h1/set", order("h1", "L3", "L1", key=KEY, base=base), 1, True)
        with process(config) as child:
            await listener.until("switch/h1/availability", b"online")
            listener.client.publish(f"{base}/switch/h1/set", order("h1", "L2", "L1", seq=2), 1)
            await listener.when("refused", lambda: listener.states("h1")[-1].get("result") == "rejected")
            assert listener.states("h1")[-1]["reason"].startswith("not_signed")
            listener.client.publish(f"{base}/switch/h1/set", order("h1", "L2", "L1", seq=3, key=KEY, base=base), 1)
            await listener.when("done", lambda: listener.states("h1")[-1].get("result") == "done")
            assert {state["id"] for state in listener.states("h1") if state.get("id")} == {"c2-h1", "c3-h1"}
            child.terminate()
            _, err = await ended(child)
        assert "retained command for h1 ignored" in err
        assert KEY not in err


async def test_systemd_hears_ready_signs_of_life_and_stopping(broker: Broker, street: Street, tmp_path: Path) -> None:
    base = "bridge-run/systemd"
    config = written(tmp_path, broker, base, street.line.path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(GUARD_S)
        heard: list[str] = []
        async with listening(broker, base):
            with process(
                config, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="600000", JOURNAL_STREAM="1:2"
            ) as child:
                while heard.count("WATCHDOG=1") < 3:
                    heard.append((await asyncio.to_thread(manager.recv, 1024)).decode())
                child.terminate()
                while "STOPPING=1" not in heard:
                    heard.append((await asyncio.to_thread(manager.recv, 1024)).decode())
                code, err = await ended(child)
        assert code == 0
        assert heard[0] == "READY=1"
        assert all(line.startswith(("<6>", "<4>")) for line in err.splitlines()), err


def test_a_configuration_that_cannot_be_used_ends_it_with_2(tmp_path: Path) -> None:
    config = tmp_path / "firmware-bridge.toml"
    config.write_text("[mqtt]\nhots = 1\n[feeder]\nid = 'x'\n")
    with process(config) as child:
        _, err = child.communicate(timeout=GUARD_S)
    assert child.returncode == 2
    assert "did you mean host?" in err
    assert "belongs to the controller's configuration" in err
    assert "mqtt.base_topic" in err
