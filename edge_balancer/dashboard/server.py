"""The page's thread: starts the server, and starts it again where it fails. Control never waits for it.

Nothing of it is loaded where the page is switched off: Starlette and uvicorn take memory and half a second.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_balancer.dashboard.board import Board
from edge_balancer.dashboard.errors import CannotServe
from edge_balancer.dashboard.figures import Figures
from edge_balancer.logs import get_logger
from edge_balancer.settings.root import Configuration

if TYPE_CHECKING:
    from edge_balancer.dashboard.serving import Serving

SWITCH_S: Final = 0.001
FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 60.0
CLOSE_S: Final = 1.2
"""How long a stop waits for it: less than for the last rows of the trail."""

_log = get_logger(__name__)


class Dashboard:
    """Page and API of one controller."""

    def __init__(self, config: Configuration, database: Path) -> None:
        self.board = Board()
        self._config = config
        self._database = database
        self._figures = Figures()
        self._serving: Serving | None = None
        self._stopping = threading.Event()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._work, name="page", daemon=True)

    @property
    def address(self) -> str:
        """Where it is served; empty while it is not."""
        return self._figures.address

    def start(self) -> None:
        # A turn of control that wakes while this thread works waits for it at most so long: 5 ms is Python's own.
        sys.setswitchinterval(SWITCH_S)
        self._thread.start()

    def wait_up(self, timeout_s: float) -> str:
        """The address once it is served, or what is known of it by then."""
        self._up.wait(timeout_s)
        return self.address

    def diagnostics(self) -> dict[str, Any]:
        """For `B/diagnostics`."""
        return self._figures.shown()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """End it. A thread that does not end in time is left behind; it dies with the process."""
        self._stopping.set()
        serving = self._serving
        if serving is not None:
            serving.stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # Everything below runs in the page's thread.

    def _work(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stopping.is_set():
            fault = self._serve()
            self._figures.address = ""
            if self._stopping.is_set():
                return
            if self._up.is_set():
                # It had been well until now: begin with small steps again.
                self._up.clear()
                retry_s = FIRST_RETRY_S
            if fault != self._figures.fault:
                _log.error("the page is not served; control goes on", error=fault, retry_s=retry_s)
                self._figures.fault = fault
            self._stopping.wait(retry_s)
            retry_s = min(2.0 * retry_s, LAST_RETRY_S)
            self._figures.restarts += 1

    def _serve(self) -> str:
        """Serve until it ends; why it did."""
        try:
            from edge_balancer.dashboard.serving import Serving

            self._serving = Serving(self._config, self._database, self.board, self._figures)
            asyncio.run(self._serving.run(self._on_up))
        except CannotServe as error:
            return str(error)
        except SystemExit as error:
            return f"the server gave up ({error.code})"
        except Exception as error:  # noqa: BLE001 -- whatever it is, control goes on and it is tried again
            return f"the server failed: {error!r}"
        return "the server ended"

    def _on_up(self, address: str) -> None:
        if self._figures.fault:
            _log.info("the page is served again", address=address)
        else:
            _log.info("the page is served", address=address)
        self._figures.fault, self._figures.address = "", address
        self._up.set()
        if self._stopping.is_set() and self._serving is not None:
            self._serving.stop()
