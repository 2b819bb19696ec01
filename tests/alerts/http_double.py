"""A web server on a loopback port that answers as it is told, and keeps what it was posted."""

from __future__ import annotations

import ssl
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Reply:
    """One answer. `how`: `whole`; `hang` says nothing; `drip` sends a byte now and then; `cut` ends it; `flood` never
    ends the body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    how: str = "whole"


@dataclass(frozen=True)
class Posted:
    path: str
    headers: dict[str, str]
    body: bytes


class HttpDouble:
    """`replies` are the next answers; then 200."""

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None) -> None:
        self.replies = deque(replies)
        self.posted: list[Posted] = []
        self.flooded = 0
        self.ended = threading.Event()
        self._tls = tls

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self.url = f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}/hook?site=7"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="web")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(double: HttpDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            double.posted.append(Posted(self.path, dict(self.headers.items()), body))
            reply = double.replies.popleft() if double.replies else Reply()
            if reply.how == "hang":
                double.ended.wait(30.0)
            if reply.how in ("hang", "cut"):
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.how == "whole":
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            try:
                while reply.how in ("drip", "flood") and not double.ended.wait(0.02 if reply.how == "drip" else 0.0):
                    double.flooded += self.wfile.write(b"x" * (1 if reply.how == "drip" else 65536))
            except OSError:
                self.close_connection = True

    return Handler
