"""A bridge that runs alone: its connections, its own state for others to see, systemd, signals, an end in time."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Mapping
from typing import Final

import msgspec

from firmware_bridge.host.clock import SystemClock
from firmware_bridge.host.sd_notify import Notifier
from firmware_bridge.service.bridge import Bridge
from firmware_bridge.service.bus import Said
from firmware_bridge.service.links import Links
from firmware_bridge.settings.bridge import BridgeConfiguration

_log = logging.getLogger(__name__)

DIAGNOSTICS_S: Final = 30.0


async def serve(configuration: BridgeConfiguration, environ: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT. Raises BridgeError where it cannot be begun, and what nobody expects."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    notifier = Notifier(environ)

    def end() -> None:
        notifier.stopping()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    settings, base = configuration.bridge, configuration.mqtt.base_topic
    links = Links(configuration.mqtt, settings.id, base)
    bridge = Bridge(settings, base, SystemClock(), links.say, state=settings.state)
    _log.info(
        "bridge %s serves %s: %d lines, %d meters, %d phase switches",
        settings.id, base, len(settings.lines), len(bridge.meters), len(bridge.houses),
    )  # fmt: skip
    leave = asyncio.Event()
    field = asyncio.create_task(bridge.run(stop), name="bridge")
    begun = asyncio.create_task(bridge.begun.wait())
    await asyncio.wait((field, begun), return_when=asyncio.FIRST_COMPLETED)
    if not begun.done():
        # Another bridge runs: connections under the same client ids would throw out its own.
        begun.cancel()
        await field
        return
    connections = asyncio.create_task(links.serve(bridge, leave), name="connections")
    signs = asyncio.create_task(_signs(bridge, links, f"{base}/bridge/{settings.id}", notifier), name="signs of life")
    try:
        await asyncio.wait((field, connections, signs), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        signs.cancel()
        await asyncio.wait((field, signs))
        # Last of all, so that the switches' last words still have a way out.
        links.farewell()
        leave.set()
        await asyncio.wait((connections,))
    for task in (field, connections, signs):
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    _log.info("bridge %s has ended", settings.id)


async def _signs(bridge: Bridge, links: Links, topic: str, notifier: Notifier) -> None:
    """READY, the diagnostics every half minute, and the watchdog: fed only while everything turns."""
    notifier.ready()
    watched_s = notifier.watchdog_s
    loop = asyncio.get_running_loop()
    due = loop.time()
    stuck = ""
    while True:
        was, stuck = stuck, bridge.stuck()
        if stuck and not was:
            _log.error("%s no longer turns; systemd, where it watches, starts the bridge anew", stuck)
        if watched_s is not None and not stuck:
            notifier.watchdog()
        # Where there is no connection yet the first one is not made to wait for half a minute.
        if loop.time() >= due and links.say(Said(topic, msgspec.json.encode(bridge.diagnostics()), 0, True)):
            due = loop.time() + DIAGNOSTICS_S
        await asyncio.sleep(min(1.0, watched_s / 3.0 if watched_s is not None else 1.0))
