"""The configuration that the demo gives the daemon: the twin's houses, and time limits that suit a fast clock."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge_balancer.demo.options import DemoOptions
from edge_balancer.settings.contacts import TellingSettings
from edge_balancer.settings.dashboard import DashboardSettings
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.settings.houses import HouseSettings
from edge_balancer.settings.policy import AlertSettings, SwitchingSettings, TelemetrySettings
from edge_balancer.settings.root import Configuration
from edge_balancer.settings.services import MqttSettings, StorageSettings
from edge_balancer.twin.neighbourhood import Neighbourhood
from firmware_bridge.settings.bridge import BridgeSettings

FEEDER: Final = "demo"
DEMO_BATCH_S: Final = 2.0
ROUND_TRIP_S: Final = 0.5
"""Real time in which a message surely reaches its listener on a busy small machine."""


def slack_s(speed: float) -> float:
    """Simulated time that a message may be under way for reasons which a real feeder does not have."""
    return ROUND_TRIP_S * speed


def expiry_s(speed: float) -> float:
    """Life of a command, s: the usual one, but longer than the demo's own delays."""
    usual = SwitchingSettings().expiry_s
    return min(300.0, max(usual, slack_s(speed)))


def zone_of(utc_offset_h: float) -> str:
    """A zone of whole hours by name; empty where there is none. By an old custom its sign is the other way round."""
    return f"Etc/GMT{-int(utc_offset_h):+d}" if utc_offset_h == int(utc_offset_h) else ""


def configuration(
    options: DemoOptions,
    place: Neighbourhood,
    *,
    broker: tuple[str, int],
    base: str,
    database: Path,
    bridge: BridgeSettings | None = None,
) -> Configuration:
    """What a user would have written for this feeder, with clock-bound limits stretched by the demo's speed."""
    bridge = (bridge or BridgeSettings()).model_copy(update={"state": database.with_name("bridge.db")})
    slack = slack_s(options.speed)
    telemetry, switching, mqtt = TelemetrySettings(), SwitchingSettings(), MqttSettings()
    return Configuration(
        feeder=FeederSettings(id=FEEDER, nominal_voltage_v=place.nominal_v, transformer_kva=place.transformer_kva),
        mqtt=MqttSettings(
            host=broker[0],
            port=broker[1],
            base_topic=base,
            client_id=f"edge-balancer-{base.replace('/', '-')}",
            # Ten pictures a real second at most: the usual second would be hundreds.
            publish_s=min(60.0, max(mqtt.publish_s, 0.1 * options.speed)),
        ),
        houses=tuple(
            HouseSettings(id=house, phase=place.houses.phase_of(k), pv_w=float(pv_w))
            for k, (house, pv_w) in enumerate(zip(place.houses.ids, place.houses.pv_w, strict=True))
        ),
        telemetry=TelemetrySettings(stale_s=max(telemetry.stale_s, 2.0 * slack)),
        switching=SwitchingSettings(
            expiry_s=expiry_s(options.speed),
            ack_timeout_s=min(900.0, max(switching.ack_timeout_s, 2.0 * slack)),
            verify_timeout_s=max(switching.verify_timeout_s, 3.0 * slack),
        ),
        alerts=AlertSettings(telling=TellingSettings(time_zone=zone_of(place.options.utc_offset_h))),
        # The page's history shall not lag behind by hours of the demo's time.
        storage=StorageSettings(path=database, batch_s=DEMO_BATCH_S if options.page else StorageSettings().batch_s),
        # Reading is free on loopback; who wants to give orders makes an account in the folder that is kept.
        dashboard=DashboardSettings(enabled=options.page, port=0, accounts=database.with_name("accounts.json")),
        bridge=bridge,
    )
