"""From a switch's settings and its template to the board that drives it, or to what is wrong with them. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from firmware_bridge.errors import BridgeError
from firmware_bridge.lines.line import Line
from firmware_bridge.settings.devices import LineSwitch, RelaySwitch
from firmware_bridge.switches.board import Board
from firmware_bridge.switches.bus import Bus
from firmware_bridge.switches.mqtt_relays import MqttRelays, parse_relay
from firmware_bridge.switches.phase_device import PhaseDevice
from firmware_bridge.switches.relay_board import RelayBoard
from firmware_bridge.switches.template import DeviceTemplate, RelayTemplate, RpcTemplate, SwitchTemplate, TextTemplate


def problems(settings: LineSwitch | RelaySwitch, template: SwitchTemplate) -> Iterator[str]:
    """What in the settings the model cannot do, each as `key = value: what is wrong: remedy`."""
    if isinstance(settings, RelaySwitch):
        yield from _of_mqtt(settings, template)
    elif isinstance(template, RelayTemplate):
        yield from _of_relays(settings, template)
    elif isinstance(template, DeviceTemplate):
        yield from _of_device(settings, template)
    else:
        yield f'model = "{template.name}": its relays speak MQTT: move the switch to [[bridge.relays]]'


def line_board(line: Line, settings: LineSwitch, template: SwitchTemplate) -> Board:
    """Raises BridgeError saying everything that is wrong."""
    _must_fit(settings, template)
    if isinstance(template, RelayTemplate):
        return RelayBoard(line, settings.unit, template, settings.relays, settings.feedback)
    if isinstance(template, DeviceTemplate):
        return PhaseDevice(line, settings.unit, template)
    raise BridgeError(f"{template.name} is no model of a line")


def mqtt_board(bus: Bus, settings: RelaySwitch, template: SwitchTemplate) -> Board:
    """Raises BridgeError saying everything that is wrong. Call it in the event loop's thread: it subscribes."""
    _must_fit(settings, template)
    if isinstance(template, TextTemplate | RpcTemplate):
        return MqttRelays(bus, template, [parse_relay(text) for text in settings.relays])
    raise BridgeError(f"{template.name} is no model of relays that speak MQTT")


def _must_fit(settings: LineSwitch | RelaySwitch, template: SwitchTemplate) -> None:
    if wrong := list(problems(settings, template)):
        raise BridgeError("; ".join(f"phase switch of {settings.house}: {text}" for text in wrong))


def _of_relays(settings: LineSwitch, template: RelayTemplate) -> Iterator[str]:
    if not settings.relays:
        yield "relays is missing: write relays = [1, 2, 3] with the numbers on the board, for L1, L2 and L3"
    elif (most := max(settings.relays)) > template.channels:
        yield (
            f"relays = {list(settings.relays)}: {template.title} has no relay {most}: "
            f"give numbers from 1 to {template.channels}"
        )
    if settings.feedback and template.feedback is None:
        yield f"feedback = {list(settings.feedback)}: {template.title} has no inputs to read: remove feedback"
    elif settings.feedback and (most := max(settings.feedback)) > template.inputs:
        yield (
            f"feedback = {list(settings.feedback)}: {template.title} has no input {most}: "
            f"give numbers from 1 to {template.inputs}"
        )


def _of_device(settings: LineSwitch, template: DeviceTemplate) -> Iterator[str]:
    for key, numbers in (("relays", settings.relays), ("feedback", settings.feedback)):
        if numbers:
            yield f"{key} = {list(numbers)}: {template.title} is told a phase, not relays: remove {key}"


def _of_mqtt(settings: RelaySwitch, template: SwitchTemplate) -> Iterator[str]:
    if not isinstance(template, TextTemplate | RpcTemplate):
        yield f'model = "{template.name}": it hangs on a line: move the switch to [[bridge.lines.switches]]'
        return
    for text in settings.relays:
        try:
            relay = parse_relay(text)
        except ValueError as error:
            yield f"relays: {error}"
            continue
        if relay.channel < template.first:
            yield f'relays: "{text}": the channels of {template.title} count from {template.first}: correct the number'


def clashes(switches: Sequence[LineSwitch]) -> Iterator[str]:
    """Relays, inputs or devices of one line that two houses would share."""
    for number, one in enumerate(switches):
        for other in switches[number + 1 :]:
            if one.unit != other.unit:
                continue
            houses = f"{one.house} and {other.house}"
            if one.model != other.model:
                yield f"unit {one.unit} is a {one.model} for {one.house} and a {other.model} for {other.house}"
            elif not one.relays and not other.relays:
                yield f"unit {one.unit} is the phase switch of both {houses}: each needs a device of its own"
            for key in ("relays", "feedback"):
                shared = set(getattr(one, key)) & set(getattr(other, key))
                if shared:
                    yield f"{key} {sorted(shared)} of unit {one.unit} belong to both {houses}: give each its own"


def shared_relays(switches: Sequence[RelaySwitch]) -> Iterator[str]:
    """MQTT relays that two houses would share."""
    for number, one in enumerate(switches):
        for other in switches[number + 1 :]:
            if shared := set(one.relays) & set(other.relays):
                yield f"relays {sorted(shared)} belong to both {one.house} and {other.house}: give each its own"
