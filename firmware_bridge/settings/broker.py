"""The broker, as the bridge and the controller both reach it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, SecretStr

from firmware_bridge.settings.base import Finding, Section


class BrokerSettings(Section):
    """The broker."""

    host: str = Field(default="localhost", min_length=1)
    """Name or address of the broker."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port of the broker; 8883 with TLS and 1883 without, where not given."""
    user: str = ""
    """User name at the broker; empty where the broker asks for none."""
    password: SecretStr = SecretStr("")
    """Password at the broker. Better in the environment (`EDGE_BALANCER_MQTT__PASSWORD`) or as the systemd credential
    `mqtt.password`."""
    client_id: str = ""
    """Client id at the broker, one of its own for each client; `edge-balancer-<feeder>` where not given."""
    base_topic: str = ""
    """What every topic begins with (`B`); `phase-balance/<feeder>` where not given."""
    keepalive_s: int = Field(default=30, ge=5, le=600)
    """After one and a half times this without a sign of life the broker publishes the last will."""
    tls: bool = False
    """Whether the connection is encrypted and the broker's certificate checked."""
    ca_file: Path | None = None
    """Certificate authority; the system's where not given. A relative path counts from the configuration's folder,
    here and below."""
    cert_file: Path | None = None
    """Client certificate."""
    key_file: Path | None = None
    """Key of the client certificate."""

    def contradictions(self) -> Iterator[Finding]:
        for name in ("ca_file", "cert_file", "key_file"):
            file: Path | None = getattr(self, name)
            if file is not None and not self.tls:
                yield Finding(
                    (name,), file, "has no use without TLS", f"set tls = true, or remove {name}", involves=(("tls",),)
                )
        for name, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
            file = getattr(self, name)
            if file is not None and getattr(self, other) is None:
                yield Finding(
                    (name,),
                    file,
                    f"stands without {other}: a client certificate and its key go together",
                    f"give {other} too, or remove {name}",
                    involves=((other,),),
                )
        if self.base_topic and (set("+#\0") & set(self.base_topic) or self.base_topic.strip("/") != self.base_topic):
            yield Finding(
                ("base_topic",),
                self.base_topic,
                "is no base topic: it must have no '+', no '#', and no '/' at its ends",
                "write it like site/feeder-7, or leave it out",
            )

    @property
    def tcp_port(self) -> int:
        return self.port or (8883 if self.tls else 1883)
