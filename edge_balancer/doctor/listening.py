"""The doctor's own connection to the broker: what is retained there, who speaks within a while, one thing said that
must not pass, and whether the broker lets one user hold more than one connection, as the controller does.

Its client ids are its own, so that the controller keeps its connections, but where the broker forces one id on all."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from paho.mqtt import client as paho

from edge_balancer.clock import Clock
from edge_balancer.doctor.connection import Connection, connected, own_name
from edge_balancer.settings.root import Configuration
from edge_balancer.telemetry.intake import Intake
from edge_balancer.telemetry.mqtt_link import ORDERS_SUFFIX, READINGS_SUFFIX
from edge_balancer.wire import Topics

_FILTERS_AT_ONCE: Final = 100
_SUFFIXES: Final = ("", ORDERS_SUFFIX, READINGS_SUFFIX)
"""Of the controller's client ids."""


@dataclass
class Heard:
    """What came in. `retained` by topic; `spoke` are the houses whose meters said something now."""

    retained: dict[str, bytes] = field(default_factory=dict)
    spoke: set[str] = field(default_factory=set)
    refused: dict[str, int] = field(default_factory=dict)
    problem: str = ""
    """Why nothing could be heard; empty where it could."""
    passed: bool | None = None
    """Whether the broker passed on what nobody is allowed to say; None where that could not be tried."""
    one_client: bool | None = None
    """Whether the broker takes several connections of this user for one client, and ends each when the next comes;
    None where that could not be tried."""


def listen(config: Configuration, clock: Clock, seconds: float) -> Heard:
    """Hear for `seconds` at most, less where everybody has spoken before. Never raises for a broker's sake."""
    heard, intake, topics = Heard(), Intake(config), Topics(config)
    wanted = {house.id for house in config.houses}
    # Meters on the controller's own lines are published by it; the intake leaves them to the line.
    served = {meter.house for line in config.bridge.lines for meter in line.meters}
    own = {f"{config.base_topic}/meter/{house}": house for house in served}
    shown = {topics.availability, topics.phases, topics.mode, topics.diagnostics}
    complete = threading.Event()
    probe = f"{config.base_topic}/doctor/{uuid.uuid4().hex}"
    filters = [*intake.subscriptions(), (probe, 1), *((topic, 0) for topic in sorted(shown))]

    def message(_client: paho.Client, _data: Any, said: paho.MQTTMessage) -> None:
        if said.topic == probe:
            heard.passed = True
            return
        if said.retain:
            heard.retained[said.topic] = bytes(said.payload)
        if said.topic in shown:
            return
        intake.message(said.topic, bytes(said.payload), said.retain, clock.monotonic(), clock.wall(), clock.synced())
        batch = intake.drain()
        heard.spoke |= {one.house for one in batch.readings} | {one.house for one in batch.three_phase}
        if not said.retain and said.topic in own:
            heard.spoke.add(own[said.topic])
        if wanted <= heard.spoke:
            complete.set()

    try:
        heard.one_client = _one_client(config)
        with connected(config, message) as connection:
            for start in range(0, len(filters), _FILTERS_AT_ONCE):
                some = filters[start : start + _FILTERS_AT_ONCE]
                connection.ask(lambda client, some=some: client.subscribe(some))  # type: ignore[misc]
            heard.passed = bool(heard.passed)
            connection.ask(lambda client: client.publish(probe, b"must not pass", qos=1))
            # An answer to this comes after whatever the broker has passed on before.
            connection.ask(lambda client: client.subscribe(probe, 1))
            complete.wait(seconds)
            connection.ask(lambda client: client.subscribe(probe, 1))
    except (OSError, TimeoutError, ValueError) as error:
        heard.problem = str(error) or type(error).__name__
    heard.refused = {str(reason): count for reason, count in intake.refusals.items()}
    return heard


def _one_client(config: Configuration) -> bool:
    """Hold as many connections at once as the controller, under as many names. Raises OSError where fewer are to be
    had."""
    heard: Callable[..., None] = lambda *_: None  # noqa: E731 - nobody speaks there
    nowhere = f"{config.base_topic}/doctor/{uuid.uuid4().hex}"
    name = own_name()
    with ExitStack() as held:
        had: list[Connection] = []
        for suffix in _SUFFIXES:
            try:
                had.append(held.enter_context(connected(config, heard, f"{name}{suffix}")))
            except OSError as error:
                if not had:
                    raise
                count = f"only {len(had)} of the {len(_SUFFIXES)} connections that the controller holds"
                raise ConnectionRefusedError(f"{count} (max_connections?): {error}") from error
        try:
            for connection in reversed(had):
                connection.ask(lambda client: client.subscribe(nowhere))
        except ConnectionAbortedError:
            return True
    return False
