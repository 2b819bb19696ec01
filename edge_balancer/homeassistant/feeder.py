"""The feeder as one device: its phases, its unbalance, its mode and its alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from edge_balancer.homeassistant.entities import Entity, rounded, truth
from edge_balancer.settings.root import Configuration
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Mode
from edge_balancer.wire import Topics

OPERATOR: Final = "Home Assistant"
"""Who set a mode that Home Assistant sent."""
_LEAST_EXPIRY_S: Final = 60


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of `B/phases`. `factor` is to its unit; `rare` ones are not shown before a person asks for them."""

    key: str
    name: str
    unit: str
    device_class: str | None
    digits: int
    factor: float = 1.0
    rare: bool = False
    diagnostic: bool = False


PER_PHASE: Final = (
    Quantity("p", "power", "W", "power", 0),
    Quantity("q", "reactive power", "var", "reactive_power", 0, rare=True),
    Quantity("i", "current", "A", "current", 1),
    Quantity("v_mean", "voltage", "V", "voltage", 1),
    Quantity("v_min", "lowest voltage", "V", "voltage", 1, rare=True),
    Quantity("v_max", "highest voltage", "V", "voltage", 1, rare=True),
    Quantity("export_w", "export", "W", "power", 0),
    Quantity("houses", "houses", "", None, 0, rare=True, diagnostic=True),
)
OF_FEEDER: Final = (
    Quantity("i_n", "Neutral current", "A", "current", 1),
    Quantity("imbalance", "Load imbalance", "%", None, 0),
    Quantity("loading", "Transformer loading", "%", None, 1),
    Quantity("vuf", "Voltage unbalance (V2/V1)", "%", None, 2),
    Quantity("pvur", "Phase voltage unbalance", "%", None, 2),
    Quantity("current_unbalance", "Current unbalance", "%", None, 0, rare=True),
    Quantity("injection_spread", "Spread of solar over the phases", "%", None, 0, rare=True),
    Quantity("coverage", "Houses reporting", "%", None, 0, factor=100.0, diagnostic=True),
    Quantity("metered", "Share of the transformer's power metered", "%", None, 0, 100.0, True, True),
)


def feeder_entities(
    config: Configuration, topics: Topics, node: str, alert_titles: Mapping[str, str]
) -> dict[str, Entity]:
    """All entities of the feeder, by the last part of their unique ids. `alert_titles`: kind -> a few words."""
    found = dict(_from_phases(config, topics, node))
    found["mode"] = _mode(topics, node)
    found["last_decision"] = _last_decision(topics, node)
    found |= dict(_from_diagnostics(topics, node))
    found |= dict(_alerts(topics, node, alert_titles))
    return {key: msgspec.structs.replace(e, availability_topic=topics.availability) for key, e in found.items()}


def _from_phases(config: Configuration, topics: Topics, node: str) -> Iterator[tuple[str, Entity]]:
    # What is retained outlives the controller; an old value must not pass for a fresh one.
    expire_s = max(_LEAST_EXPIRY_S, round(10 * config.mqtt.publish_s))
    for phase in Phase:
        for quantity in PER_PHASE:
            key = f"{phase.name.lower()}_{quantity.key}"
            path = f"value_json.{phase.name}.{quantity.key}"
            yield key, _number(quantity, f"{phase.name} {quantity.name}", path, topics, f"{node}_{key}", expire_s)
    for quantity in OF_FEEDER:
        path = f"value_json.{quantity.key}"
        yield quantity.key, _number(quantity, quantity.name, path, topics, f"{node}_{quantity.key}", expire_s)
    yield (
        "reverse_power",
        Entity(
            platform="binary_sensor",
            name="Feeding back",
            unique_id=f"{node}_reverse_power",
            state_topic=topics.phases,
            value_template=truth("value_json.reverse_power"),
            expire_after=expire_s,
            icon="mdi:transmission-tower-import",
        ),
    )


def _number(quantity: Quantity, name: str, path: str, topics: Topics, unique_id: str, expire_s: int) -> Entity:
    return Entity(
        platform="sensor",
        name=name,
        unique_id=unique_id,
        state_topic=topics.phases,
        value_template=rounded(path, quantity.digits, quantity.factor),
        device_class=quantity.device_class,
        state_class="measurement",
        unit_of_measurement=quantity.unit or None,
        suggested_display_precision=quantity.digits,
        expire_after=expire_s,
        entity_category="diagnostic" if quantity.diagnostic else None,
        enabled_by_default=False if quantity.rare else None,
    )


def _mode(topics: Topics, node: str) -> Entity:
    return Entity(
        platform="select",
        name="Mode",
        unique_id=f"{node}_mode",
        state_topic=topics.mode,
        value_template="{{ value_json.mode }}",
        options=tuple(str(mode) for mode in Mode),
        command_topic=topics.mode_set,
        command_template=f'{{"mode": "{{{{ value }}}}", "operator": "{OPERATOR}"}}',
        qos=1,
        icon="mdi:scale-balance",
    )


def _last_decision(topics: Topics, node: str) -> Entity:
    # A state has at most 255 characters.
    return Entity(
        platform="sensor",
        name="Last decision",
        unique_id=f"{node}_last_decision",
        state_topic=topics.decision,
        value_template="{{ value_json.text[:250] }}",
        entity_category="diagnostic",
        icon="mdi:head-cog-outline",
    )


def _from_diagnostics(topics: Topics, node: str) -> Iterator[tuple[str, Entity]]:
    yield (
        "refused",
        Entity(
            platform="sensor",
            name="Refused messages",
            unique_id=f"{node}_refused",
            state_topic=topics.diagnostics,
            value_template="{{ value_json.messages.refused }}",
            state_class="total_increasing",
            entity_category="diagnostic",
            enabled_by_default=False,
        ),
    )
    yield (
        "storage_fault",
        Entity(
            platform="binary_sensor",
            name="Storage",
            unique_id=f"{node}_storage_fault",
            state_topic=topics.diagnostics,
            value_template=truth("value_json.storage.fault"),
            device_class="problem",
            entity_category="diagnostic",
        ),
    )


def _alerts(topics: Topics, node: str, titles: Mapping[str, str]) -> Iterator[tuple[str, Entity]]:
    """One for each kind: on while any alert of the kind stands, whichever house or phase it is about."""
    for kind, title in titles.items():
        key = f"alert_{kind}"
        yield (
            key,
            Entity(
                platform="binary_sensor",
                name=f"Alert: {title[:1].lower()}{title[1:]}",
                unique_id=f"{node}_{key}",
                state_topic=topics.alerts,
                value_template=truth(f"'{kind}' in value_json.kinds"),
                device_class="problem",
                json_attributes_topic=topics.alerts,
                json_attributes_template=f"{{{{ {{'about': value_json.kinds.get('{kind}', [])}} | tojson }}}}",
                qos=1,
            ),
        )
