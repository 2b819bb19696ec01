"""One MQTT connection by hand, to be refused: no client library stands between the question and the broker's answer."""

from __future__ import annotations

import enum
import socket
import ssl
from typing import Final

TIMEOUT_S: Final = 5.0
_CONNECT: Final = b"\x10"
_CLIENT_ID: Final = b"edge-balancer-doctor-nobody"


class Answer(enum.Enum):
    CLOSED = "nothing listens there"
    REFUSED = "refused"
    LET_IN = "let in"


def as_nobody(host: str, port: int) -> Answer:
    """The same, tried in the clear and encrypted: a stranger tries both, and trusts whatever answers."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    answers = []
    for context in (None, trusting):
        answers.append(anonymous(host, port, context))
        if answers[-1] is Answer.CLOSED:
            break
    return Answer.LET_IN if Answer.LET_IN in answers else answers[-1]


def anonymous(host: str, port: int, context: ssl.SSLContext | None) -> Answer:
    """What a broker says to a client without a name, a password or a certificate. Without `context` in the clear."""
    try:
        plain = socket.create_connection((host, port), timeout=TIMEOUT_S)
    except OSError:
        return Answer.CLOSED
    with plain:
        try:
            if context is None:
                return _ask(plain)
            with context.wrap_socket(plain, server_hostname=host) as encrypted:
                return _ask(encrypted)
        except OSError:
            # Ended in the handshake, or without a word: ssl.SSLError is an OSError too.
            return Answer.REFUSED


def _ask(connection: socket.socket) -> Answer:
    body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(_CLIENT_ID).to_bytes(2, "big") + _CLIENT_ID
    connection.sendall(_CONNECT + bytes([len(body)]) + body)
    answer = b""
    while len(answer) < 4 and (more := connection.recv(4 - len(answer))):
        answer += more
    # CONNACK, two bytes long, return code 0.
    if answer[:2] != b"\x20\x02" or len(answer) < 4 or answer[3] != 0:
        return Answer.REFUSED
    connection.sendall(b"\xe0\x00")
    return Answer.LET_IN
