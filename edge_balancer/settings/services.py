"""The broker and the store: what the daemon talks to."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from edge_balancer.settings.base import Section


class MqttSettings(Section):
    """The broker."""

    host: str = "localhost"
    port: int | None = Field(default=None, ge=1, le=65535)
    """8883 with TLS and 1883 without, where not given."""
    user: str = ""
    password: SecretStr = SecretStr("")
    """Better in the environment (`EDGE_BALANCER_MQTT__PASSWORD`) or as the systemd credential `mqtt.password`."""
    client_id: str = ""
    """`edge-balancer-<feeder>` where not given."""
    base_topic: str = ""
    """`phase-balance/<feeder>` where not given."""
    keepalive_s: int = Field(default=30, ge=5, le=600)
    tls: bool = False
    ca_file: Path | None = None
    """Certificate authority; the system's where not given."""
    cert_file: Path | None = None
    """Client certificate."""
    key_file: Path | None = None
    """Key of the client certificate."""
    publish_s: float = Field(default=1.0, ge=0.2, le=60)
    """How often `B/phases` is published, s."""

    @model_validator(mode="after")
    def _files_need_tls(self) -> Self:
        given = [name for name in ("ca_file", "cert_file", "key_file") if getattr(self, name)]
        if given and not self.tls:
            raise ValueError(f"{', '.join(given)} without TLS: set tls = true, or remove them")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together: give both, or neither")
        if self.base_topic and (set("+#\0") & set(self.base_topic) or self.base_topic.strip("/") != self.base_topic):
            raise ValueError(f"base_topic = {self.base_topic!r} must have no '+', no '#', and no '/' at its ends")
        return self

    @property
    def tcp_port(self) -> int:
        return self.port or (8883 if self.tls else 1883)


class StorageSettings(Section):
    """The store (one SQLite file) and how long it keeps what."""

    path: Path = Path("edge-balancer.db")
    """The database file. A relative path counts from `$STATE_DIRECTORY` (systemd), else from the configuration's folder."""
    minute_days: int = Field(default=7, ge=1, le=3650)
    """One-minute means are kept this long, then thinned to 15 minutes."""
    quarter_days: int = Field(default=730, ge=1, le=7300)
    """15-minute means are kept this long."""
    max_mb: float = Field(default=2000.0, ge=10)
    """The telemetry's bound on the disk; the oldest goes first. The audit trail is never thinned."""
    batch_s: float = Field(default=60.0, ge=1, le=900)
    """How often telemetry is written."""
