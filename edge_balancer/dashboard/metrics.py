"""`/metrics` for Prometheus: what the board shows, read when somebody asks.

A collector on a registry of its own: nothing is counted twice, nothing costs where nobody asks, and what other
libraries put into the default registry stays out. The names are in `metric_names`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from edge_balancer.dashboard.metric_names import ENTRIES, PREFIX, Entry, Sight

_Family = GaugeMetricFamily | CounterMetricFamily | InfoMetricFamily


class BoardCollector(Collector):
    """Gives every metric as of one look."""

    def __init__(self, look: Callable[[], Sight]) -> None:
        self._look = look

    def describe(self) -> Iterator[Metric]:
        """The families without figures: a registry that asked for those at once would have to wait for a view."""
        for entry in ENTRIES:
            yield _family(entry)

    def collect(self) -> Iterator[Metric]:
        sight = self._look()
        for entry in ENTRIES:
            family = _family(entry)
            for labels, value in entry.values(sight):
                if isinstance(family, InfoMetricFamily):
                    family.add_metric([], dict(zip(entry.name.labels, labels, strict=True)))
                elif value is not None:
                    family.add_metric(labels, value)
            if family.samples:
                yield family


def _family(entry: Entry) -> _Family:
    name = entry.name
    match name.kind:
        case "info":
            return InfoMetricFamily(PREFIX + name.name, name.help)
        case "counter":
            return CounterMetricFamily(PREFIX + name.name, name.help, labels=name.labels)
        case "gauge":
            return GaugeMetricFamily(PREFIX + name.name, name.help, labels=name.labels)


def exposition(look: Callable[[], Sight], accept: str) -> tuple[bytes, str]:
    """The text, and its content type, as `Accept` prefers."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(BoardCollector(look))
    encode, media = choose_encoder(accept)
    return encode(registry), media
