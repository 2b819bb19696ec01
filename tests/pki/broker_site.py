"""A site as `docs/security.md` has it: an authority, certificates for every role, and a real Mosquitto with the shipped
configuration and the access file of the site."""

from __future__ import annotations

import datetime
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, socket
from typing import TYPE_CHECKING, Final

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.demo.broker import find_mosquitto
from edge_balancer.pki.acl import Grant, acl_text, grants
from edge_balancer.pki.roles import BROKER, Role
from edge_balancer.settings.root import Configuration
from tests.support.configuration import make_config

if TYPE_CHECKING:
    from edge_balancer.pki.authority import Authority

SHIPPED: Final = Path(__file__).parents[2] / "config/mosquitto/edge-balancer.conf"
DEBIANS: Final = """\
user root
persistence true
persistence_location {folder}/
log_dest file {folder}/broker.log
include_dir {folder}/conf.d
"""
"""What Debian's own /etc/mosquitto/mosquitto.conf says before it includes ours: no line may stand in both."""
NOW: Final = datetime.datetime.now(datetime.UTC)
WAIT_S: Final = 90.0
_ATTEMPTS: Final = 3
PROBE: Final = "operator:probe"
"""May do everything: what others did is seen with it."""
MEMBERS: Final = (
    (Role.CONTROLLER, "feeder"),
    (Role.BRIDGE, "shed"),
    (Role.METER, "h1"),
    (Role.METER, "transformer"),
    (Role.SWITCH, "h1"),
    (Role.SWITCH, "h2"),
    (Role.OPERATOR, "anna"),
    (Role.HOME, "ha"),
    (Role.VIEWER, "hall"),
)
HOUSES: Final = (
    {"id": "h1", "phase": "L1"},
    {"id": "h2", "phase": "L2", "switch_topic": "garage/relay-7"},
    {"id": "h3", "phase": "L3", "meters": [{"topic": "shellies/h3", "format": "shelly1"}]},
)


def site_config() -> Configuration:
    return make_config(list(HOUSES), homeassistant={"enabled": True})


def site_grants(config: Configuration) -> list[Grant]:
    return grants(config, bridges={"shed": ["h3"]}, operators=["anna"], homes=["ha"], viewers=["hall"])


@dataclass
class Site:
    folder: Path
    authority: Authority
    devices_port: int
    tools_port: int
    bind: str = "127.0.0.1"
    """Address of the devices' listener."""

    def papers(self, user: str) -> Path:
        return self.folder / "ca" / user.replace(":", ".")

    def context(self, user: str) -> ssl.SSLContext:
        """Strict, as a client that was written today."""
        papers = self.papers(user)
        context = ssl.create_default_context(cafile=papers / "ca.pem")
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_cert_chain(papers / "cert.pem", papers / "key.pem")
        return context

    def client(self, user: str, client_id: str = "") -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id or f"test-{user}")
        client.tls_set_context(self.context(user))
        return client


def free_ports(count: int) -> list[int]:
    probes = [socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def make_site(folder: Path, members: Sequence[tuple[str, str]] = MEMBERS, bind: str = "127.0.0.1") -> Site:
    pytest.importorskip("cryptography", reason="certificates need the extra pki")
    from edge_balancer.pki.authority import Authority

    authority = Authority.create(folder / "ca", "test site", NOW)
    authority.issue(BROKER, "main", NOW, hosts=list(dict.fromkeys(("localhost", "127.0.0.1", bind))))
    for role, name in (*members, (Role.OPERATOR, "probe")):
        authority.issue(role, name, NOW)
    config = site_config()
    probe = f"\nuser {PROBE}\ntopic readwrite #\n"
    (folder / "acl").write_text(acl_text(config, site_grants(config)) + probe)
    devices_port, tools_port = free_ports(2)
    return Site(folder, authority, devices_port, tools_port, bind)


@contextmanager
def broker_of(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """Mosquitto with the shipped configuration, but for the paths and ports of this test."""
    child = _start(site)
    try:
        for _ in range(_ATTEMPTS):
            if _accepts(child, site.bind, site.devices_port) and _accepts(child, "127.0.0.1", site.tools_port):
                break
            # Somebody else has taken a port that was free a moment ago.
            child.terminate()
            child.wait(WAIT_S)
            site.devices_port, site.tools_port = free_ports(2)
            child = _start(site)
        else:
            raise AssertionError(f"mosquitto does not start: {(site.folder / 'broker.log').read_text()[-500:]}")
        yield child
    finally:
        child.terminate()
        child.wait(WAIT_S)


def _start(site: Site) -> subprocess.Popen[bytes]:
    program = find_mosquitto()
    if program is None:
        pytest.skip("needs Mosquitto")
    ca = site.folder / "ca"
    text = SHIPPED.read_text(encoding="utf-8")
    places = {
        "/etc/mosquitto/edge-balancer/acl": site.folder / "acl",
        "/etc/mosquitto/edge-balancer/ca.pem": ca / "ca.pem",
        "/etc/mosquitto/edge-balancer/cert.pem": ca / "broker.main/cert.pem",
        "/etc/mosquitto/edge-balancer/key.pem": ca / "broker.main/key.pem",
        "/etc/mosquitto/edge-balancer/crl.pem": ca / "crl.pem",
        "listener 8883": f"listener {site.devices_port} {site.bind}",
        "listener 8884 127.0.0.1": f"listener {site.tools_port} 127.0.0.1",
    }
    for shipped, ours in places.items():
        assert shipped in text, shipped
        text = text.replace(shipped, str(ours))
    included = site.folder / "conf.d"
    included.mkdir(exist_ok=True)
    (included / "edge-balancer.conf").write_text(text)
    file = site.folder / "mosquitto.conf"
    file.write_text(DEBIANS.format(folder=site.folder))
    return subprocess.Popen([program, "-c", str(file)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _accepts(child: subprocess.Popen[bytes], host: str, port: int) -> bool:
    """Whether it comes to accept connections there; False where it has ended."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            with create_connection((host, port), timeout=1.0):
                return child.poll() is None
        except OSError:
            if child.poll() is not None:
                return False
            time.sleep(0.01)
    return False
