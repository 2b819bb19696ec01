"""What `/metrics` says: every name, what it means, and where its figure comes from. One table, plain values.

The names are a contract with other people's dashboards: docs/metrics.md is made from here, and none is renamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from edge_balancer import __version__
from edge_balancer.dashboard.api.model import House, PhaseNow, Phases, Status
from edge_balancer.dashboard.board import View
from edge_balancer.types.events import Severity
from edge_balancer.types.switching import Mode

PREFIX: Final = "edge_balancer_"

Kind = Literal["gauge", "counter", "info"]


@dataclass(frozen=True, slots=True)
class Name:
    """One metric as documented. A counter's name ends in `_total` on the wire."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    @property
    def full(self) -> str:
        suffix = {"gauge": "", "counter": "_total", "info": "_info"}[self.kind]
        return PREFIX + self.name + suffix


@dataclass(frozen=True, slots=True)
class Sight:
    """All that metrics are made from, as of one instant."""

    view: View
    status: Status
    phases: Phases
    houses: list[House]
    page: Mapping[str, float]


Values = Iterable[tuple[tuple[str, ...], float | None]]
"""Label values and the figure; None is not shown."""


def _by_phase(value: Callable[[PhaseNow], float | None]) -> Callable[[Sight], Values]:
    def values(sight: Sight) -> Values:
        for name, phase in (("L1", sight.phases.l1), ("L2", sight.phases.l2), ("L3", sight.phases.l3)):
            yield (name,), value(phase)

    return values


def _one(value: Callable[[Sight], float | None]) -> Callable[[Sight], Values]:
    def values(sight: Sight) -> Values:
        yield (), value(sight)

    return values


def _flag(value: Callable[[Sight], bool]) -> Callable[[Sight], Values]:
    return _one(lambda sight: float(value(sight)))


def _count(name: str) -> Callable[[Sight], Values]:
    """One of the view's counts."""
    return _one(lambda sight: float(getattr(sight.view.counts, name)))


def _by_house(value: Callable[[House], float | None], *, single: bool = False) -> Callable[[Sight], Values]:
    def values(sight: Sight) -> Values:
        for house in sight.houses:
            if not (single and house.three_phase):
                yield (house.id,), value(house)

    return values


def _modes(sight: Sight) -> Values:
    for mode in Mode:
        yield (str(mode),), float(sight.view.mode is mode)


def _alerts(sight: Sight) -> Values:
    for severity in Severity:
        yield (str(severity),), float(sum(alert.severity is severity for alert in sight.view.alerts))


def _messages(sight: Sight) -> Values:
    counts = sight.view.counts
    yield ("accepted",), float(counts.accepted)
    yield ("refreshed",), float(counts.refreshed)
    yield ("refused",), float(counts.refused)


def _refused(sight: Sight) -> Values:
    for reason, count in sight.view.refused.items():
        yield (reason,), float(count)


def _unread(sight: Sight) -> Values:
    for topic, count in sight.view.unread.items():
        yield (topic,), float(count)


def _locked(house: House) -> float:
    return float(house.locked is not None)


def _positions(house: House) -> float | None:
    return None if house.phase is None else float(int(house.phase[1]))


def _oldest(sight: Sight) -> float | None:
    at = sight.view.houses.at
    heard = at[np.isfinite(at)]
    return float(sight.view.mono - heard.min()) if len(heard) else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric, and how it is read."""

    name: Name
    values: Callable[[Sight], Values]


def _gauge(name: str, help_: str, values: Callable[[Sight], Values], *labels: str) -> Entry:
    return Entry(Name(name, "gauge", help_, labels), values)


def _counter(name: str, help_: str, values: Callable[[Sight], Values], *labels: str) -> Entry:
    return Entry(Name(name, "counter", help_, labels), values)


def _info(sight: Sight) -> Values:
    yield (__version__, sight.status.feeder.id), 1.0


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(Name("build", "info", "Version of the controller, and its feeder.", ("version", "feeder")), _info),
    _gauge("uptime_seconds", "Since the controller started.", _one(lambda s: s.status.uptime_s)),
    _gauge("clock_synchronised", "1 where the wall clock can be trusted.", _flag(lambda s: s.view.synced)),
    _gauge("broker_connected", "1 while the broker is connected.", _flag(lambda s: s.view.connected)),
    _gauge("storage_fault", "1 while the store cannot save.", _flag(lambda s: bool(s.view.storage_fault))),
    _gauge("mode", "1 for the mode in force.", _modes, "mode"),
    _gauge("halted", "1 while switching is halted until a person has looked.", _flag(lambda s: bool(s.view.halted))),
    _gauge("settling", "1 while the feeder is left alone after an outage.", _flag(lambda s: s.view.settling)),
    _gauge("alerts", "Alerts that stand.", _alerts, "severity"),
    _gauge("phase_power_watts", "Net load of a phase; negative where it feeds in.", _by_phase(lambda p: p.p), "phase"),
    _gauge("phase_load_watts", "What the houses that draw take.", _by_phase(lambda p: p.load_w), "phase"),
    _gauge("phase_solar_watts", "What the houses that feed in give.", _by_phase(lambda p: p.solar_w), "phase"),
    _gauge("phase_reactive_vars", "Reactive power of a phase.", _by_phase(lambda p: p.q), "phase"),
    _gauge("phase_current_amperes", "Current of a phase.", _by_phase(lambda p: p.i), "phase"),
    _gauge("phase_voltage_min_volts", "Lowest voltage of a phase's houses.", _by_phase(lambda p: p.v_min), "phase"),
    _gauge("phase_voltage_mean_volts", "Mean voltage of a phase's houses.", _by_phase(lambda p: p.v_mean), "phase"),
    _gauge("phase_voltage_max_volts", "Highest voltage of a phase's houses.", _by_phase(lambda p: p.v_max), "phase"),
    _gauge("phase_houses", "Houses on a phase that report.", _by_phase(lambda p: float(p.houses)), "phase"),
    _gauge("neutral_current_amperes", "Neutral current at the transformer.", _one(lambda s: s.phases.i_n)),
    _gauge(
        "neutral_current_unswitched_amperes",
        "Neutral current with every house on the phase of the configuration.",
        _one(lambda s: s.phases.unswitched.i_n),
    ),
    _gauge("neutral_limit_amperes", "What the neutral bears.", _one(lambda s: s.status.feeder.neutral_limit_a)),
    _gauge("imbalance_ratio", "Load imbalance, 0.1 for 10 %.", _one(lambda s: s.phases.imbalance / 100.0)),
    _gauge(
        "voltage_unbalance_factor_ratio",
        "V2/V1; only with line-to-line voltages.",
        _one(lambda s: None if s.phases.vuf is None else s.phases.vuf / 100.0),
    ),
    _gauge(
        "loading_ratio",
        "Of the fullest phase, by rated current.",
        _one(lambda s: None if s.phases.loading is None else s.phases.loading / 100.0),
    ),
    _gauge("coverage_ratio", "Share of the houses with a fresh reading.", _one(lambda s: s.phases.coverage)),
    _gauge("metered_ratio", "Share of the transformer's power that meters show.", _one(lambda s: s.phases.metered)),
    _gauge("houses", "Houses of the feeder.", _one(lambda s: float(s.status.houses_total))),
    _gauge("houses_fresh", "Houses with a fresh reading.", _one(lambda s: float(s.status.houses_fresh))),
    _gauge("reading_age_max_seconds", "Age of the oldest reading of any house.", _one(_oldest)),
    _gauge("operations_day", "Operations of all switches in 24 hours.", _one(lambda s: float(s.view.operations_day))),
    _gauge("operations_hour", "Operations of all switches in an hour.", _one(lambda s: float(s.view.operations_hour))),
    _gauge(
        "operations_budget_day",
        "What the price of a move is calibrated to: operations of all movable houses in a day.",
        _one(lambda s: s.status.budget.operations_per_house_day * s.status.feeder.movable),
    ),
    _gauge("house_power_watts", "Net load of a house.", _by_house(lambda h: h.p), "house"),
    _gauge("house_voltage_volts", "Voltage of a house.", _by_house(lambda h: h.v), "house"),
    _gauge("house_fresh", "1 where its reading is fresh.", _by_house(lambda h: float(h.fresh)), "house"),
    _gauge("house_phase", "Where it is: 1, 2, 3 for L1, L2, L3.", _by_house(_positions, single=True), "house"),
    _gauge(
        "house_locked",
        "1 where it is locked out.",
        _by_house(_locked, single=True),
        "house",
    ),
    _gauge(
        "house_operations_day",
        "Operations of its switch in 24 hours.",
        _by_house(lambda h: float(h.operations_24h), single=True),
        "house",
    ),
    _counter("messages", "MQTT messages by what became of them.", _messages, "result"),
    _counter("messages_refused", "Refused MQTT messages by reason.", _refused, "reason"),
    _counter("messages_unread", "MQTT messages above a source's budget, left unread.", _unread, "topic"),
    _counter("orders_refused", "Orders of people that were refused.", _count("refused_orders")),
    _counter("broker_connections", "Connections made to the broker.", _count("connections")),
    _gauge("events_waiting", "Rows of the trail that wait for the disk.", _count("late_events")),
    _counter("telemetry_dropped", "Minute means that the disk would not take.", _count("dropped_minutes")),
    _gauge("page_clients", "Pages that follow live.", _one(lambda s: s.page.get("clients"))),
    _counter("page_dropped", "Pages let go for reading too slowly.", _one(lambda s: s.page.get("dropped"))),
    _counter("page_errors", "Requests that met a defect.", _one(lambda s: s.page.get("errors"))),
    _counter("page_requests", "Requests to the page and its API.", _one(lambda s: s.page.get("requests"))),
    _counter(
        "records_unreadable",
        "Rows of the trail that the page met and could not show: of another version, or spoilt.",
        _one(lambda s: s.page.get("unreadable")),
    ),
)
"""Every metric there is, in the order of the document."""
