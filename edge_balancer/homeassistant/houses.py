"""A house's phase switch as a device of its own, for diagnosis. Nothing here moves a house."""

from __future__ import annotations

from typing import Final

from edge_balancer.homeassistant.entities import Entity, truth
from edge_balancer.types.phases import Phase
from edge_balancer.wire import Topics

NOT_KNOWN: Final = "not known"
"""The switch does not know where it stands, which is another thing than having heard nothing of it."""
# A switch may say its phase in any of the ways that the contract allows.
_SPELT: Final = {spelling: phase.name for phase in Phase for spelling in (f"{phase + 1}", "ABC"[phase], phase.name)}
_PHASE: Final = f"{{{{ {_SPELT!r}.get(value_json.phase | default('') | string | trim | upper, '{NOT_KNOWN}') }}}}"
_OPERATIONS: Final = "{{ value_json.operations if value_json.operations is number else None }}"


def house_entities(house: str, topics: Topics, unique: str) -> dict[str, Entity]:
    """The entities of one house's switch. `unique` is what their unique ids begin with."""
    state = topics.switch_state(house)
    return {
        "phase": Entity(
            platform="sensor",
            name="Phase",
            unique_id=f"{unique}_phase",
            state_topic=state,
            value_template=_PHASE,
            device_class="enum",
            options=(*(phase.name for phase in Phase), NOT_KNOWN),
            entity_category="diagnostic",
            icon="mdi:sine-wave",
            qos=1,
        ),
        "operations": Entity(
            platform="sensor",
            name="Operations",
            unique_id=f"{unique}_operations",
            state_topic=state,
            value_template=_OPERATIONS,
            state_class="total_increasing",
            entity_category="diagnostic",
            icon="mdi:counter",
            qos=1,
        ),
        "online": Entity(
            platform="binary_sensor",
            name="Connection",
            unique_id=f"{unique}_online",
            state_topic=topics.switch_availability(house),
            payload_on="online",
            payload_off="offline",
            device_class="connectivity",
            entity_category="diagnostic",
            qos=1,
        ),
        "locked": Entity(
            platform="binary_sensor",
            name="Locked out",
            unique_id=f"{unique}_locked",
            state_topic=topics.alerts,
            value_template=truth(f"'{house}' in value_json.kinds.get('switch_locked', [])"),
            device_class="problem",
            entity_category="diagnostic",
            availability_topic=topics.availability,
            qos=1,
        ),
    }
