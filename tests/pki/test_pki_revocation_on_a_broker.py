"""Renewals and revocations as a broker sees them: no gap while a device changes, and an end for one that was stolen."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from edge_balancer.pki.roles import Role
from tests.pki.broker_site import NOW, WAIT_S, Site, broker_of, make_site
from tests.pki.test_pki_roles_on_a_broker import connected, refused

METER = (Role.METER, "h1")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path, [METER, (Role.METER, "transformer")])


def test_a_revoked_certificate_is_refused_after_the_brokers_restart_and_others_are_not(site: Site) -> None:
    with broker_of(site):
        assert not refused(site.context("meter:h1"), site.devices_port)
    assert site.authority.revoke(*METER, NOW) == 1
    with broker_of(site):
        assert refused(site.context("meter:h1"), site.devices_port)
        assert not refused(site.context("meter:transformer"), site.devices_port)


def test_a_device_changes_to_its_renewed_certificate_without_a_gap(site: Site, tmp_path: Path) -> None:
    old = tmp_path / "ca" / "meter.h0"
    shutil.copytree(site.papers("meter:h1"), old)
    site.authority.issue(*METER, NOW, renew=True)
    with broker_of(site):
        assert not refused(site.context("meter:h0"), site.devices_port)
        assert not refused(site.context("meter:h1"), site.devices_port)
    assert site.authority.revoke(*METER, NOW, superseded=True) == 1
    with broker_of(site):
        assert refused(site.context("meter:h0"), site.devices_port)
        assert not refused(site.context("meter:h1"), site.devices_port)


def test_a_reload_refuses_new_connections_and_leaves_those_that_stand(site: Site) -> None:
    """Why the documentation says restart."""
    with broker_of(site) as broker, connected(site, "meter:h1", site.devices_port) as (meter, _):
        gone = threading.Event()
        meter.on_disconnect = lambda *_: gone.set()
        site.authority.revoke(*METER, NOW)
        broker.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + WAIT_S
        while not refused(site.context("meter:h1"), site.devices_port):
            assert time.monotonic() < deadline, "the reload was not heeded"
        meter.publish("phase-balance/feeder/meter/h1", "{}", qos=1).wait_for_publish(WAIT_S)
        assert not gone.is_set()
        meter.on_disconnect = None


def test_openssl_agrees_with_what_was_made(site: Site) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    ca = site.folder / "ca"
    chain = ("-x509_strict", "-CAfile", ca / "ca.pem", "-crl_check", "-CRLfile", ca / "crl.pem")
    for papers, purpose in ((ca / "meter.h1", "sslclient"), (ca / "broker.main", "sslserver")):
        subprocess.run(("openssl", "verify", *chain, "-purpose", purpose, papers / "cert.pem"), check=True)
    site.authority.revoke(*METER, NOW)
    done = subprocess.run(
        ("openssl", "verify", *chain, ca / "meter.h1/cert.pem"), capture_output=True, text=True, check=False
    )
    assert "certificate revoked" in done.stdout + done.stderr


def test_a_client_finds_the_broker_by_the_names_in_its_certificate_alone(site: Site) -> None:
    context = site.context("meter:h1")
    with (
        broker_of(site),
        socket.create_connection(("127.0.0.1", site.devices_port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname="another.example")
