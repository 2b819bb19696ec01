"""The broker and the store: what the daemon talks to."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from firmware_bridge.settings.base import Section
from firmware_bridge.settings.broker import BrokerSettings


class MqttSettings(BrokerSettings):
    """The broker."""

    publish_s: float = Field(default=1.0, ge=0.2, le=60)
    """How often `B/phases` is published, s."""


class StorageSettings(Section):
    """The store (one SQLite file) and how long it keeps what."""

    path: Path = Path("edge-balancer.db")
    """The database file. A relative path counts from `$STATE_DIRECTORY` (systemd), else from the configuration's
    folder."""
    minute_days: int = Field(default=35, ge=1, le=3650)
    """One-minute means are kept this long, then thinned to 15 minutes. About 48 kB a house and day; a learned forecast
    of the site's own wants five weeks of them."""
    quarter_days: int = Field(default=730, ge=1, le=7300)
    """15-minute means are kept this long."""
    max_mb: float = Field(default=2000.0, ge=10)
    """The telemetry's bound on the disk; the oldest goes first. The audit trail is never thinned."""
    batch_s: float = Field(default=180.0, ge=1, le=900)
    """How often telemetry is written; a power cut takes the last batch."""
