"""The configuration as one model, with what only the whole can check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_balancer.settings.channels import ChannelsSettings
from edge_balancer.settings.contacts import ContactSettings
from edge_balancer.settings.dashboard import DashboardSettings
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.settings.forecast import ForecastSettings
from edge_balancer.settings.homeassistant import HomeAssistantSettings
from edge_balancer.settings.houses import HouseSettings, MeterSource
from edge_balancer.settings.policy import (
    AlertSettings,
    DecisionSettings,
    LogSettings,
    SwitchingSettings,
    TelemetrySettings,
)
from edge_balancer.settings.services import MqttSettings, StorageSettings
from firmware_bridge.settings.base import Finding, Section
from firmware_bridge.settings.bridge import BridgeSettings


class Configuration(Section):
    """All settings of one controller."""

    feeder: FeederSettings = FeederSettings()
    mqtt: MqttSettings = MqttSettings()
    houses: tuple[HouseSettings, ...] = ()
    """The houses, here or in `houses_file`."""
    houses_file: Path | None = None
    """CSV file with at least the columns `id` and `phase`; a relative path counts from the configuration's folder."""
    transformer_meters: tuple[MeterSource, ...] = ()
    """Where the transformer's measurements come from; empty for the native format on `B/meter/transformer`."""
    telemetry: TelemetrySettings = TelemetrySettings()
    decision: DecisionSettings = DecisionSettings()
    forecast: ForecastSettings = ForecastSettings()
    switching: SwitchingSettings = SwitchingSettings()
    alerts: AlertSettings = AlertSettings()
    contacts: tuple[ContactSettings, ...] = ()
    """Who is told of alerts. Without any, alerts are on MQTT, in the journal and on record alone."""
    channels: ChannelsSettings = ChannelsSettings()
    bridge: BridgeSettings = BridgeSettings()
    homeassistant: HomeAssistantSettings = HomeAssistantSettings()
    storage: StorageSettings = StorageSettings()
    dashboard: DashboardSettings = DashboardSettings()
    log: LogSettings = LogSettings()

    def contradictions(self) -> Iterator[Finding]:
        first: dict[str, int] = {}
        for index, house in enumerate(self.houses):
            if first.setdefault(house.id, index) != index:
                yield Finding(
                    ("houses", index, "id"),
                    house.id,
                    "stands more than once: every house needs an id of its own",
                    "rename or remove one of them",
                )

    @property
    def base_topic(self) -> str:
        """The `B` of the MQTT contract."""
        return self.mqtt.base_topic or f"phase-balance/{self.feeder.id}"

    @property
    def client_id(self) -> str:
        return self.mqtt.client_id or f"edge-balancer-{self.feeder.id}"

    @property
    def neutral_trigger_a(self) -> float:
        """Neutral current above which moves are looked for, A."""
        level = self.decision.neutral_trigger_a
        # 0.25 % of the rated current spares looks at a feeder at rest. What is worth an operation, the price says: a
        # feeder that is balanced now may not be in an hour.
        return 0.0025 * self.feeder.rated_current_a if level is None else level
