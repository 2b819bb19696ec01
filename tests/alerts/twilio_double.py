"""Twilio's REST API for messages on a loopback port, as its documentation describes it, with its failures.

The real SDK speaks to it through an HTTP client of its own that is led here instead of to api.twilio.com.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "a token nobody may see"
SENDER = "+15017122661"

ERRORS: dict[str, tuple[int, int, str]] = {
    "21211": (400, 21211, "The 'To' number +49 is not a valid phone number."),
    "21608": (400, 21608, "The number is unverified. Trial accounts cannot send messages to unverified numbers."),
    "21610": (400, 21610, "Attempt to send to unsubscribed recipient"),
    "21999": (400, 21999, "Something of next year"),
    "63038": (429, 63038, "Account exceeded the daily messages limit"),
    "401": (401, 20003, "Authenticate"),
    "429": (429, 20429, "Too Many Requests"),
    "500": (500, 20500, "Internal Server Error"),
    "503": (503, 20503, "Service Unavailable"),
}


class TwilioDouble:
    """`answers` are those to the next requests to send; then they are carried out.

    An error's name; `hang` answers nothing until the end; `lost` carries out and hangs; `cut` ends the connection;
    `garbage` is no JSON.
    """

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.answers: deque[str] = deque()
        self.looks: deque[str] = deque()
        """The same for reading."""
        self.messages: list[dict[str, Any]] = []
        """Newest first."""
        self.posts = 0
        self.gets = 0
        self.now = 1_795_405_500.0
        self.ahead_s = ahead_s
        self.first_status = "queued"
        self.ended = threading.Event()

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="twilio")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, to: str, body: str, *, inbound: bool = False, sender: str = SENDER) -> dict[str, Any]:
        """A message that is on record."""
        stamp = formatdate(self.now + self.ahead_s, usegmt=True).replace("GMT", "+0000")
        message = {
            "account_sid": ACCOUNT,
            "sid": f"SM{len(self.messages):032x}",
            "to": to,
            "from": sender,
            "body": body,
            "direction": "inbound" if inbound else "outbound-api",
            "status": "received" if inbound else self.first_status,
            "num_segments": "1",
            "error_code": None,
            "error_message": None,
            "date_created": stamp,
            "date_sent": None,
            "date_updated": stamp,
        }
        self.messages.insert(0, message)
        return message


def _handler(double: TwilioDouble) -> type[BaseHTTPRequestHandler]:
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(double.now + double.ahead_s, usegmt=True)

        def do_POST(self) -> None:
            double.posts += 1
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            what = double.answers.popleft() if double.answers else "201"
            if self._failed(what):
                return
            assert urlsplit(self.path).path == f"{path}.json"
            sender = form.get("From", ["of the service"])[0]
            message = double.add(form["To"][0], form["Body"][0], sender=sender)
            if what == "lost":
                double.ended.wait(30.0)
                self.close_connection = True
                return
            self._say(201, message | ({"sid": None} if what == "no sid" else {}))

        def do_GET(self) -> None:
            double.gets += 1
            if self._failed(double.looks.popleft() if double.looks else "200"):
                return
            at = urlsplit(self.path)
            if at.path == f"{path}.json":
                query = {name: values[0] for name, values in parse_qs(at.query).items()}
                found = [m for m in double.messages if query.get("To") in (None, m["to"])]
                page = found[: int(query["PageSize"])]
                self._say(200, {"messages": page, "page": 0, "page_size": len(page), "next_page_uri": None})
                return
            sid = at.path.removeprefix(f"{path}/").removesuffix(".json")
            self._say(200, next(m for m in double.messages if m["sid"] == sid))

        def _failed(self, what: str) -> bool:
            given = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
            if self.headers["Authorization"] != f"Basic {given}":
                what = "401"
            if what in ERRORS:
                status, code, text = ERRORS[what]
                more = f"https://www.twilio.com/docs/errors/{code}"
                self._say(status, {"code": code, "message": text, "more_info": more, "status": status}, "7")
            elif what == "garbage":
                self._send(200, b"<html>Please log in to the hotel's network</html>", "")
            elif what in ("hang", "cut"):
                if what == "hang":
                    double.ended.wait(30.0)
                self.close_connection = True
            else:
                return False
            return True

        def _say(self, status: int, body: dict[str, Any], retry_after: str = "") -> None:
            self._send(status, json.dumps(body).encode(), retry_after if status in (429, 503) else "")

        def _send(self, status: int, octets: bytes, retry_after: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(octets)))
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(octets)

    return Handler


class LedTo:
    """The SDK's HTTP client, led to another address."""

    def __init__(self, inner: Any, base: str) -> None:
        self.inner = inner
        self.base = base
        self.session = inner.session

    def request(self, method: str, url: str, **arguments: Any) -> Any:
        return self.inner.request(method, url.replace("https://api.twilio.com", self.base), **arguments)
