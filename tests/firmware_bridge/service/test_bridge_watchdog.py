"""The watchdog of a bridge that runs alone is fed while its loops turn, not merely while its process lives."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from firmware_bridge.host.sd_notify import Notifier
from firmware_bridge.service import bridge as bridge_module
from firmware_bridge.service import standalone
from tests.firmware_bridge.service.field_scene import GUARD_S, Street, Wire, bridge_on, serving


async def until_stuck(bridge: bridge_module.Bridge, part: str) -> None:
    async with asyncio.timeout(GUARD_S):
        while True:
            if bridge.stuck() == part:
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("part", ["the switch of h1", "the meters of line street"])
async def test_a_part_that_waits_for_ever_is_named(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    street, wire, never = Street(tmp_path / "adapter"), Wire(), asyncio.Event()
    with street.line:
        bridge = bridge_on(street, tmp_path, wire)
        async with serving(bridge):
            await wire.online("h1", "h2")
            assert bridge.stuck() == ""
            monkeypatch.setattr(bridge_module, "STUCK_S", 3.0)
            post, poller = bridge._switches["h1"].post, bridge._lines[0].poller
            assert post.driver is not None
            assert poller is not None
            held: object = post.driver if part.startswith("the switch") else poller
            # What it waits for never comes: a disk that hangs, a driver that never answers.
            with monkeypatch.context() as patch:
                patch.setattr(held, "_heed" if held is post.driver else "_take", lambda *_: never.wait())
                await until_stuck(bridge, part)
            never.set()


async def test_the_watchdog_is_fed_while_all_turn_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Parts:
        """Stands for a bridge: one word of it is looked at."""

        word = ""

        def stuck(self) -> str:
            return self.word

        def diagnostics(self) -> dict[str, str]:
            return {}

    class Nowhere:
        def say(self, _said: object) -> bool:
            return True

    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.setblocking(False)
        notifier, parts = Notifier({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "300000"}), Parts()
        loop = asyncio.get_running_loop()
        signs = asyncio.create_task(standalone._signs(parts, Nowhere(), "t", notifier))  # type: ignore[arg-type]

        async def heard(what: bytes) -> None:
            async with asyncio.timeout(GUARD_S):
                while what not in await loop.sock_recv(systemd, 4096):
                    pass

        async def quiet() -> bool:
            try:
                async with asyncio.timeout(0.5):
                    await heard(b"WATCHDOG=1")
            except TimeoutError:
                return True
            return False

        await heard(b"READY=1")
        await heard(b"WATCHDOG=1")
        parts.word = "the switch of h1"
        # What was on its way is heard within the first of these; in the last nothing more comes.
        assert [await quiet() for _ in range(3)][-1]
        parts.word = ""
        await heard(b"WATCHDOG=1")
        signs.cancel()
        await asyncio.wait((signs,))
