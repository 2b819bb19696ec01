"""The broker: is it reached, is it the right one, and does it deny what it must deny."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_balancer.doctor.connection import reached
from edge_balancer.doctor.findings import Finding, fail, ok, warn
from edge_balancer.doctor.handshake import Answer, as_nobody
from edge_balancer.doctor.listening import Heard
from edge_balancer.settings.root import Configuration

_DAY_S: Final = 86_400.0
SOON_DAYS: Final = 60.0
DOORS: Final = (1883, 8883, 8884)
"""Where a broker listens by custom, in the clear and encrypted, and by `config/mosquitto`. The controller's own port
may be one of this machine's alone, while another is open to the network."""
_LOOPBACK: Final = ("localhost", "::1", "ip6-localhost")


def connection(config: Configuration, now: float) -> Iterator[Finding]:
    """`now` in Unix seconds. A FAIL in the first line means that nothing else can be asked of the broker."""
    mqtt = config.mqtt
    where = f"{mqtt.host}:{mqtt.tcp_port}"
    try:
        protocol, left_s = reached(mqtt)
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message or str(error)
        yield fail(
            "broker", f"{where} is not trusted: {why}", "check mqtt.ca_file, the name in mqtt.host, and the clock"
        )
        return
    except ssl.SSLError as error:
        yield fail(
            "broker",
            f"{where} ends the encryption: {error.reason}",
            "check mqtt.port, mqtt.cert_file and mqtt.key_file",
        )
        return
    except FileNotFoundError as error:
        yield fail(
            "broker",
            f"{error.filename or 'a certificate file'} is not there",
            "check mqtt.ca_file, cert_file, key_file",
        )
        return
    except PermissionError as error:
        yield warn("broker", f"{error.filename or 'the key'} may not be read by this user", "run the doctor as root")
        return
    except OSError as error:
        yield fail(
            "broker", f"{where} is not reached: {error}", "check that it runs, mqtt.host, mqtt.port and the network"
        )
        return
    if protocol:
        yield ok("broker", f"{where} is reached and trusted, {protocol}")
        yield from _runs_out("the broker's certificate", left_s)
        yield from _own_certificate(mqtt.cert_file, now)
    elif mqtt.host in _LOOPBACK or mqtt.host.startswith("127."):
        yield ok("broker", f"{where} is reached, on this machine")
    else:
        yield warn("broker", f"{where} is reached in the clear", "set mqtt.tls = true: docs/security.md shows how")


def access(config: Configuration, heard: Heard) -> Iterator[Finding]:
    """What must be denied, tried: to come in as nobody, and to say what nobody may say."""
    mqtt = config.mqtt
    signed = bool(config.bridge.command_keys.get_secret_value())
    danger = "is let in without a name" + ("" if signed else ": whoever reaches the broker can command switches")
    remedy = "set allow_anonymous false and an acl_file; config/mosquitto has both"
    for port in dict.fromkeys((mqtt.tcp_port, *DOORS)):
        answer = as_nobody(mqtt.host, port)
        if answer is Answer.LET_IN:
            level = warn if signed else fail
            yield level("access", f"a stranger on port {port} {danger}", remedy)
        elif answer is Answer.REFUSED:
            yield ok("access", f"a stranger on port {port} is refused")
    if heard.passed:
        yield warn(
            "access",
            "the broker passes on whatever this user says, also where nobody may speak: it has no access rules",
            "give it an acl_file: edge-balancer pki acl prints one for this site",
        )
    elif heard.passed is False:
        yield ok("access", "what nobody may say was not passed on")


def connections(heard: Heard) -> Iterator[Finding]:
    """The controller holds connections for readings and for orders besides its own: may it?"""
    if heard.one_client:
        yield warn(
            "broker",
            "takes all connections of this user for one client, so the controller hears readings, orders and switches "
            "over a single connection: a flood of the one can delay the others; and the doctor, while it listens, and "
            "the controller end each other's connection, so that meters seem silent",
            "connect the controller at a listener that does not force the client id (docs/security.md: port 8884)",
        )
    elif heard.one_client is False:
        yield ok("broker", "lets the controller hold connections for readings and for orders")


def _runs_out(what: str, left_s: float | None) -> Iterator[Finding]:
    if left_s is not None and left_s < SOON_DAYS * _DAY_S:
        yield warn(
            "broker",
            f"{what} runs out in {max(0.0, left_s / _DAY_S):.0f} days",
            "edge-balancer pki renew makes another",
        )


def _own_certificate(path: Path | None, now: float) -> Iterator[Finding]:
    """Ours was accepted just now; how long will it be? Read with cryptography, where that is installed."""
    if path is None:
        return
    try:
        from cryptography import x509
    except ImportError:
        return
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    yield from _runs_out("this controller's certificate", certificate.not_valid_after_utc.timestamp() - now)
