"""Virtual meters: the twin's houses and transformer, published over MQTT as real meters publish them.

Each house has a meter with its own beat, a little jitter, noise, quantisation and now and then a lost message. Nothing
is decided here, and the switches' positions are known only through the feeder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.clock import Clock
from edge_balancer.twin.feeder import NO_PHASE, Truth, TwinFeeder
from edge_balancer.twin.noise import Floats
from edge_balancer.types.readings import TRANSFORMER

# Below this real time between two looks at the feeder a small machine would do nothing else.
_LEAST_TICK_S: Final = 0.025


@dataclass(frozen=True, slots=True)
class MeterOptions:
    """How the meters behave; times are in the clock's seconds."""

    period_s: float = 60.0
    """Mean time between two reports of a house."""
    period_spread: float = 0.0
    """Houses differ in their period by up to this fraction."""
    jitter: float = 0.02
    """A report comes early or late by up to this fraction of its period."""
    loss: float = 0.002
    """Probability that a report is lost."""
    error: float = 0.005
    """Relative standard error of the power (class 1 meters stay within 1 %)."""
    transformer_period_s: float = 15.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("period_s", "transformer_period_s"):
            if getattr(self, name) <= 0.0:
                raise ValueError(f"{name} = {getattr(self, name):g} must be greater than zero")
        for name in ("period_spread", "jitter", "loss"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} = {getattr(self, name):g} must be at least 0 and below 1")


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


class VirtualMeters:
    """The meters of one feeder. `on_truth` is shown the feeder at every look, whether or not a meter reports then."""

    def __init__(
        self,
        feeder: TwinFeeder,
        clock: Clock,
        base_topic: str,
        options: MeterOptions,
        on_truth: Callable[[Truth], None] | None = None,
        silent: Collection[str] = (),
    ) -> None:
        """The meters of `silent` houses report some other way."""
        self._feeder = feeder
        self._clock = clock
        self._options = options
        self._on_truth = on_truth
        self._rng = np.random.default_rng([options.seed, 8])
        houses = feeder.houses.ids
        self._topics = [f"{base_topic}/meter/{house}" for house in houses]
        self._transformer_topic = f"{base_topic}/meter/{TRANSFORMER}"
        spread = self._rng.uniform(-1.0, 1.0, len(houses)) * options.period_spread
        self._period: Floats = options.period_s * (1.0 + spread)
        # Meters were switched on at different times, so their reports are spread over the period.
        self._due: Floats = clock.wall() + self._rng.uniform(0.0, 1.0, len(houses)) * self._period
        self._due[[house in silent for house in houses]] = np.inf
        self._transformer_due = clock.wall()
        self._encode = msgspec.json.Encoder().encode
        self.published = 0
        self.lost = 0

    @property
    def tick_s(self) -> float:
        """Time between two looks at the feeder, in the clock's seconds: a report is late by at most this."""
        shortest = min(float(self._period.min()), self._options.transformer_period_s)
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
        """Topics and payloads of the meters whose time has come; each house at most once."""
        truth = self._feeder.at(wall)
        if self._on_truth is not None:
            self._on_truth(truth)
        out: list[tuple[str, bytes]] = []
        due = np.flatnonzero(self._due <= wall)
        if len(due):
            jitter = self._rng.uniform(-1.0, 1.0, len(due)) * self._options.jitter
            # From the present, not from the missed instant: after a standstill meters do not catch up.
            late = wall - self._due[due] > self._period[due]
            self._due[due] = np.where(late, wall, self._due[due]) + self._period[due] * (1.0 + jitter)
            kept = self._rng.uniform(size=len(due)) >= self._options.loss
            self.lost += int((~kept).sum())
            noise = self._rng.normal(1.0, self._options.error, (2, len(due)))
            for k, p_factor, q_factor in zip(due[kept], noise[0][kept], noise[1][kept], strict=True):
                # A dark house's meter has no supply and says nothing.
                if truth.phases[k] != NO_PHASE:
                    report = _house_report(truth, int(k), float(p_factor), float(q_factor))
                    out.append((self._topics[k], self._encode(report)))
        if wall >= self._transformer_due:
            self._transformer_due = wall + self._options.transformer_period_s
            out.append((self._transformer_topic, self._encode(_transformer_report(truth))))
        return out


def _house_report(truth: Truth, k: int, p_factor: float, q_factor: float) -> HouseReport:
    p, q, v = float(truth.p[k]) * p_factor, float(truth.q[k]) * q_factor, float(truth.v[k])
    return HouseReport(
        p=round(p), q=round(q), v=round(v, 1), i=round((p * p + q * q) ** 0.5 / v, 2), t=round(truth.wall, 3)
    )


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
