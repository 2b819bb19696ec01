"""The demo's meters: what the twin's meters make of the truth, published over MQTT as real meters publish it.

How a meter errs, rounds, loses and delays is in `twin/devices/meters.py`. Nothing is decided here, and the switches'
positions are known only through the feeder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Final

import msgspec
import numpy as np
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.clock import Clock
from edge_balancer.demo.past import Past
from edge_balancer.twin.devices.meters import MeterOptions, Meters, Windows
from edge_balancer.twin.devices.underway import UnderWay
from edge_balancer.twin.feeder import Truth, TwinFeeder
from edge_balancer.types.readings import TRANSFORMER

# Below this real time between two looks at the feeder a small machine would do nothing else.
_LEAST_TICK_S: Final = 0.025
_TRANSFORMER_PERIOD_S: Final = 15.0


class HouseReport(msgspec.Struct, frozen=True):
    """`B/meter/<house>`."""

    p: float
    q: float
    v: float
    i: float
    t: float


class TransformerReport(msgspec.Struct, frozen=True):
    """`B/meter/transformer`, each list in the order L1, L2, L3."""

    p: list[float]
    q: list[float]
    v: list[float]
    i: list[float]
    v_ll: list[float]
    i_n: float
    t: float


class MeterPost:
    """The meters of one feeder. `on_truth` is shown the feeder at every look, whether or not a meter reports then."""

    def __init__(
        self,
        feeder: TwinFeeder,
        clock: Clock,
        base_topic: str,
        options: MeterOptions,
        seed: int,
        *,
        transformer_period_s: float = _TRANSFORMER_PERIOD_S,
        on_truth: Callable[[Truth], None] | None = None,
        silent: Collection[str] = (),
    ) -> None:
        """The meters of `silent` houses report some other way."""
        self._feeder = feeder
        self._clock = clock
        self._transformer_period_s = transformer_period_s
        self._on_truth = on_truth
        houses, start = feeder.houses.ids, clock.wall()
        self._speaks = np.array([house not in silent for house in houses])
        self._topics = [f"{base_topic}/meter/{house}" for house in houses]
        self._transformer_topic = f"{base_topic}/meter/{TRANSFORMER}"
        self._meters = Meters(len(houses), options, seed, start)
        self._past = Past(len(houses), start, 3.0 * float(self._meters.period_s.max()))
        self._under_way = UnderWay()
        self._transformer_due = start
        self._encode = msgspec.json.Encoder().encode
        self.published = 0

    @property
    def lost(self) -> int:
        """Reports that never arrive."""
        return self._meters.lost

    @property
    def tick_s(self) -> float:
        """Time between two looks at the feeder, in the clock's seconds: a report is late by at most this."""
        shortest = min(float(self._meters.period_s.min()), self._transformer_period_s)
        return max(shortest / 20.0, _LEAST_TICK_S * self._clock.speed)

    async def run(self, host: str, port: int, stop: asyncio.Event) -> None:
        """Publish until `stop` is set. Raises OSError if the broker is not there."""
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.reconnect_delay_set(1, 30)
        await asyncio.to_thread(client.connect, host, port)
        client.loop_start()
        try:
            while not stop.is_set():
                for topic, payload in self.reports(self._clock.wall()):
                    # QoS 0, and nothing kept while the broker is away: an old reading is worth nothing.
                    if client.is_connected():
                        client.publish(topic, payload)
                        self.published += 1
                await _pause(stop, self.tick_s / self._clock.speed)
        finally:
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)

    def reports(self, wall: float) -> list[tuple[str, bytes]]:
        """Topics and payloads of what has arrived by now."""
        truth = self._feeder.at(wall)
        if self._on_truth is not None:
            self._on_truth(truth)
        self._past.add(truth)
        windows = self._latest(self._meters.due(wall))
        means = self._past.means(windows)
        self._under_way.send(self._meters.read(windows, means.p, means.q, means.v), means.lit.tolist())
        out: list[tuple[str, bytes]] = []
        for _, house, stamp, p, q, v in self._under_way.arrived(wall):
            report = HouseReport(
                p=round(p, 1), q=round(q, 1), v=round(v, 2), i=round((p * p + q * q) ** 0.5 / v, 2), t=round(stamp, 3)
            )
            out.append((self._topics[house], self._encode(report)))
        if wall >= self._transformer_due:
            self._transformer_due = wall + self._transformer_period_s
            out.append((self._transformer_topic, self._encode(_transformer_report(truth))))
        return out

    def _latest(self, windows: Windows) -> Windows:
        """After a standstill meters do not catch up: of each that speaks here, the last period."""
        last = np.full(len(self._topics), -1)
        last[windows.house] = np.arange(len(windows))  # they come in the order in which they ended
        return windows.part(np.sort(last[(last >= 0) & self._speaks]))


def _transformer_report(truth: Truth) -> TransformerReport:
    v = truth.bus_v
    return TransformerReport(
        p=[round(float(x)) for x in truth.bus_p],
        q=[round(float(x)) for x in truth.bus_q],
        v=[round(float(x), 2) for x in np.abs(v)],
        i=[round(float(x), 2) for x in np.abs(truth.bus_i)],
        v_ll=[round(float(abs(v[a] - v[b])), 2) for a, b in ((0, 1), (1, 2), (2, 0))],
        i_n=round(truth.neutral_a, 2),
        t=round(truth.wall, 3),
    )


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
