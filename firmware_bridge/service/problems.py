"""What is wrong with a bridge's configuration and no single key shows: models, addresses, relays, periods.

Pure but for reading templates. What one key or one device says for itself is judged with its settings.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from firmware_bridge.errors import BridgeError, TemplateError
from firmware_bridge.lines.socket_port import address
from firmware_bridge.meters.catalogue import load_meter, meter_names
from firmware_bridge.meters.measure import unsigned_problem
from firmware_bridge.meters.polled import PolledMeter, line_costs, polled_meter
from firmware_bridge.meters.template import Template
from firmware_bridge.service.demand import demand
from firmware_bridge.settings.base import Finding, Location
from firmware_bridge.settings.bridge import BridgeSettings
from firmware_bridge.settings.devices import TRANSFORMER, LineMeter, LineSettings, LineSwitch, RelaySwitch
from firmware_bridge.signature import parse_keys
from firmware_bridge.switches import choice
from firmware_bridge.switches.catalogue import load_switch, switch_names
from firmware_bridge.switches.template import DeviceTemplate
from firmware_bridge.template_files import did_you_mean

_CONTACTOR_DEAD_TIME_S: Final = 0.05
"""Contactors and relays part their contacts, and quench the arc, within this; static switches need less."""
_STANDARD_ORDER: Final = "L1 L2 L3"


def problems(
    settings: BridgeSettings, *, may_feed_in: Collection[str] = (), houses: Collection[str] | None = None
) -> list[Finding]:
    """Everything wrong, errors and warnings, with locations inside the section.

    `may_feed_in` are houses that may export besides those whose meter says `has_pv`; `houses` all houses there are,
    where they are known.
    """
    return list(_Judge(settings, may_feed_in, houses).all())


class _Judge:
    def __init__(self, settings: BridgeSettings, may_feed_in: Collection[str], houses: Collection[str] | None) -> None:
        self._settings = settings
        self._may_feed_in = frozenset(may_feed_in)
        self._houses = houses
        self._folder = settings.templates
        self._switched = {switch.house for _, switch in _switches(settings)}

    def all(self) -> Iterator[Finding]:
        yield from self._keys()
        if self._folder is not None and not self._folder.is_dir():
            yield Finding(
                ("templates",),
                self._folder,
                "is no folder",
                "name the one that holds meters/ and switches/, or leave it out",
            )
        yield from self._lines()
        yield from self._relays()
        yield from self._houses_twice()
        yield from self._dead_time()

    def _keys(self) -> Iterator[Finding]:
        try:
            parse_keys(self._settings.command_keys.get_secret_value())
        except ValueError as error:
            wrong, remedy = _parted(str(error))
            yield Finding(("command_keys",), None, wrong, remedy)

    # -- lines --------------------------------------------------------------------------------------------------------

    def _lines(self) -> Iterator[Finding]:
        lines = self._settings.lines
        yield from _twice(
            [(("lines", index, "name"), line.name, line.name) for index, line in enumerate(lines)],
            "is the name of two lines",
            "give each line a name of its own",
        )
        yield from _twice(
            [(("lines", index, "port"), line.port, _port(line)) for index, line in enumerate(lines)],
            "is the port of two lines: a port has one owner",
            "put all its meters and switches under one [[bridge.lines]]",
        )
        for index, line in enumerate(lines):
            at: Location = ("lines", index)
            if not line.serial:
                try:
                    address(line)
                except BridgeError:
                    yield Finding(
                        (*at, "port"),
                        line.port,
                        "is no address of a gateway",
                        "write it like tcp://host:502 or rtu+tcp://host:port",
                    )
            elif Path(line.port).is_dir():
                yield Finding(
                    (*at, "port"), line.port, "is a folder, where a serial port is expected", "name a port in it"
                )
            if not line.meters and not line.switches:
                yield Finding(
                    at, None, "has no meter and no switch: it is opened for nothing", "add its devices", (), "warning"
                )
            polled: list[PolledMeter] = []
            for number, meter in enumerate(line.meters):
                yield from self._meter((*at, "meters", number), line, meter, polled)
            for number, switch in enumerate(line.switches):
                yield from self._switch((*at, "switches", number), switch)
            yield from _units(at, line)
            for text in choice.clashes(line.switches):
                wrong, remedy = _parted(text)
                yield Finding((*at, "switches"), None, wrong, remedy)
            yield from self._demand(at, line, polled)

    def _meter(
        self, at: Location, line: LineSettings, meter: LineMeter, polled: list[PolledMeter]
    ) -> Iterator[Finding]:
        if meter.house != TRANSFORMER:
            yield from self._house(at, meter.house)
        try:
            template = load_meter(meter.model, self._folder)
            transaction_s, register_s = line_costs(line)
            polled.append(polled_meter(meter, template, transaction_s=transaction_s, register_s=register_s))
        except TemplateError as error:
            yield self._no_meter(at, meter.model, error)
            return
        yield from self._fits(at, meter, template)

    def _fits(self, at: Location, meter: LineMeter, template: Template) -> Iterator[Finding]:
        """Whether the model can measure what hangs on it."""
        three = template.phases == 3 and not template.totals_only
        if meter.house == TRANSFORMER and not three:
            yield Finding(
                (*at, "model"),
                meter.model,
                "cannot measure a transformer: it does not tell three phases apart",
                "use a three-phase meter there",
            )
        if three and meter.house in self._switched:
            yield Finding(
                (*at, "model"),
                meter.model,
                f"measures three phases, and {meter.house} has a phase switch: only single-phase houses are moved",
                "give the house a single-phase meter, or remove its phase switch",
            )
        if not three and meter.order != _STANDARD_ORDER:
            yield Finding(
                (*at, "order"),
                meter.order,
                f"has no use: {template.title} does not tell three phases apart",
                "remove order",
            )
        feeding = meter.model_copy(update={"has_pv": meter.has_pv or meter.house in self._may_feed_in})
        if text := unsigned_problem(template, feeding):
            wrong, _, remedy = text.rpartition("; ")
            yield Finding((*at, "model"), meter.model, wrong, remedy, involves=((*at, "has_pv"),))

    def _switch(self, at: Location, switch: LineSwitch | RelaySwitch) -> Iterator[Finding]:
        if switch.house == TRANSFORMER:
            yield Finding((*at, "house"), switch.house, "has no phase switch: it feeds them all", "name a house")
        else:
            yield from self._house(at, switch.house)
        try:
            template = load_switch(switch.model, self._folder)
        except TemplateError as error:
            yield self._no_switch(at, switch.model, error)
            return
        for text in choice.problems(switch, template):
            yield _finding(at, switch, text)

    def _demand(self, at: Location, line: LineSettings, polled: Sequence[PolledMeter]) -> Iterator[Finding]:
        asked = demand(line, polled, self._settings.interlock.watch_s)
        if asked is None or asked.total <= 1.0:
            return
        period_s = asked.even_period_s
        remedy = "raise the baud rate, or spread the devices over two lines"
        if period_s < 3600.0:
            remedy = f"set every_s of its meters to {_rounded_up(period_s):g} or more, {remedy}"
        yield Finding(
            (*at, "baud"),
            line.baud,
            f"is too slow: the meters and switches of line {line.name} ask for {100.0 * asked.total:.0f} % of its time "
            f"(one reading of all {len(polled)} meters takes {asked.cycle_s:.2g} s)",
            remedy,
            severity="warning",
        )

    # -- relays -------------------------------------------------------------------------------------------------------

    def _relays(self) -> Iterator[Finding]:
        for number, switch in enumerate(self._settings.relays):
            yield from self._switch(("relays", number), switch)
        for text in choice.shared_relays(self._settings.relays):
            wrong, remedy = _parted(text)
            yield Finding(("relays",), None, wrong, remedy)

    def _dead_time(self) -> Iterator[Finding]:
        """A device changes over by itself; relays are given the dead time of the interlock."""
        dead_time_s = self._settings.interlock.dead_time_s
        moved = [switch.house for _, switch in _switches(self._settings) if not self._is_device(switch)]
        if moved and dead_time_s < _CONTACTOR_DEAD_TIME_S:
            yield Finding(
                ("interlock", "dead_time_s"),
                dead_time_s,
                f"is short: contactors and relays need at least {_CONTACTOR_DEAD_TIME_S:g} to 0.1 s (house {moved[0]})",
                "set it to 0.1, unless all of these relays drive static switches",
                severity="warning",
            )

    def _is_device(self, switch: LineSwitch | RelaySwitch) -> bool:
        try:
            return isinstance(load_switch(switch.model, self._folder), DeviceTemplate)
        except TemplateError:
            return True  # told already

    # -- houses and models --------------------------------------------------------------------------------------------

    def _house(self, at: Location, house: str) -> Iterator[Finding]:
        if self._houses is not None and house not in self._houses:
            remedy = did_you_mean(house, self._houses) if self._houses else "add it under [[houses]]"
            yield Finding((*at, "house"), house, "is no house of this feeder", remedy)

    def _houses_twice(self) -> Iterator[Finding]:
        yield from _twice(
            [((*at, "house"), switch.house, switch.house) for at, switch in _switches(self._settings)],
            "has two phase switches: a house has one",
            "remove one of them",
        )
        meters = [
            (("lines", index, "meters", number, "house"), meter.house, meter.house)
            for index, line in enumerate(self._settings.lines)
            for number, meter in enumerate(line.meters)
        ]
        yield from _twice(meters, "has two meters: their readings would take turns", "remove one of them")

    def _no_meter(self, at: Location, model: str, error: TemplateError) -> Finding:
        if model in meter_names(self._folder):
            return Finding((*at, "model"), model, f"has a template that cannot be used: {error}", "correct that file")
        if model in switch_names(self._folder):
            return Finding((*at, "model"), model, "is a phase switch, no meter", "move it to [[bridge.lines.switches]]")
        remedy = f"{did_you_mean(model.lower(), meter_names(self._folder))} `firmware-bridge models` lists them"
        return Finding((*at, "model"), model, "is no model of a meter that is known here", remedy)

    def _no_switch(self, at: Location, model: str, error: TemplateError) -> Finding:
        if model in switch_names(self._folder):
            return Finding((*at, "model"), model, f"has a template that cannot be used: {error}", "correct that file")
        if model in meter_names(self._folder):
            return Finding((*at, "model"), model, "is a meter, no phase switch", "move it to [[bridge.lines.meters]]")
        remedy = f"{did_you_mean(model.lower(), switch_names(self._folder))} `firmware-bridge models` lists them"
        return Finding((*at, "model"), model, "is no model of a phase switch that is known here", remedy)


def _switches(settings: BridgeSettings) -> Iterator[tuple[Location, LineSwitch | RelaySwitch]]:
    for index, line in enumerate(settings.lines):
        for number, switch in enumerate(line.switches):
            yield ("lines", index, "switches", number), switch
    for number, relay_switch in enumerate(settings.relays):
        yield ("relays", number), relay_switch


def _units(at: Location, line: LineSettings) -> Iterator[Finding]:
    """Several switches may be relays of one board; whether they fit together is judged by `choice.clashes`."""
    boards = {switch.unit: ((*at, "switches", number), switch) for number, switch in enumerate(line.switches)}
    places: list[tuple[Location, object, object]] = [
        ((*at, "meters", number, "unit"), meter.unit, meter.unit) for number, meter in enumerate(line.meters)
    ]
    places += [((*where, "unit"), unit, unit) for unit, (where, _) in boards.items()]
    yield from _twice(
        places, f"is the address of two devices of line {line.name}", "give each device an address of its own"
    )


def _twice(places: Sequence[tuple[Location, object, object]], wrong: str, remedy: str) -> Iterator[Finding]:
    """A finding at the second of each two places with the same key. A place is location, value as written, key."""
    first: defaultdict[object, list[Location]] = defaultdict(list)
    for at, value, key in places:
        if first[key]:
            yield Finding(at, value, wrong, remedy, involves=(first[key][0],))
        first[key].append(at)


def _port(line: LineSettings) -> object:
    """What two spellings of one port have in common."""
    if line.serial:
        # /dev/serial/by-id/... and /dev/ttyUSB0 may be one adapter.
        return str(Path(line.port).resolve())
    try:
        return address(line)
    except BridgeError:
        return line.port


def _finding(at: Location, switch: LineSwitch | RelaySwitch, text: str) -> Finding:
    """From a text like `relays = [9, 10, 11]: the board has no relay 11: give numbers from 1 to 8`."""
    key = match[0] if (match := re.match(r"\w+", text)) else ""
    value = getattr(switch, key, None)
    body = text
    if ": " in text and (text.startswith((f"{key} = ", f"{key}: "))):
        body = text.partition(": ")[2]
    elif text.startswith(f"{key} is "):
        body = text.removeprefix(f"{key} ")
        value = None
    wrong, remedy = _parted(body)
    return Finding((*at, key) if key in type(switch).model_fields else at, value, wrong, remedy)


def _parted(text: str) -> tuple[str, str]:
    """A text that ends with its remedy behind a colon."""
    wrong, colon, remedy = text.rpartition(": ")
    return (wrong, remedy) if colon else (text, "correct one of them")


def _rounded_up(seconds: float) -> float:
    """To a figure that one would write down."""
    step = 0.5 if seconds < 10.0 else 1.0
    return step * -(-seconds // step)
