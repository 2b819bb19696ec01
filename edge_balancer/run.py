"""`edge-balancer run`: the daemon as a service, with signals and reloads.

A reload builds the controller anew from the store, on the same path as a restart after a power cut: one path, always
exercised.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

from edge_balancer.clock import Clock, SystemClock
from edge_balancer.daemon import Daemon
from edge_balancer.errors import ConfigurationError
from edge_balancer.logs import configure, get_logger
from edge_balancer.settings.check import examine
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.errors import StorageError
from firmware_bridge.host.instance_lock import AlreadyRunning, take
from firmware_bridge.host.sd_notify import Notifier

EXIT_GOOD: Final = 0
EXIT_FAILED: Final = 1
EXIT_CONFIGURATION: Final = 2

_log = get_logger(__name__)


def run_command(path: Path) -> int:
    """Run until SIGTERM or SIGINT. Exit code 2 for a configuration that cannot be used, 1 for a store that
    cannot, or that another daemon uses."""
    try:
        config = _load(path)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIGURATION
    configure(config.log)
    try:
        # Never given back: a disk that hangs may keep a thread writing until the process is gone.
        take(config.storage.path, "another edge-balancer controls with this store", "storage.path")
        asyncio.run(Service(path, config).run())
    except AlreadyRunning as error:
        _log.error("the store is in use", error=str(error))
        return EXIT_FAILED
    except StorageError as error:
        _log.error("the store cannot be used", error=str(error))
        return EXIT_FAILED
    return EXIT_GOOD


def _load(path: Path) -> Configuration:
    found = examine(path, os.environ)
    if found.configuration is None:
        raise ConfigurationError(found.problems)
    return found.configuration


class Service:
    """Runs one daemon after another: the next begins where a reload ends the one before."""

    def __init__(self, path: Path, config: Configuration, clock: Clock | None = None) -> None:
        self._path = path
        self._config = config
        self._clock = clock or SystemClock()
        self._notify = Notifier()
        self._leaving = False
        self._daemon: Daemon | None = None
        self._next: Configuration | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Until a signal ends it. Raises StorageError where the store may not be written to."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._leave, name)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        while not self._leaving:
            self._stop = asyncio.Event()
            self._daemon = Daemon(self._config, self._clock, self._config.storage.path, self._notify)
            await self._daemon.run(self._stop)
            if self._next is not None:
                self._config, self._next = self._next, None
                configure(self._config.log)

    def _leave(self, signum: signal.Signals) -> None:
        _log.info("stopping", signal=signum.name)
        # Here and not at the daemon's end: after a reload the service goes on.
        self._notify.stopping()
        self._leaving = True
        self._stop.set()

    def _reload(self) -> None:
        """Take the file anew. A configuration with a mistake changes nothing, and all its mistakes are named."""
        self._notify.reloading()
        try:
            config = _load(self._path)
        except ConfigurationError as error:
            _log.error("reload refused: the configuration in force stays", problems=[str(p) for p in error.problems])
            self._notify.ready("reload refused")
            return
        # A reload may come while the one before is still ending its daemon.
        current = self._next or self._config
        fixed = _needs_restart(current, config)
        if fixed:
            _log.warning("these changes need a restart and are not applied", keys=fixed)
            config = config.model_copy(update=_kept(current, config))
        changed = [name for name in type(config).model_fields if getattr(config, name) != getattr(current, name)]
        if self._daemon is not None and self._daemon.model_changed(config):
            changed.append("learned model")
        if not changed:
            _log.info("reload: nothing to apply")
            self._notify.ready("nothing to reload")
            return
        fault = self._daemon.storage_fault if self._daemon is not None else ""
        if fault:
            # The next controller knows what the store knows: lock-outs that wait in memory would be forgotten.
            _log.error(
                "reload refused: what happened lately is not on disk, and a new start would not know it",
                fault=fault,
                remedy="mend the disk and reload again when the alert `storage` is over",
            )
            self._notify.ready("reload refused")
            return
        _log.info("reloading", sections=changed)
        self._next = config
        self._stop.set()


def _needs_restart(old: Configuration, new: Configuration) -> list[str]:
    """Keys that a running controller cannot change: who it is on the broker, and where its record is."""
    keys = []
    if old.feeder.id != new.feeder.id:
        keys.append("feeder.id")
    if old.base_topic != new.base_topic and old.feeder.id == new.feeder.id:
        keys.append("mqtt.base_topic")
    if old.client_id != new.client_id and old.feeder.id == new.feeder.id:
        keys.append("mqtt.client_id")
    if old.storage.path != new.storage.path:
        keys.append("storage.path")
    return keys


def _kept(old: Configuration, new: Configuration) -> dict[str, object]:
    """The sections in which those keys stand, with the keys as they were."""
    return {
        "feeder": new.feeder.model_copy(update={"id": old.feeder.id}),
        "mqtt": new.mqtt.model_copy(update={"base_topic": old.mqtt.base_topic, "client_id": old.mqtt.client_id}),
        "storage": new.storage.model_copy(update={"path": old.storage.path}),
    }
