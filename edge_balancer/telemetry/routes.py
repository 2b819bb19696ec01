"""Which topics are listened to, and where each leads. Resolved once per topic; what a flood of invented topics costs
is bounded.

Two ways lead in: the broker, and the bridge inside this daemon, which serves lines of its own. What the bridge says is
published too; heard from the broker it is an echo and leads nowhere.

Order of precedence: the exact topics of the contract for configured houses, then the topics of mapped sources, then
what the contract knows but the configuration does not (an unknown house).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

import msgspec

from edge_balancer.settings.houses import HouseSettings, MeterSource
from edge_balancer.settings.root import Configuration
from edge_balancer.telemetry.batch import Pending
from edge_balancer.telemetry.formats import FORMATS
from edge_balancer.telemetry.formats.base import Format, Wiring
from edge_balancer.telemetry.formats.native import decoder_for
from edge_balancer.telemetry.merge import HouseMerge, PowerSource
from edge_balancer.telemetry.merge_three import ThreePhaseMerge, TripleSource
from edge_balancer.telemetry.meters import MeterFactory, SinglePhaseMeter, Target, ThreePhaseMeter
from edge_balancer.telemetry.orders import (
    AlertAcks,
    ModeSet,
    Silences,
    SwitchAvailability,
    SwitchClears,
    SwitchRequests,
)
from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.telemetry.strangers import Strangers
from edge_balancer.telemetry.switch_state import SwitchState
from edge_balancer.telemetry.validate import Limits, house_limits, transformer_limits
from edge_balancer.types.readings import TRANSFORMER

_REPORTS: Final = ("state", "availability")
_MOST_TOPIC_CHARS: Final = 1024
_CACHED_PER_SOURCE: Final = 64
_CACHED_AT_LEAST: Final = 1024

Targets = tuple[Target, ...]


class _Binding(msgspec.Struct, frozen=True):
    """One mapped source: what its topics are, and what to make of one of them."""

    house: str
    format: Format
    wiring: Wiring
    make: MeterFactory


class Nothing:
    """A topic that comes with a subscription and holds nothing for us: a neighbour value of a device, our own
    alerts.
    """

    def receive(self, payload: bytes, retained: bool, now: float, wall: float, synced: bool) -> bool:
        del payload, retained, now, wall, synced
        return False


class Stray:
    """A topic that leads nowhere. An unknown house is noted among the strangers."""

    __slots__ = ("_detail", "_house", "_reason", "_strangers", "_topic")

    def __init__(
        self, reason: Reason, detail: str, topic: str, house: str = "", strangers: Strangers | None = None
    ) -> None:
        self._reason = reason
        self._detail = detail
        self._topic = topic
        self._house = house
        self._strangers = strangers

    def receive(self, payload: bytes, retained: bool, now: float, wall: float, synced: bool) -> NoReturn:
        del retained, now, synced
        if self._strangers is not None:
            self._strangers.note(self._house, self._topic, payload, wall)
        raise Refused(self._reason, self._detail)


_NOTHING: Final[Targets] = (Nothing(),)


class Routes:
    """The routing table of one configuration."""

    def __init__(
        self, config: Configuration, pending: Pending, strangers: Strangers, stands: Callable[[str], bool]
    ) -> None:
        """`stands`: whether there is an alert of that key to acknowledge."""
        self._stands = stands
        self._base = config.base_topic
        self._pending = pending
        self._strangers = strangers
        self._fresh_s = config.telemetry.stale_s
        self._exact: dict[str, Targets] = {
            f"{self._base}/mode/set": (ModeSet(pending),),
            f"{self._base}/silence/set": (Silences(pending),),
        }
        self._local: dict[str, Targets] = {}
        bridge = config.bridge
        self._line_metered = {meter.house for line in bridge.lines for meter in line.meters}
        self._line_switched = {switch.house for line in bridge.lines for switch in line.switches}
        self._line_switched |= {switch.house for switch in bridge.relays}
        self._mapped: dict[str, list[_Binding]] = {}
        self._mapped_houses: set[str] = set()
        self._houses = {house.id for house in config.houses} | {TRANSFORMER}
        self._switch_prefixes: list[str] = []
        self._cache: dict[str, Targets] = {}
        limits = house_limits(config)
        for house in config.houses:
            self._add_switch(house)
            self._add_meters(house.id, house.meters, house.three_phase, limits)
        self._add_meters(TRANSFORMER, config.transformer_meters, True, transformer_limits(config))
        self._most_cached = _CACHED_AT_LEAST + _CACHED_PER_SOURCE * sum(map(len, self._mapped.values()))

    def meter_subscriptions(self) -> list[tuple[str, int]]:
        """Topic filters of readings, at QoS 0: the next reading is better than a late one."""
        wanted = [(f"{self._base}/meter/+", 0)]
        for topic, bindings in self._mapped.items():
            wanted += [(topic + suffix, 0) for b in bindings for suffix in b.format.filters(b.wiring)]
        return list(dict.fromkeys(wanted))

    def control_subscriptions(self) -> list[tuple[str, int]]:
        """Topic filters of switches. They say their reports at QoS 1 and are heard at 0: with a clean session QoS 1
        adds nothing on a connection that stands, and nothing over its end; and who says too much can be left unread
        without an answer to each message.
        """
        wanted = [(f"{self._base}/switch/+/{leaf}", 0) for leaf in _REPORTS]
        wanted += [(f"{prefix}/{leaf}", 0) for prefix in self._switch_prefixes for leaf in _REPORTS]
        return list(dict.fromkeys(wanted))

    def order_subscriptions(self) -> list[tuple[str, int]]:
        """Topic filters of people's orders, and of our own alerts, which stand there too. At QoS 0, as reports are."""
        topics = ("switch/+/request", "switch/+/clear", "mode/set", "silence/set", "alert/#")
        return [(f"{self._base}/{topic}", 0) for topic in topics]

    def targets(self, topic: str) -> Targets:
        """Where a topic leads; never empty."""
        found = self._exact.get(topic) or self._cache.get(topic)
        if found is None:
            found = self._resolve(topic)
            if len(self._cache) >= self._most_cached:
                self._cache.clear()
            if len(topic) <= _MOST_TOPIC_CHARS:
                self._cache[topic] = found
        return found

    def local_targets(self, topic: str) -> Targets:
        """Where a topic of the bridge inside this daemon leads; empty where it leads nowhere."""
        return self._local.get(topic, ())

    def _resolve(self, topic: str) -> Targets:
        if len(topic) > _MOST_TOPIC_CHARS:
            return (Stray(Reason.UNKNOWN_TOPIC, f"a topic of {len(topic)} characters", topic[:_MOST_TOPIC_CHARS]),)
        return self._resolve_mapped(topic) or self._resolve_contract(topic)

    def _resolve_mapped(self, topic: str) -> Targets:
        found: list[Target] = []
        known = False
        end = len(topic)
        while end > 0:
            for binding in self._mapped.get(topic[:end], ()):
                known = True
                decode = binding.format.bind(binding.wiring, topic[end:])
                if decode is not None:
                    found.append(binding.make(decode))
            end = topic.rfind("/", 0, end)
        return tuple(found) or (_NOTHING if known else ())

    def _resolve_contract(self, topic: str) -> Targets:
        rest = topic.removeprefix(f"{self._base}/")
        family, _, name = rest.partition("/")
        if rest != topic and family == "alert" and name:
            key = name.removesuffix("/ack")
            return (AlertAcks(key, self._pending, self._stands),) if key not in {name, ""} else _NOTHING
        if rest != topic and family in {"meter", "switch"}:
            house, _, leaf = name.partition("/")
            if house in self._mapped_houses and family == "meter":
                detail = f"{house} is configured with meters of its own and is not heard on this topic"
            elif house not in self._houses:
                detail = f"{house!r} is not configured: add it to the houses, or silence it"
                watched = self._strangers if leaf in {"", "state", "availability"} else None
                return (Stray(Reason.UNKNOWN_HOUSE, detail, topic, house, watched),)
            else:
                detail = f"{house} is not heard on this topic"
            return (Stray(Reason.UNKNOWN_TOPIC, detail, topic),)
        return (Stray(Reason.UNKNOWN_TOPIC, "no configured source speaks on this topic", topic),)

    def _add_switch(self, house: HouseSettings) -> None:
        contract = f"{self._base}/switch/{house.id}"
        prefix = house.switch_topic or contract
        if house.switch_topic:
            self._switch_prefixes.append(prefix)
        heard = self._exact
        if house.id in self._line_switched:
            heard = self._local
            self._exact |= {f"{prefix}/state": _NOTHING, f"{prefix}/availability": _NOTHING}
        heard[f"{prefix}/state"] = (SwitchState(house.id, self._pending),)
        heard[f"{prefix}/availability"] = (SwitchAvailability(house.id, self._pending),)
        self._exact[f"{contract}/request"] = (SwitchRequests(house.id, self._pending),)
        self._exact[f"{contract}/clear"] = (SwitchClears(house.id, self._pending),)

    def _add_meters(self, house: str, meters: tuple[MeterSource, ...], three_phase: bool, limits: Limits) -> None:
        topic = f"{self._base}/meter/{house}"
        settings = meters or (MeterSource(topic=topic),)
        factories = self._factories(house, settings, three_phase, limits)
        if not meters:
            heard = self._exact
            if house in self._line_metered:
                heard = self._local
                self._exact[topic] = _NOTHING
            heard[topic] = (factories[0](decoder_for(house, three_phase)),)
            return
        self._mapped_houses.add(house)
        for source, make in zip(settings, factories, strict=True):
            binding = _Binding(house, FORMATS[source.format], Wiring(source, three_phase), make)
            try:
                binding.format.bind(binding.wiring, "")
            except ValueError as error:
                raise ValueError(f"{house}: meter on {source.topic!r}: {error}") from error
            self._mapped.setdefault(source.topic.rstrip("/"), []).append(binding)

    def _factories(
        self, house: str, settings: tuple[MeterSource, ...], three_phase: bool, limits: Limits
    ) -> list[MeterFactory]:
        """For each source of a house, what makes the target of one of its topics."""
        if three_phase:
            triples = [TripleSource(s) for s in settings]
            together = ThreePhaseMerge(house, triples, self._fresh_s)
            return [_three(triple, together, limits, self._pending) for triple in triples]
        singles = [PowerSource(s) for s in settings]
        merge = HouseMerge(house, singles, self._fresh_s)
        return [_single(single, merge, limits, self._pending) for single in singles]


def _single(source: PowerSource, merge: HouseMerge, limits: Limits, pending: Pending) -> MeterFactory:
    return lambda decode: SinglePhaseMeter(decode, source, merge, limits, pending)


def _three(source: TripleSource, merge: ThreePhaseMerge, limits: Limits, pending: Pending) -> MeterFactory:
    return lambda decode: ThreePhaseMeter(decode, source, merge, limits, pending)
