"""The broker's access file for one site, from the table of roles and the configuration. Pure.

Mosquitto's form (`acl_file`): whoever is not named may do nothing. Order matters to nobody but the reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from edge_balancer.homeassistant.names import node_of
from edge_balancer.pki.roles import BRIDGED, HEAR, RULES, SAY, Role, Rule, user_name
from edge_balancer.settings.houses import MeterSource
from edge_balancer.settings.root import Configuration
from edge_balancer.types.readings import TRANSFORMER

_HEADER: Final = """\
# Who may hear (read) and say (write) what at the broker of the feeder {feeder}.
# Made by `edge-balancer pki acl`. When a house, a switch or a person comes or goes: make it anew, and reload mosquitto.
# Names are those in the certificates: role:name. Who does not stand here may do nothing.
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """One user with all that it may do, topics filled in."""

    user: str
    rules: tuple[Rule, ...]


def grants(
    config: Configuration,
    *,
    bridges: Mapping[str, Iterable[str]] | None = None,
    operators: Iterable[str] = (),
    homes: Iterable[str] = (),
    viewers: Iterable[str] = (),
) -> list[Grant]:
    """All users of a site: controller, meters and switches from the configuration, the others as named.

    `bridges`: id -> the houses on its lines. Raises ValueError for a name that cannot be one, or a house that is not
    configured.
    """
    fill = _Fill(config)
    known = {house.id for house in config.houses} | {TRANSFORMER}
    found = [Grant(user_name(Role.CONTROLLER, config.feeder.id), (*fill.of(Role.CONTROLLER), *_own(config, fill)))]
    for bridge, houses in (bridges or {}).items():
        listed = list(houses)
        if strangers := [house for house in listed if house not in known]:
            raise ValueError(f"bridge {bridge}: {', '.join(strangers)} is no configured house")
        rules = [*fill.of(Role.BRIDGE, name=bridge), *(r for house in listed for r in fill.bridged(house))]
        found.append(Grant(user_name(Role.BRIDGE, bridge), tuple(rules)))
    found += [Grant(user_name(Role.METER, house), rules) for house, rules in _meters(config, fill)]
    for house in config.houses:
        if house.movable:
            found.append(Grant(user_name(Role.SWITCH, house.id), fill.of(Role.SWITCH, name=house.id)))
    for role, names in ((Role.OPERATOR, operators), (Role.HOME, homes), (Role.VIEWER, viewers)):
        found += [Grant(user_name(role, name), fill.of(role, name=name)) for name in names]
    return found


def acl_text(config: Configuration, found: Iterable[Grant]) -> str:
    """The whole file."""
    parts = [_HEADER.format(feeder=config.feeder.id).strip()]
    for grant in found:
        lines = [f"topic {rule.right.value} {rule.topic}" for rule in dict.fromkeys(grant.rules)]
        parts.append("\n".join((f"user {grant.user}", *lines)))
    return "\n\n".join(parts) + "\n"


class _Fill:
    """Fills the table's topics in for one configuration."""

    def __init__(self, config: Configuration) -> None:
        base = config.base_topic
        home = config.homeassistant
        self._common = {"base": base, "node": node_of(config), "prefix": home.prefix, "status": home.status_topic}
        self._switch = {house.id: house.switch_topic or f"{base}/switch/{house.id}" for house in config.houses}

    def of(self, role: Role, name: str = "") -> tuple[Rule, ...]:
        return self.fill(RULES[role], name=name, switch=self._switch.get(name, ""))

    def bridged(self, house: str) -> tuple[Rule, ...]:
        """What whoever serves a house's meter and switch may besides."""
        switch = self._switch.get(house)
        rules = BRIDGED if switch is not None else tuple(r for r in BRIDGED if "{switch}" not in r.topic)
        return self.fill(rules, house=house, switch=switch or "")

    def fill(self, rules: Iterable[Rule], **words: str) -> tuple[Rule, ...]:
        return tuple(Rule(rule.right, rule.topic.format(**self._common, **words)) for rule in rules)


def _own(config: Configuration, fill: _Fill) -> Iterator[Rule]:
    """What this site's controller needs besides the contract: devices that speak another format, lines of its own."""
    sources = [source for house in config.houses for source in house.meters]
    for source in (*sources, *config.transformer_meters):
        yield from _source(source, hear=True)
    for house in config.houses:
        if house.switch_topic:
            yield Rule(SAY, f"{house.switch_topic}/set")
            yield from (Rule(HEAR, f"{house.switch_topic}/{leaf}") for leaf in ("state", "availability"))
    bridge = config.bridge
    served = {meter.house for line in bridge.lines for meter in line.meters}
    served |= {switch.house for line in bridge.lines for switch in line.switches}
    served |= {relay.house for relay in bridge.relays}
    for house_id in sorted(served):
        yield from fill.bridged(house_id)


def _meters(config: Configuration, fill: _Fill) -> Iterator[tuple[str, tuple[Rule, ...]]]:
    everyone = [(house.id, house.meters) for house in config.houses]
    for house, sources in (*everyone, (TRANSFORMER, config.transformer_meters)):
        if sources:
            yield house, tuple(rule for source in sources for rule in _source(source, hear=False))
        else:
            yield house, fill.of(Role.METER, name=house)


def _source(source: MeterSource, *, hear: bool) -> Iterator[Rule]:
    """A device's own topics: some formats use the topic itself, some what is below."""
    topic = source.topic.rstrip("/")
    right = HEAR if hear else SAY
    yield Rule(right, topic)
    yield Rule(right, f"{topic}/#")
