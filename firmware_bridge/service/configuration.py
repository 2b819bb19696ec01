"""The configuration of a bridge that runs alone, judged as a whole: its file, its devices, its broker.

The controller judges its own, and shares what concerns lines and devices (`problems`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from firmware_bridge.service.problems import problems
from firmware_bridge.settings.base import Finding
from firmware_bridge.settings.bridge import BridgeConfiguration
from firmware_bridge.settings.exposure import readable_by_all
from firmware_bridge.settings.load import Loaded, read
from firmware_bridge.settings.problems import ConfigurationProblems

_CERTIFICATES = ("ca_file", "cert_file", "key_file")


def examine(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read and judge everything; never raises. `sound` says whether it can be served."""
    loaded = read(path, environ)
    found = list(_findings(loaded.configuration))
    found += _open_secrets(loaded)
    loaded.add(found)
    return loaded


def load(path: Path, environ: Mapping[str, str]) -> BridgeConfiguration:
    """The configuration, every path absolute. Raises ConfigurationProblems with all of them."""
    loaded = examine(path, environ)
    if not loaded.sound:
        raise ConfigurationProblems(loaded.problems)
    return loaded.configuration


def _findings(configuration: BridgeConfiguration) -> Iterator[Finding]:
    yield from _mqtt(configuration)
    bridge = configuration.bridge
    if bridge.state.is_dir():
        yield Finding(
            ("bridge", "state"),
            bridge.state,
            "is a folder, where the file of the switches' memory is expected",
            "name a file in it, e.g. bridge.db",
        )
    if not bridge.lines and not bridge.relays:
        yield Finding(
            ("bridge", "lines"),
            None,
            "are missing: there is nothing to serve",
            "add [[bridge.lines]] with the meters and switches on it, or [[bridge.relays]]",
        )
    for finding in problems(bridge):
        yield replace(
            finding,
            at=("bridge", *finding.at),
            involves=tuple(("bridge", *place) for place in finding.involves),
        )


def _mqtt(configuration: BridgeConfiguration) -> Iterator[Finding]:
    mqtt = configuration.mqtt
    if not mqtt.base_topic:
        yield Finding(
            ("mqtt", "base_topic"),
            None,
            "is missing: the bridge does not know which feeder it serves",
            "set it to the controller's: phase-balance/<feeder id>, or what its mqtt.base_topic says",
        )
    if any(sign in mqtt.host for sign in "/@ \0") or "://" in mqtt.host:
        # An address like mqtt://user:secret@host holds a secret: the value is not repeated.
        yield Finding(
            ("mqtt", "host"),
            None,
            "is no host name",
            "give the name or address alone; port, user and password have keys",
        )
    if mqtt.password.get_secret_value() and not mqtt.user:
        yield Finding(
            ("mqtt", "user"),
            None,
            "is missing: brokers refuse a password without a user name",
            "give mqtt.user, or remove the password",
            involves=(("mqtt", "password"),),
        )
    for name in _CERTIFICATES:
        file: Path | None = getattr(mqtt, name)
        if file is not None and not file.is_file():
            yield Finding(("mqtt", name), file, "does not exist", f"correct mqtt.{name}, or remove it")


def _open_secrets(loaded: Loaded) -> Iterator[Finding]:
    mqtt, bridge = loaded.configuration.mqtt, loaded.configuration.bridge
    for at, secret in ((("mqtt", "password"), mqtt.password), (("bridge", "command_keys"), bridge.command_keys)):
        if secret.get_secret_value() and loaded.source(at) == str(loaded.path) and readable_by_all(loaded.path):
            yield Finding(
                at,
                secret,
                "stands in a file that every user of this machine can read",
                f"chmod o-r {loaded.path}, and give it another value, since this one may be known; better "
                f"give it as the systemd credential {'.'.join(at)}",
            )
