"""A mail server on a loopback port that speaks SMTP (RFC 5321), with STARTTLS, a login, and answers as it is told."""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
import threading
from collections.abc import Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self

USER, PASSWORD = "edge", "a password nobody may see"


class SmtpDouble:
    """`answers` replaces the answer to a verb (`greeting` before any): a text, `hang`, `cut` or `drip`."""

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        implicit: bool = False,
        login: bool = False,
        answers: Mapping[str, str] | None = None,
    ) -> None:
        self.tls = tls
        self.implicit = implicit
        self.login = login
        self.answers = answers or {}
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.heard: list[str] = []
        self.logged_in: list[bool] = []
        self.encrypted: list[bool] = []
        self.ended = threading.Event()

    def __enter__(self) -> Self:
        double = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    _Conversation(double, self.request).run()
                except OSError:
                    return

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="smtp")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Conversation:
    def __init__(self, double: SmtpDouble, line: socket.socket) -> None:
        self.double = double
        self.line: socket.socket = line
        self.encrypted = False
        self.logged_in = False
        self._buffer = b""

    def run(self) -> None:
        if self.double.implicit:
            self._encrypt()
        try:
            if self._say("greeting", "220 mail.example ESMTP"):
                while (heard := self._hear()) is not None and self._answer(heard):
                    pass
        finally:
            self.line.close()

    def _encrypt(self) -> None:
        assert self.double.tls is not None
        self.line, self.encrypted = self.double.tls.wrap_socket(self.line, server_side=True), True

    def _hear(self) -> str | None:
        while b"\r\n" not in self._buffer:
            if not (read := self.line.recv(65536)):
                return None
            self._buffer += read
        heard, _, self._buffer = self._buffer.partition(b"\r\n")
        return heard.decode()

    def _say(self, verb: str, text: str) -> bool:
        """False where the conversation ends with it."""
        text = self.double.answers.get(verb, text)
        if text == "hang":
            self.double.ended.wait(30.0)
        if text == "drip":
            self.line.sendall(b"250-")
            while not self.double.ended.wait(0.02):
                self.line.sendall(b"x")
        if text in ("hang", "cut", "drip"):
            return False
        self.line.sendall(text.encode() + b"\r\n")
        return True

    def _answer(self, heard: str) -> bool:
        verb, _, rest = heard.partition(" ")
        verb = verb.upper()
        self.double.heard.append(heard if verb != "AUTH" else "AUTH")
        match verb:
            case "EHLO":
                return self._say(verb, "\r\n".join(self._abilities()))
            case "STARTTLS":
                if not self._say(verb, "220 go ahead"):
                    return False
                self._encrypt()
                return True
            case "AUTH":
                given = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
                self.logged_in = rest == f"PLAIN {given}"
                return self._say(verb, "235 2.7.0 welcome" if self.logged_in else "535 5.7.8 not with these")
            case "MAIL" if self.double.login and not self.logged_in:
                return self._say(verb, "530 5.7.0 log in first")
            case "DATA":
                return self._say(verb, "354 go on") and self._mail()
            case "QUIT":
                self._say(verb, "221 bye")
                return False
            case _:
                return self._say(verb, "250 2.1.0 fine")

    def _abilities(self) -> list[str]:
        abilities = ["mail.example", "SIZE 1000000"]
        abilities += ["STARTTLS"] if self.double.tls is not None and not self.encrypted else []
        abilities += ["AUTH PLAIN"] if self.double.login else []
        return [f"250{'-' if k < len(abilities) - 1 else ' '}{each}" for k, each in enumerate(abilities)]

    def _mail(self) -> bool:
        lines: list[str] = []
        while (heard := self._hear()) != ".":
            assert heard is not None
            lines.append(heard.removeprefix(".") if heard.startswith("..") else heard)
        raw = "".join(f"{line}\r\n" for line in lines).encode()
        if self.double.answers.get("end", "250").startswith("250"):
            self.double.raw.append(raw)
            self.double.mails.append(message_from_bytes(raw, policy=policy.default))
            self.double.logged_in.append(self.logged_in)
            self.double.encrypted.append(self.encrypted)
        return self._say("end", "250 2.0.0 queued")
