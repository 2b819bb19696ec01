"""Home Assistant: whether and where the controller announces itself. What it announces is in `homeassistant`."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from firmware_bridge.settings.base import Finding, Section


class HomeAssistantSettings(Section):
    """Home Assistant, which finds the feeder and its phase switches by itself over the same broker."""

    enabled: bool = False
    """Whether the controller announces itself by MQTT discovery. Switched off, it takes back what it has announced."""
    prefix: str = Field(default="homeassistant", min_length=1)
    """Home Assistant's discovery prefix."""
    status_topic: str = Field(default="homeassistant/status", min_length=1)
    """Where Home Assistant says `online` after its start; everything is announced anew then."""

    def contradictions(self) -> Iterator[Finding]:
        for name in ("prefix", "status_topic"):
            topic: str = getattr(self, name)
            if set("+#\0") & set(topic) or topic.strip("/") != topic:
                yield Finding(
                    (name,),
                    topic,
                    "is no topic: it must have no '+', no '#', and no '/' at its ends",
                    "give the one that Home Assistant's MQTT options show, or leave it out",
                )
