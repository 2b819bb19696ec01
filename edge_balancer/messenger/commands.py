"""`edge-balancer alerts`: what stands is read from the store, wishes go to the running controller over the broker, and
a test is really sent. No argument parsing here.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from edge_balancer.alerts.catalogue import title
from edge_balancer.alerts.channels.build import build
from edge_balancer.alerts.channels.channel import Channel, Message, Outcome, Receipt
from edge_balancer.alerts.telling.state import RANK, State, from_rows
from edge_balancer.alerts.texts import texts_of
from edge_balancer.messenger.publishing import publish
from edge_balancer.messenger.queue_file import beside, read_rows
from edge_balancer.settings.load import load
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.errors import StorageError
from edge_balancer.storage.restore import standing_alerts
from edge_balancer.types.events import Alert, Severity

OK, FAILED, CANNOT = 0, 1, 2
LOOK_S: Final = 30.0
"""How long a test waits to hear that it arrived."""
LOOK_EVERY_S: Final = 2.0


def alerts_command(args: argparse.Namespace) -> int:
    """Gives 0 where it was done, 1 where a message or wish did not go out, 2 where nothing could be read."""
    config = load(args.config, os.environ)
    steps: Mapping[str, Callable[[], int]] = {
        "list": lambda: list_command(config),
        "ack": lambda: ack_command(config, args.what, args.operator),
        "test": lambda: test_command(config, args.channel, args.to),
        "silence": lambda: silence_command(config, args.keys, args.minutes, args.operator),
    }
    try:
        return steps[args.step]()
    except StorageError as error:
        print(f"alerts: {error}", file=sys.stderr)
        return CANNOT


def list_command(config: Configuration) -> int:
    """Print the alerts that stand, the gravest first."""
    with open_reader(config.storage.path) as connection:
        standing = standing_alerts(connection)
    numbers = _numbers(_state(config))
    if not standing:
        print("No alert stands.")
    for alert in sorted(standing, key=lambda alert: (-RANK[alert.severity], alert.since)):
        print(_line(alert, numbers.get(alert.key, ())))
        print(f"    {alert.text}")
    for silence in _state(config).silences.values():
        print(f"Silenced until {_local(silence.until_wall)} by {silence.by}: {silence.pattern}")
    return OK


def ack_command(config: Configuration, what: str, operator: str | None) -> int:
    """Acknowledge an alert by its key, or all of a message by its short number."""
    with open_reader(config.storage.path) as connection:
        standing = {alert.key for alert in standing_alerts(connection)}
    keys = [key for key, numbers in _numbers(_state(config)).items() if what in numbers and key in standing]
    if what in standing:
        keys = [what]
    if not keys:
        known = ", ".join(sorted(standing)) or "none stands"
        print(f"alerts ack: no alert with the key or number {what} stands: {known}", file=sys.stderr)
        return FAILED
    payload = msgspec.json.encode({"operator": operator or _user()})
    wishes = [(f"{config.base_topic}/alert/{key}/ack", payload) for key in keys]
    return _wish(config, wishes, f"acknowledged: {', '.join(keys)}")


def silence_command(config: Configuration, keys: str, minutes: float, operator: str | None) -> int:
    """Ask the running controller for a maintenance window."""
    if not any(contact.ways for contact in config.contacts):
        print("alerts silence: no contacts are configured, so nobody is told of anything", file=sys.stderr)
        return FAILED
    payload = msgspec.json.encode({"keys": keys, "minutes": minutes, "operator": operator or _user()})
    done = f"silenced for {minutes:g} minutes: {keys}" if minutes else f"told again: {keys}"
    return _wish(config, [(f"{config.base_topic}/silence/set", payload)], done)


def test_command(config: Configuration, name: str, to: str | None) -> int:
    """Send a test to one address, or to all contacts on this channel, and say what became of it."""
    addresses = [to] if to else [way.to for contact in config.contacts for way in contact.ways if way.channel == name]
    if not addresses:
        print(f"alerts test: no contact is reached on {name}: give --to ADDRESS", file=sys.stderr)
        return FAILED
    missing: dict[str, str] = {}
    channels = build(config.channels, missing)
    try:
        channel = channels.get(name)
        if channel is None and name in missing:
            print(f"alerts test: {missing[name]}", file=sys.stderr)
            return FAILED
        if channel is None:
            known = ", ".join(sorted(channels)) or "none"
            print(f"alerts test: {name} is no channel in use ({known}): configure [channels.{name}]", file=sys.stderr)
            return FAILED
        results = [_test(config, channel, address) for address in dict.fromkeys(addresses)]
    finally:
        for opened in channels.values():
            opened.close()
    return OK if all(results) else FAILED


def _test(config: Configuration, channel: Channel, to: str) -> bool:
    texts = texts_of(config.alerts.telling.language)
    message = Message(
        id=uuid.uuid4().hex,
        to=to,
        subject=texts.say("test.subject", feeder=config.feeder.id),
        text=texts.say("test.text", feeder=config.feeder.id),
        severity=Severity.INFO,
        keys=(),
        wall=time.time(),
    )
    receipt = channel.send(message)
    _say(to, receipt)
    until = time.monotonic() + LOOK_S
    while receipt.outcome is Outcome.SENT and receipt.reference and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
        receipt = channel.look(receipt.reference) or receipt
        if receipt.outcome is not Outcome.SENT:
            _say(to, receipt)
    return receipt.outcome in {Outcome.SENT, Outcome.DELIVERED}


def _say(to: str, receipt: Receipt) -> None:
    print(f"{to}: {receipt.outcome}" + (f": {receipt.detail}" if receipt.detail else ""))


def _wish(config: Configuration, wishes: Sequence[tuple[str, bytes]], done: str) -> int:
    problem = publish(config, wishes)
    if problem:
        print(f"alerts: {problem}", file=sys.stderr)
        return FAILED
    print(done)
    return OK


def _state(config: Configuration) -> State:
    try:
        return from_rows(read_rows(beside(config.storage.path)))
    except msgspec.MsgspecError:
        # The controller sets a damaged queue aside by itself.
        return State()


def _numbers(state: State) -> dict[str, list[str]]:
    """Key of an alert that stands -> short numbers that acknowledge it."""
    found: dict[str, list[str]] = {}
    for number, ids in state.clock.numbers.items():
        for name in ids:
            episode = state.episodes.get(name)
            if episode is not None and episode.standing:
                found.setdefault(episode.key, []).append(number)
    return found


def _line(alert: Alert, numbers: Sequence[str]) -> str:
    number = f", number {' '.join(numbers)}" if numbers else ""
    return f"{alert.severity} {title(alert.key)} ({alert.key}), {alert.state} since {_local(alert.since)}{number}"


def _local(wall: float) -> str:
    return f"{datetime.fromtimestamp(wall).astimezone():%Y-%m-%d %H:%M}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"
