"""A line's owner: down and up again, who goes first, who is told what."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path

import pytest

from firmware_bridge.errors import BridgeError, LineDown
from firmware_bridge.lines.owner import LineOwner, make_line
from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.lines.serial_port import open_serial
from tests.firmware_bridge.lines.device_on_pty import GUARD_S, Device, device, line, registers, settings


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is down is tried again at once rather than after a second."""
    monkeypatch.setattr("firmware_bridge.lines.owner.FIRST_RETRY_S", 0.05)


READ = Request(5, Function.READ_REGISTERS, 10, 2)


def good(request: bytes) -> bytes:
    return registers(request[0], request[1], int.from_bytes(request[2:4], "big"), 7)


async def test_a_line_is_down_before_it_runs_and_after_it_was_stopped() -> None:
    async with device(good) as far:
        async with line(settings(far.port)) as running:
            assert running.owner.up
        assert not running.owner.up
        with pytest.raises(LineDown, match="stopped"):
            await running.owner.ask(READ)
    with pytest.raises(LineDown, match="not opened yet"):
        await LineOwner(settings("/dev/nowhere")).ask(READ)


def test_it_can_be_made_outside_the_event_loop_and_run_later() -> None:
    async def use() -> tuple[int, ...]:
        async with device(good) as far:
            os.symlink(far.port, link)  # noqa: PTH211
            stop, up = asyncio.Event(), asyncio.Event()
            owner._on_change = lambda is_up, _: up.set() if is_up else None
            task = asyncio.create_task(owner.run(stop))
            await asyncio.wait_for(up.wait(), GUARD_S)
            reply = await owner.ask(READ)
            stop.set()
            await task
            return reply

    link = Path(os.environ.get("TMPDIR", "/tmp")) / f"line-{os.getpid()}"  # noqa: S108
    owner = make_line(settings(link))
    try:
        assert asyncio.run(use()) == (10, 7)
    finally:
        link.unlink()


async def test_unplugged_and_back_it_is_told_once_each_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "firmware_bridge.lines.owner")
    port = tmp_path / "adapter"
    first = Device(good)
    port.symlink_to(first.port)
    async with line(settings(port, reply_timeout_s=5)) as running:
        assert await running.owner.ask(READ) == (10, 7)
        first.answer = lambda _: None
        waiting = [asyncio.create_task(running.owner.ask(READ)) for _ in range(3)]
        await first.hears(2)
        port.unlink()
        first.unplug()
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), GUARD_S)
        assert [type(outcome) for outcome in outcomes] == [LineDown] * 3
        await running.becomes(up=False)
        with pytest.raises(LineDown):
            await running.owner.ask(READ)
        async with device(good) as second:
            port.symlink_to(second.port)
            await running.becomes(up=True)
            # The unit may still owe what was asked of it before: a probe goes first.
            assert await running.owner.ask(READ) == (10, 7)
            assert [heard[1] for heard in second.heard] == [3, 4]
            told = [record.message.partition(":")[0] for record in caplog.records]
    assert told[:2] == ["line north is up", "line north is down"]
    assert told[2].startswith("line north is up again after ")
    assert len(told) == 3


async def test_a_port_that_is_missing_is_told_once_with_what_there_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with line(settings(tmp_path / "ttyUSB7"), wait=False) as running:
        reason = await running.becomes(up=False)
        assert "ttyUSB7 is not there" in reason
        assert "/dev/serial/by-id" in reason
        # The second attempt follows, and says nothing any more.
        async with device(good) as far:
            (tmp_path / "ttyUSB7").symlink_to(far.port)
            await running.becomes(up=True)
            assert await running.owner.ask(READ) == (10, 7)
            assert sum("is down" in record.message for record in caplog.records) == 1


async def test_a_port_in_use_and_what_is_no_port_are_told_apart(tmp_path: Path) -> None:
    async with device(good) as far:
        held = await open_serial(settings(far.port))
        with pytest.raises(LineDown, match="busy: another process holds it"):
            await open_serial(settings(far.port))
        held.close()
        (await open_serial(settings(far.port))).close()
    plain = tmp_path / "notes.txt"
    plain.write_text("no port")
    with pytest.raises(LineDown, match="not a serial port"):
        await open_serial(settings(plain))
    with pytest.raises(LineDown, match="not a serial port"):
        await open_serial(settings("/dev/null"))


@pytest.mark.parametrize("baud", [300, 9600, 38_400, 115_200])
@pytest.mark.parametrize("parity", ["none", "even", "odd"])
async def test_any_usual_setting_opens_a_pseudo_terminal(baud: int, parity: str) -> None:
    async with device(good) as far:
        (await open_serial(settings(far.port, baud=baud, parity=parity, stop_bits=2))).close()


async def test_urgent_requests_go_before_those_that_wait() -> None:
    async with device(lambda _: None) as far, line(settings(far.port, reply_timeout_s=5)) as running:
        first = asyncio.create_task(running.owner.ask(READ))
        await far.hears(1)
        others = [asyncio.create_task(running.owner.ask(Request(6, READ.function, at, 2))) for at in (20, 30)]
        await asyncio.sleep(0)
        urgent = asyncio.create_task(running.owner.ask(Request(7, READ.function, 40, 2), urgent=True))
        await asyncio.sleep(0)
        far.answer = good
        far.say(good(far.heard[0]))
        await asyncio.wait_for(asyncio.gather(first, *others, urgent), GUARD_S)
        assert [heard[3] for heard in far.heard] == [10, 40, 20, 30]


async def test_a_cancelled_request_that_waits_is_never_sent() -> None:
    async with device(lambda _: None) as far, line(settings(far.port, reply_timeout_s=5)) as running:
        first = asyncio.create_task(running.owner.ask(READ))
        await far.hears(1)
        ghost = asyncio.create_task(running.owner.ask(Request(6, READ.function, 66, 2)))
        await asyncio.sleep(0)
        ghost.cancel()
        await asyncio.wait((ghost,))
        assert not running.owner._others
        far.answer = good
        far.say(good(far.heard[0]))
        await first
        assert await running.owner.ask(Request(6, READ.function, 20, 2)) == (20, 7)
        assert [heard[3] for heard in far.heard] == [10, 20]


async def test_stopping_fails_what_is_asked_and_what_waits() -> None:
    async with device(lambda _: None) as far:
        async with line(settings(far.port, reply_timeout_s=10)) as running:
            asked = [asyncio.create_task(running.owner.ask(READ)) for _ in range(2)]
            await far.hears(1)
        outcomes = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), GUARD_S)
        assert [type(outcome) for outcome in outcomes] == [LineDown, LineDown]


async def test_frames_over_a_socket_and_a_peer_that_hangs_up(free_port: int) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while True:
                writer.write(good(await reader.readexactly(8)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", free_port)
    async with server, line(settings(f"rtu+tcp://127.0.0.1:{free_port}")) as running:
        assert await running.owner.ask(READ) == (10, 7)
        writers[0].transport.abort()
        await running.becomes(up=False)
        await running.becomes(up=True)
        assert await running.owner.ask(READ) == (10, 7)


async def test_an_adapter_that_does_not_answer_is_named(free_port: int) -> None:
    async with line(settings(f"rtu+tcp://127.0.0.1:{free_port}"), wait=False) as running:
        assert f"127.0.0.1:{free_port} cannot be reached" in await running.becomes(up=False)


@pytest.mark.parametrize("port", ["rtu+tcp://", "rtu+tcp://host", "tcp://", "tcp://host:port", "tcp://host:502/x"])
def test_what_is_no_address_is_refused_when_the_line_is_made(port: str) -> None:
    with pytest.raises(BridgeError, match=r"line north: port = .* is no address"):
        make_line(settings(port))


async def test_a_line_that_takes_no_bytes_is_lost() -> None:
    # A socket whose buffer is full stands for an adapter that is stuck.
    from firmware_bridge.lines.stream import Stream

    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        stream = Stream(near.fileno(), lambda: None, paced=False)
        lost: list[str] = []
        stream.listen(lambda _: None, lost.append)
        for _ in range(100_000):
            stream.write(b"x" * 256)
            if lost:
                break
        assert lost == ["it takes no more bytes: what was sent before is stuck in its buffer"]
