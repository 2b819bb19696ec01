"""What each role may and may not do, tried on a real Mosquitto over TLS: every role on every topic there is."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from paho.mqtt import client as paho

from edge_balancer.homeassistant.discovery import Announcer
from edge_balancer.pki.acl import Grant
from edge_balancer.pki.roles import HEAR, SAY, Right, Role
from edge_balancer.telemetry.intake import Intake
from edge_balancer.wire import Topics
from tests.docs.contract_file import contract, fits
from tests.pki.broker_site import MEMBERS, PROBE, WAIT_S, Site, broker_of, make_site, site_config, site_grants

BASE: Final = "phase-balance/feeder"
FOREIGN: Final = (
    "garage/relay-7/set",
    "garage/relay-7/state",
    "garage/relay-7/availability",
    "shellies/h3",
    "shellies/h3/emeter/0/power",
    "homeassistant/status",
    "homeassistant/device/edge_balancer_feeder/feeder/config",
    "homeassistant/switch/another/config",
    "another/feeder/mode/set",
    "$control/dynamic-security/v1",
)
MEMBER_NAMES: Final = [f"{role}:{name}" for role, name in MEMBERS]


def universe() -> list[str]:
    """A topic of every channel in the contract, for two houses, and some that are none of the contract's."""
    words = {"house": ("h1", "h2"), "bridge": ("shed", "other"), "kind": ("storage",), "subject": ("h1", "L2")}
    topics = list(FOREIGN)
    for channel in contract()["channels"].values():
        found = [channel["address"].replace("{base}", BASE)]
        for word, values in words.items():
            found = [t.replace(f"{{{word}}}", value) for t in found for value in values]
        topics += found
    return sorted(set(topics))


def allowed(grant: Grant, right: Right) -> set[str]:
    """What the table lets a user do. A wildcard at a filter's beginning never covers $ topics; none here begins so."""
    return {t for t in universe() if any(r.right is right and fits(t, r.topic) for r in grant.rules)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = make_site(tmp_path_factory.mktemp("site"))
    with broker_of(made):
        yield made


@contextmanager
def connected(site: Site, user: str, port: int, hear: str = "", client_id: str = "") -> Iterator[Any]:
    """A client that is connected, and a queue of what it hears."""
    client, heard, ready = site.client(user, client_id), queue.SimpleQueue[tuple[str, bytes]](), threading.Event()
    client.on_message = lambda _c, _d, message: heard.put((message.topic, bytes(message.payload)))
    client.on_subscribe = lambda *_: ready.set()

    def welcome(client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        assert not reason.is_failure, reason
        if hear:
            client.subscribe(hear, qos=1)
        else:
            ready.set()

    client.on_connect = welcome
    client.connect("localhost", port)
    client.loop_start()
    try:
        assert ready.wait(WAIT_S), f"{user} was not let in"
        yield client, heard
    finally:
        client.disconnect()
        client.loop_stop()


def collect(heard: queue.SimpleQueue[tuple[str, bytes]], end: Callable[[str, bytes], bool]) -> list[tuple[str, bytes]]:
    """All that is heard up to a marker."""
    found: list[tuple[str, bytes]] = []
    while True:
        topic, payload = heard.get(timeout=WAIT_S)
        if end(topic, payload):
            return found
        found.append((topic, payload))


def port_of(site: Site, user: str) -> int:
    return site.tools_port if user.startswith(("controller:", "bridge:", PROBE)) else site.devices_port


@pytest.mark.parametrize("user", MEMBER_NAMES)
def test_a_role_says_what_the_table_allows_and_nothing_else(site: Site, user: str) -> None:
    (grant,) = [g for g in site_grants(site_config()) if g.user == user]
    topics = universe()
    with (
        connected(site, PROBE, site.tools_port, hear="#", client_id=f"probe-{user}") as (probe, heard),
        connected(site, user, port_of(site, user)) as (client, _),
    ):
        for topic in topics:
            # The broker acknowledges what it throws away too, so the client keeps its connection.
            client.publish(topic, user, qos=1).wait_for_publish(WAIT_S)
        probe.publish("end", user, qos=1)
        passed = {topic for topic, payload in collect(heard, lambda t, p: t == "end" and p == user.encode())}
    print(f"\n{user} says {sorted(passed)}")  # noqa: T201 - the list is for people (-s)
    assert passed == allowed(grant, SAY)


@pytest.mark.parametrize("user", MEMBER_NAMES)
def test_a_role_hears_what_the_table_allows_and_nothing_else(site: Site, user: str) -> None:
    (grant,) = [g for g in site_grants(site_config()) if g.user == user]
    permitted = allowed(grant, HEAR)
    with (
        connected(site, PROBE, site.tools_port, client_id=f"probe-{user}") as (probe, _),
        connected(site, user, port_of(site, user), hear="#") as (_, heard),
    ):
        for topic in (t for t in universe() if not t.startswith("$")):
            probe.publish(topic, "word", qos=1).wait_for_publish(WAIT_S)
        if not permitted:
            # A meter hears nothing, so no marker either; its connection is asked whether it is idle by a round trip.
            assert heard.empty()
            return
        last = min(permitted)
        probe.publish(last, "end", qos=1)
        passed = {topic for topic, _ in collect(heard, lambda t, p: t == last and p == b"end")}
    print(f"\n{user} hears {sorted(passed)}")  # noqa: T201
    assert passed == permitted


def test_only_the_controller_commands_a_switch() -> None:
    commanders = {
        g.user
        for g in site_grants(site_config())
        if any(t.endswith("/set") for t in allowed(g, SAY))
        and any("/switch/" in t or "garage" in t for t in allowed(g, SAY) if t.endswith("/set"))
    }
    assert commanders == {"controller:feeder"}


FORBIDDEN: Final = [
    (Role.METER, "h1", SAY, f"{BASE}/meter/h2"),
    (Role.METER, "h1", SAY, f"{BASE}/meter/transformer"),
    (Role.METER, "h1", SAY, f"{BASE}/switch/h1/state"),
    (Role.SWITCH, "h1", SAY, "garage/relay-7/state"),
    (Role.SWITCH, "h1", SAY, f"{BASE}/meter/h1"),
    (Role.SWITCH, "h1", HEAR, "garage/relay-7/set"),
    (Role.BRIDGE, "shed", SAY, f"{BASE}/switch/h1/state"),
    (Role.BRIDGE, "shed", SAY, f"{BASE}/bridge/other"),
    (Role.OPERATOR, "anna", SAY, f"{BASE}/switch/h1/set"),
    (Role.OPERATOR, "anna", SAY, f"{BASE}/meter/h1"),
    (Role.HOME, "ha", SAY, f"{BASE}/switch/h1/request"),
    (Role.HOME, "ha", HEAR, f"{BASE}/meter/h1"),
    (Role.VIEWER, "hall", HEAR, f"{BASE}/meter/h1"),
    (Role.VIEWER, "hall", SAY, f"{BASE}/mode/set"),
    (Role.CONTROLLER, "feeder", SAY, f"{BASE}/switch/h1/request"),
    (Role.CONTROLLER, "feeder", SAY, f"{BASE}/switch/h1/state"),
]


@pytest.mark.parametrize(("role", "name", "right", "topic"), FORBIDDEN)
def test_what_must_never_be_allowed_is_not_in_the_table(role: Role, name: str, right: Right, topic: str) -> None:
    (grant,) = [g for g in site_grants(site_config()) if g.user == f"{role}:{name}"]
    assert topic in universe()
    assert topic not in allowed(grant, right)


def test_the_controller_may_hear_all_that_it_subscribes_to() -> None:
    config = site_config()
    (grant,) = [g for g in site_grants(config) if g.user == "controller:feeder"]
    hears = [rule.topic for rule in grant.rules if rule.right is HEAR]
    wanted = Intake(config).subscriptions() + Announcer(config, Topics(config), {}).subscriptions
    for topic, _ in (*wanted, (Topics(config).availability, 1)):
        assert any(topic == filter_ or fits(topic, filter_) for filter_ in hears), topic


def refused(context: ssl.SSLContext, port: int) -> bool:
    """Whether the broker ends the handshake. With TLS 1.3 a client learns of it only when it reads."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as plain:
        try:
            context.wrap_socket(plain, server_hostname="localhost").close()
        except (ssl.SSLError, ConnectionResetError):
            return True
    return False


@pytest.mark.parametrize("listener", ["devices_port", "tools_port"])
def test_who_has_no_certificate_of_this_site_gets_no_connection(
    site: Site, listener: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = make_site(tmp_path_factory.mktemp("other"), [(Role.CONTROLLER, "feeder")])
    stranger = other.context("controller:feeder")
    stranger.load_verify_locations(site.folder / "ca/ca.pem")
    port = getattr(site, listener)
    assert not refused(site.context("controller:feeder"), port)
    assert refused(ssl.create_default_context(cafile=site.folder / "ca/ca.pem"), port)
    assert refused(stranger, port)
    # The broker's own certificate is a server's: stolen from it, it opens nothing.
    assert refused(site.context("broker:main"), port)


def test_nobody_on_the_devices_listener_takes_over_the_controllers_connection(site: Site) -> None:
    with connected(site, "controller:feeder", site.tools_port, client_id="edge-balancer-feeder") as (controller, _):
        gone = threading.Event()
        controller.on_disconnect = lambda *_: gone.set()
        with connected(site, "meter:h1", site.devices_port, client_id="edge-balancer-feeder") as (meter, _):
            meter.publish(f"{BASE}/meter/h1", "{}", qos=1).wait_for_publish(WAIT_S)
            controller.publish(f"{BASE}/mode", "{}", qos=1).wait_for_publish(WAIT_S)
            assert not gone.is_set()
        controller.on_disconnect = None


def test_a_message_beyond_the_limit_ends_at_the_broker(site: Site) -> None:
    with (
        connected(site, PROBE, site.tools_port, hear=f"{BASE}/meter/h1", client_id="probe-size") as (_, heard),
        connected(site, "meter:h1", site.devices_port) as (meter, _),
    ):
        meter.publish(f"{BASE}/meter/h1", b"x" * 70_000, qos=1)
        meter.publish(f"{BASE}/meter/h1", b"small", qos=1)
        assert heard.get(timeout=WAIT_S) == (f"{BASE}/meter/h1", b"small")
