"""One run of the server: everything that needs Starlette and uvicorn, loaded only where the page is wanted.

Runs in the server's thread, in an event loop of its own.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import uvicorn

from edge_balancer.dashboard.access.access import Access
from edge_balancer.dashboard.access.connections import PatientProtocol
from edge_balancer.dashboard.api.context import Context
from edge_balancer.dashboard.api.openapi import document
from edge_balancer.dashboard.api.table import ROUTES
from edge_balancer.dashboard.application import Application
from edge_balancer.dashboard.board import Board
from edge_balancer.dashboard.figures import Figures
from edge_balancer.dashboard.listening import BACKLOG, check_certificate, listeners, most_connections, url
from edge_balancer.dashboard.past.exports import Exports
from edge_balancer.dashboard.past.past import Past
from edge_balancer.dashboard.past.reader import PastUnavailable, Reader
from edge_balancer.dashboard.picture import Painter
from edge_balancer.dashboard.recent import KEPT, RecentDecisions
from edge_balancer.dashboard.stream.hub import Hub
from edge_balancer.logs import get_logger
from edge_balancer.settings.root import Configuration

CERTIFICATE_LOOK_S: Final = 60.0
FAREWELL_S: Final = 1
HEAD_BYTES: Final = 32_768
_log = get_logger(__name__)


class Serving:
    """Serves until told to stop."""

    def __init__(self, config: Configuration, database: Path, board: Board, figures: Figures) -> None:
        self._config = config
        self._database = database
        self._board = board
        self._figures = figures
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hub: Hub | None = None

    def stop(self) -> None:
        """End it, from any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        if self._hub is not None:
            self._hub.close()
        if self._server is not None:
            self._server.should_exit = True

    async def run(self, on_up: Callable[[str], None]) -> None:
        """Serve. `on_up` hears the address once it can be reached. Raises CannotServe, and whatever ends it."""
        settings = self._config.dashboard
        check_certificate(settings)
        sockets = listeners(settings)
        self._loop = asyncio.get_running_loop()
        access = Access(settings)
        reader = Reader(self._database)
        past, exports = Past(reader), Exports(reader)
        try:
            decisions = RecentDecisions()
            with suppress(PastUnavailable):
                decisions.seed(await past.last_decisions(KEPT))
            hub = self._hub = Hub(self._board, Painter(self._config), decisions, settings.clients)
            context = Context(self._config, self._board, hub, past, access, exports, document(ROUTES), self._figures)
            application = Application(context)
            for warning in access.warnings():
                _log.warning("the page is in the open", warning=warning)
            self._server = uvicorn.Server(
                _uvicorn_config(access.wrap(application, application.table.need), self._config)
            )
            self._figures.follow(hub, application, access, past.unreadable)
            await self._together(sockets, hub, self._server, on_up)
        finally:
            for listener in sockets:
                listener.close()
            reader.close()
            exports.close()
            access.close()
            self._loop = None

    async def _together(
        self, sockets: list[socket.socket], hub: Hub, server: uvicorn.Server, on_up: Callable[[str], None]
    ) -> None:
        """Server and hub: where one of them fails, the other ends."""
        parts = [
            asyncio.create_task(hub.run(), name="hub"),
            asyncio.create_task(server.serve(sockets), name="server"),
            asyncio.create_task(self._renew_certificate(server), name="certificate"),
        ]
        on_up(url(self._config.dashboard, sockets[0].getsockname()[1]))
        try:
            done, _ = await asyncio.wait(parts[:2], return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            server.should_exit = True
            for part in (parts[0], parts[2]):
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _renew_certificate(self, server: uvicorn.Server) -> None:
        """A renewed certificate serves from the next connection on; the page's users notice nothing."""
        settings = self._config.dashboard
        if settings.tls_certificate is None or settings.tls_key is None:
            return
        known = _stamp(settings.tls_certificate)
        while True:
            await asyncio.sleep(CERTIFICATE_LOOK_S)
            now = _stamp(settings.tls_certificate)
            if now == known or server.config.ssl is None:
                continue
            known = now
            try:
                check_certificate(settings)
                server.config.ssl.load_cert_chain(settings.tls_certificate, settings.tls_key)
            except Exception as error:  # noqa: BLE001 -- the certificate in force goes on
                _log.error("the new certificate cannot be used; the old one stays", error=str(error))
            else:
                _log.info("the page's certificate was renewed", file=str(settings.tls_certificate))


def _stamp(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _uvicorn_config(application: object, config: Configuration) -> uvicorn.Config:
    settings = config.dashboard
    # What strangers send is no matter for the log; what goes wrong in routes is told by ourselves.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    return uvicorn.Config(
        application,  # type: ignore[arg-type]
        loop="asyncio",
        http=PatientProtocol,
        h11_max_incomplete_event_size=HEAD_BYTES,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        # Our own bound comes first: uvicorn's answer would lack our headers.
        limit_concurrency=most_connections(settings) + 1,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=FAREWELL_S,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
