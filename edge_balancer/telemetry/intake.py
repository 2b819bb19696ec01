"""From one MQTT message to validated readings, reports and wishes: routing, decoding, judging, joining, counting.

Pure: no I/O and no clock; time is handed in with each message. Nothing that arrives makes it raise, and nothing that a
flood sends makes it grow without bound. It is not thread-safe: `message` and `drain` belong to one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from edge_balancer.settings.root import Configuration
from edge_balancer.telemetry.batch import Batch, Order, Pending
from edge_balancer.telemetry.refusals import Ledger, Reason, Refused, RefusedSample
from edge_balancer.telemetry.routes import Routes, Targets
from edge_balancer.telemetry.speakers import Source, Speakers
from edge_balancer.telemetry.strangers import SeenHouse, Strangers
from edge_balancer.types.switching import Mode

MOST_BYTES: Final = 65_536
"""No meter's message is longer; a longer one is refused unread."""
_ORDERS: Final = frozenset({"set", "request", "clear", "ack"})


def _any_alert(_key: str) -> bool:
    return True


class Intake:
    """All that listens, for one configuration. A changed configuration gets a new intake."""

    def __init__(self, config: Configuration, stands: Callable[[str], bool] = _any_alert) -> None:
        """`stands` tells whether there is an alert of some key to acknowledge; without it every one is taken.

        Raises ValueError where a source is configured in a way that its format cannot serve, naming house and topic.
        """
        self._pending = Pending()
        self._strangers = Strangers()
        self._routes = Routes(config, self._pending, self._strangers, stands)
        self._speakers = Speakers(config)
        self._ledger = Ledger()
        self._base = f"{config.base_topic}/"
        self.refused_orders = 0
        """Requests, releases, acknowledgements and modes that were refused: what people, or somebody, asked for."""

    def subscriptions(self) -> list[tuple[str, int]]:
        """Topic filters to subscribe to, each with its QoS: all of them."""
        return self.meter_subscriptions() + self.control_subscriptions() + self.order_subscriptions()

    def meter_subscriptions(self) -> list[tuple[str, int]]:
        """Those of readings: many, and none of them missed for long."""
        return self._routes.meter_subscriptions()

    def control_subscriptions(self) -> list[tuple[str, int]]:
        """Those of switches' reports."""
        return self._routes.control_subscriptions()

    def order_subscriptions(self) -> list[tuple[str, int]]:
        """Those of people's orders."""
        return self._routes.order_subscriptions()

    def source(self, topic: str) -> Source:
        """Who speaks on a topic, for its budget."""
        return self._speakers.of(topic)

    def message(self, topic: str, payload: bytes, retained: bool, now: float, wall: float, synced: bool) -> None:
        """Take one message. `now` is monotonic seconds and `wall` Unix seconds at its arrival; `synced` says whether
        `wall` can be trusted. Never raises: what is refused is counted and its beginning kept.
        """
        self._take(self._routes.targets(topic), topic, payload, retained, now, wall, synced)

    def local(self, topic: str, payload: bytes, now: float, wall: float, synced: bool) -> None:
        """Take what the bridge inside this daemon says; as `message`, without a broker in between."""
        self._take(self._routes.local_targets(topic), topic, payload, False, now, wall, synced)

    def order(self, order: Order) -> None:
        """Take a person's wish that was understood elsewhere (the page). Raises Refused when too many wait."""
        self._pending.join(order)

    def _take(
        self, targets: Targets, topic: str, payload: bytes, retained: bool, now: float, wall: float, synced: bool
    ) -> None:
        ledger = self._ledger
        for target in targets:
            ledger.received += 1
            try:
                if len(payload) > MOST_BYTES:
                    raise Refused(Reason.TOO_LARGE, f"{len(payload)} bytes, more than {MOST_BYTES}")
                accepted = target.receive(payload, retained, now, wall, synced)
            except Refused as refusal:
                ledger.refuse(refusal, topic, payload, wall)
                self.refused_orders += self._is_order(topic)
            except Exception as error:  # noqa: BLE001 - a fault in one decoder must not silence every other meter
                ledger.refuse(Refused(Reason.INTERNAL, repr(error)), topic, payload, wall)
            else:
                if accepted:
                    ledger.accepted += 1
                else:
                    ledger.refreshed += 1

    def _is_order(self, topic: str) -> bool:
        return topic.startswith(self._base) and topic.rpartition("/")[2] in _ORDERS

    @property
    def orders_wait(self) -> bool:
        """Whether a person's wish waits for the next drain."""
        return self._pending.orders_wait

    def drain(self, most_requests: int | None = None) -> Batch:
        """Everything accepted since the last drain; of requests at most so many, the oldest: `orders_wait` tells
        whether others stay for the next."""
        return self._pending.drain(most_requests)

    def against(self, house: str, mode: Mode) -> str:
        """Why a command for a house, decided in `mode` after the last drain, must not leave before the next one; empty
        where it may. Drains nothing.
        """
        return self._pending.against(house, mode)

    @property
    def ledger(self) -> Ledger:
        """What became of every message: received, accepted, refreshed, refused."""
        return self._ledger

    @property
    def refusals(self) -> Mapping[Reason, int]:
        """Refused messages by reason."""
        return self._ledger.counts

    def recent_refusals(self, reason: Reason) -> list[RefusedSample]:
        """The last few refused messages of one kind, oldest first."""
        return self._ledger.samples(reason)

    @property
    def unconfigured(self) -> list[SeenHouse]:
        """Houses seen on the contract's topics that the configuration does not know."""
        return self._strangers.listed()
