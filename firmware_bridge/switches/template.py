"""What a switch template says: how relays or a phase-switching device are driven and read. Typed, judged; no I/O.

A template file is TOML; `kind` says which of the models below it is:

```toml
kind = "relays"                       # three relays of a Modbus board
title = "Acme relay board, 8 channels"
source = "Acme's manual 1.2, page 7"
channels = 8
write = { function = "coil", first = 0 }
read = { function = "coils", first = 0 }
feedback = { function = "inputs", first = 0, channels = 8 }
```
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, TypeAdapter, ValidationError, model_validator

from firmware_bridge.contract import Phase
from firmware_bridge.errors import TemplateError
from firmware_bridge.lines.requests import MOST_REGISTERS, Function
from firmware_bridge.settings.base import Section
from firmware_bridge.template_files import Found, did_you_mean, mistakes

Whole = Annotated[int, Strict()]
Address = Annotated[int, Strict(), Field(ge=0, le=0xFFFF)]
Word = Annotated[int, Strict(), Field(ge=0, le=0xFFFF)]
Channels = Annotated[int, Strict(), Field(ge=1, le=MOST_REGISTERS)]
Text = Annotated[str, Field(min_length=1)]

_READS = {
    "coils": Function.READ_COILS,
    "inputs": Function.READ_INPUTS,
    "holding": Function.READ_HOLDING,
    "registers": Function.READ_REGISTERS,
}


class FactorySerial(Section):
    """As the board leaves the factory: what to look for when it does not answer."""

    baud: Whole = 9600
    parity: Literal["none", "even", "odd"] = "none"
    unit: Annotated[int, Strict(), Field(ge=1, le=255)] = 1


class Described(Section):
    """What every template has."""

    name: str = ""
    """The file's name; not a key of the file."""
    title: Text
    source: Text
    """Where the facts come from, and which of them nobody has verified."""
    notes: str = ""
    """What a person should know before wiring it."""


class Written(Section):
    """How one relay is switched: by its coil, or by a register of its own."""

    function: Literal["coil", "register"]
    first: Address
    """Address of relay 1; the others follow."""
    on: Word = 1
    off: Word = 0
    together: Annotated[bool, Strict()] = False
    """Whether one frame may switch a range of coils that does not begin with relay 1 or end with the last."""

    @model_validator(mode="after")
    def _distinct(self) -> Written:
        if self.on == self.off:
            raise ValueError(f"on and off are both {self.on}: give the two values from the board's manual")
        if self.function == "coil" and {self.on, self.off} != {0, 1}:
            raise ValueError(f"on = {self.on}, off = {self.off}: a coil takes 1 and 0 (swapped for an inverting board)")
        if self.together and self.function == "register":
            raise ValueError("together = true is for coils: remove it")
        return self

    @property
    def code(self) -> Function:
        return Function.WRITE_COIL if self.function == "coil" else Function.WRITE_REGISTER


class Shown(Section):
    """Where the state of relays or contacts can be read. A value that is neither `on` nor `off` is not known."""

    function: Literal["coils", "inputs", "holding", "registers"]
    first: Address
    """Address of the first channel; the others follow."""
    channels: Channels | None = None
    """How many there are; as many as relays where not given."""
    on: Word = 1
    off: Word = 0

    @model_validator(mode="after")
    def _distinct(self) -> Shown:
        if self.on == self.off:
            raise ValueError(f"on and off are both {self.on}: give the two values from the board's manual")
        return self

    @property
    def code(self) -> Function:
        return _READS[self.function]


class RelayTemplate(Described):
    """Three relays of a board on a line, one for each phase."""

    kind: Literal["relays"]
    channels: Channels
    serial: FactorySerial = FactorySerial()
    write: Written
    read: Shown
    feedback: Shown | None = None
    """The board's digital inputs, for auxiliary contacts; None where it has none."""

    @property
    def inputs(self) -> int:
        """Digital inputs of the board."""
        return 0 if self.feedback is None else self.feedback.channels or self.channels


class Wanted(Section):
    """The holding register that takes the phase wanted."""

    address: Address
    l1: Word
    l2: Word
    l3: Word

    def value(self, phase: Phase) -> int:
        return {Phase.L1: self.l1, Phase.L2: self.l2, Phase.L3: self.l3}[phase]


class Position(Section):
    """The register that tells the position. A value that is not named here is an error of the device."""

    function: Literal["holding", "registers"]
    address: Address
    l1: Word
    l2: Word
    l3: Word
    open: tuple[Word, ...] = ()
    """Values for "no phase connected"."""
    moving: tuple[Word, ...] = ()
    """Values for "changing over"."""
    fault: dict[str, Word] = {}  # noqa: RUF012 - pydantic copies a field's default
    """Values for faults, by what they mean."""

    @property
    def code(self) -> Function:
        return _READS[self.function]

    @property
    def phases(self) -> Mapping[int, Phase]:
        return {self.l1: Phase.L1, self.l2: Phase.L2, self.l3: Phase.L3}

    @model_validator(mode="after")
    def _distinct(self) -> Position:
        values = [self.l1, self.l2, self.l3, *self.open, *self.moving, *self.fault.values()]
        if len(set(values)) != len(values):
            double = next(value for value in values if values.count(value) > 1)
            raise ValueError(f"{double} stands for two positions: each value must have one meaning")
        return self


class DeviceTemplate(Described):
    """A phase-switching device: it is told the phase, changes over by itself, and says where it is."""

    kind: Literal["device"]
    serial: FactorySerial = FactorySerial()
    want: Wanted
    position: Position


class Said(Section):
    """What is published to switch a relay. `{device}` and `{channel}` are filled in, here and below."""

    topic: Text
    on: Text
    off: Text
    answers: Annotated[bool, Strict()]
    """Whether each order is answered with the state, also where nothing changes; else the state is asked for after it.
    """


class Asked(Section):
    """What is published to ask for the state."""

    topic: Text
    payload: str = ""


class Answered(Section):
    """Where the state comes. Other payloads are not believed."""

    topic: Text
    single: str = ""
    """Topic of the first channel of a device that has only one; empty where it is the same."""
    on: tuple[Text, ...]
    off: tuple[Text, ...]


class Presence(Section):
    """The device's last will and birth; only `{device}` is filled in."""

    topic: Text
    offline: Text


class TextTemplate(Described):
    """Relays that speak MQTT in plain texts, each channel on topics of its own."""

    kind: Literal["mqtt"]
    first: Annotated[int, Strict(), Field(ge=0, le=1)]
    """Number of the first channel: 0 or 1."""
    command: Said
    ask: Asked
    answer: Answered
    presence: Presence

    @model_validator(mode="after")
    def _fills(self) -> TextTemplate:
        topics = {"command": self.command.topic, "ask": self.ask.topic, "answer": self.answer.topic}
        for key, topic in {**topics, "answer.single": self.answer.single, "presence": self.presence.topic}.items():
            _judge_topic(key, topic, channel=key in ("command", "answer"))
        return self


class RpcTemplate(Described):
    """Relays that speak MQTT in JSON-RPC, as Shellys of the second generation and later do."""

    kind: Literal["mqtt-rpc"]
    first: Annotated[int, Strict(), Field(ge=0, le=1)]
    topic: Text
    """Where requests go; `{device}` is filled in."""
    presence: Presence

    @model_validator(mode="after")
    def _fills(self) -> RpcTemplate:
        for key, topic in (("topic", self.topic), ("presence", self.presence.topic)):
            _judge_topic(key, topic, channel=False)
        return self


def filled(topic: str, device: str, channel: int) -> str:
    return topic.replace("{device}", device).replace("{channel}", str(channel))


def _judge_topic(key: str, topic: str, *, channel: bool) -> None:
    """Without `{device}` all devices would be one; without `{channel}` all channels of a device."""
    if not topic:
        return
    if "{device}" not in topic:
        raise ValueError(f'{key} = "{topic}" has no {{device}}: write it where the device\'s own part of the topic is')
    if channel and "{channel}" not in topic:
        raise ValueError(f'{key} = "{topic}" has no {{channel}}: write it where the channel\'s number is')
    if set("{}+#\0") & set(filled(topic, "", 0)):
        raise ValueError(f'{key} = "{topic}": only {{device}} and {{channel}} are filled in, and no wildcards are sent')


LineTemplate = RelayTemplate | DeviceTemplate
MqttTemplate = TextTemplate | RpcTemplate
SwitchTemplate = LineTemplate | MqttTemplate

_MODELS: dict[str, type[SwitchTemplate]] = {
    "relays": RelayTemplate,
    "device": DeviceTemplate,
    "mqtt": TextTemplate,
    "mqtt-rpc": RpcTemplate,
}


def build(found: Found) -> SwitchTemplate:
    """The template that a file's content describes. Raises TemplateError that names every mistake."""
    kind = found.data.get("kind")
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        shown = "is missing" if kind is None else f'= "{kind}": no such kind'
        raise TemplateError(f"{found.place}: kind {shown}: {did_you_mean(str(kind), _MODELS)}")
    if "name" in found.data:
        raise TemplateError(f"{found.place}: name: unknown key: a template is named by its file; remove it")
    try:
        template: SwitchTemplate = TypeAdapter(model).validate_python({**found.data, "name": found.name})
    except ValidationError as error:
        raise TemplateError("; ".join(mistakes(error, found.place, _keys(model)))) from error
    if wrong := "; ".join(_beyond(template)):
        raise TemplateError(f"{found.place}: {wrong}")
    return template


def _beyond(template: SwitchTemplate) -> Iterator[str]:
    """Channels whose addresses do not exist."""
    if not isinstance(template, RelayTemplate):
        return
    for key, part, channels in (
        ("write", template.write, template.channels),
        ("read", template.read, template.channels),
        ("feedback", template.feedback, template.inputs),
    ):
        if part is not None and part.first + channels > 0x10000:
            yield f"{key}.first = {part.first}: {channels} channels from there on end beyond 65535: correct the address"


def _keys(model: type[Section]) -> dict[str, Iterable[str]]:
    """The keys of each table of a file, for errors."""
    keys: dict[str, Iterable[str]] = {"": [name for name in model.model_fields if name != "name"]}
    for name, info in model.model_fields.items():
        options: tuple[Any, ...] = (info.annotation, *getattr(info.annotation, "__args__", ()))
        for option in options:
            if isinstance(option, type) and issubclass(option, Section):
                keys[name] = list(option.model_fields)
    return keys
