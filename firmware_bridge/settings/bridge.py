"""The field side of the configuration: the same tables in the controller's file and in the bridge's own."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from firmware_bridge.settings.base import Section
from firmware_bridge.settings.broker import BrokerSettings
from firmware_bridge.settings.devices import LineSettings, Name, RelaySwitch


class InterlockLimits(Section):
    """The lock at the switch itself. It protects contacts and houses, whatever the controller thinks."""

    dead_time_s: float = Field(default=0.1, ge=0.01, le=10)
    """All contacts stay open, and read back open, this long: 0.02 does for static switches, contactors need at least
    0.05 to 0.1."""
    settle_s: float = Field(default=1.0, ge=0.05, le=60)
    """Time within which contacts must read back what was asked of them."""
    dwell_s: float = Field(default=60.0, ge=0, le=86_400)
    """Least time between two operations of a switch."""
    operations_per_hour: int = Field(default=12, ge=1, le=1000)
    """Most operations of a switch in an hour."""
    operations_per_day: int = Field(default=48, ge=1, le=10_000)
    """Most operations of a switch in a day."""
    future_s: float = Field(default=2.0, ge=0, le=60)
    """How far ahead of this clock a command may have been issued."""
    validity_s: float = Field(default=300.0, ge=1, le=3600)
    """Longest believable time between a command's issue and its expiry."""
    watch_s: float = Field(default=5.0, ge=0.5, le=3600)
    """How often the contacts are read at rest."""
    restore: bool = True
    """Whether a house that is found dark after a power cut goes back to its last phase by itself. Relays fall off
    with their supply, so without it every mains failure would leave their houses dark. Lock a switch out before
    working on it."""


class BridgeSettings(Section):
    """The field side: serial lines, meters and phase switches that this machine serves itself."""

    id: Name = "bridge"
    """Name of this bridge; part of its topics and of its client id."""
    state: Path = Path("bridge.db")
    """What the interlocks remember over a restart (a file). A relative path counts from `$STATE_DIRECTORY` (systemd),
    else from the configuration's folder."""
    templates: Path | None = None
    """Folder with templates of your own, `meters/*.toml` and `switches/*.toml`. A relative path counts from the
    configuration's folder."""
    command_keys: SecretStr = SecretStr("")
    """Keys of which one must have signed each command, one a line, at least 16 characters each; empty for unsigned
    commands. Best as the systemd credential `bridge.command_keys`."""
    interlock: InterlockLimits = InterlockLimits()
    lines: tuple[LineSettings, ...] = ()
    """The serial lines and gateways."""
    relays: tuple[RelaySwitch, ...] = ()
    """Phase switches made of relays that speak MQTT."""

    @property
    def in_use(self) -> bool:
        """Whether anything of it must be looked at: devices, templates, keys."""
        return bool(self.lines or self.relays or self.templates or self.command_keys.get_secret_value())


class BridgeConfiguration(Section):
    """The whole configuration of a bridge that runs alone."""

    mqtt: BrokerSettings = BrokerSettings()
    bridge: BridgeSettings = BridgeSettings()
