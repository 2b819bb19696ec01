"""Joins the page to the control loop: gathers the picture, carries orders over. Decides nothing, and waits for nothing.

Everything here runs in the control loop's thread, between two turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_balancer.clock import Clock
from edge_balancer.dashboard.board import Counts, OrdersRefused, Past, View
from edge_balancer.dashboard.look import houses_now, recent_of
from edge_balancer.dashboard.publisher import Publisher
from edge_balancer.dashboard.server import Dashboard
from edge_balancer.engine import Engine
from edge_balancer.journal import Journal
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.thread import StorageThread
from edge_balancer.telemetry.batch import Order
from edge_balancer.telemetry.budgets import Budgets
from edge_balancer.telemetry.intake import Intake
from edge_balancer.telemetry.mqtt_link import MqttLink
from edge_balancer.telemetry.refusals import Refused
from edge_balancer.types.events import Alert
from edge_balancer.types.ports import Outputs
from edge_balancer.types.snapshot import FeederState
from edge_balancer.types.switching import SwitchReport

if TYPE_CHECKING:
    from edge_balancer.messenger.messenger import Messenger


class Showing:
    """The page of one running daemon; made once the engine is."""

    def __init__(
        self,
        config: Configuration,
        clock: Clock,
        database: Path,
        engine: Engine,
        intake: Intake,
        storage: StorageThread,
        journal: Journal,
        link: MqttLink,
        budgets: Budgets,
        messenger: Messenger | None,
        alerts: Mapping[str, Alert],
        wake: Callable[[], None],
    ) -> None:
        """`alerts` is the daemon's own table of what stands. `wake` makes the control loop take a turn now."""
        self._grid_s = config.telemetry.grid_s
        self._clock = clock
        self._engine = engine
        self._intake = intake
        self._storage = storage
        self._journal = journal
        self._link = link
        self._budgets = budgets
        self._messenger = messenger
        self._alerts = alerts
        self._wake = wake
        self._started = clock.wall()
        self._mode_by = "start"
        self._feeder: FeederState | None = None
        self._operations: dict[str, int] = {}
        self._page = Dashboard(config, database)
        self._publisher = Publisher(self._page.board, self._view, self._take_order, self._recent)

    @property
    def address(self) -> str:
        """Where the page is served; empty while it is not."""
        return self._page.address

    def start(self) -> None:
        self._page.start()

    def turn(self, outputs: Outputs, reports: Iterable[SwitchReport]) -> None:
        """After a turn of control, when everything that it decided is under way."""
        if outputs.mode is not None:
            self._mode_by = outputs.mode.by
        if outputs.feeder is not None:
            self._feeder = outputs.feeder
        for report in reports:
            if report.operations is not None:
                self._operations[report.house] = report.operations
        self._publisher.turn(outputs)

    def diagnostics(self) -> dict[str, Any]:
        """For `B/diagnostics`."""
        return self._page.diagnostics()

    def take_no_more(self) -> None:
        """The control loop ends: orders are refused from now on."""
        self._publisher.take_no_more()

    async def close(self) -> None:
        self._publisher.close()
        await asyncio.to_thread(self._page.close)

    def _take_order(self, order: Order) -> None:
        try:
            self._intake.order(order)
        except Refused as refusal:
            raise OrdersRefused(str(refusal)) from refusal
        self._wake()

    def _recent(self, house: str, seconds: float) -> Past:
        offset_s = self._clock.wall() - self._clock.monotonic()
        return recent_of(self._engine, house, seconds, self._grid_s, offset_s)

    def _view(self) -> View:
        engine, intake, journal, storage = self._engine, self._intake, self._journal, self._storage
        ledger, now = intake.ledger, self._clock.monotonic()
        telling = {} if self._messenger is None else self._messenger.diagnostics()
        return View(
            mono=now,
            wall=self._clock.wall(),
            synced=self._clock.synced(),
            started_wall=self._started,
            mode=engine.mode,
            mode_by=self._mode_by,
            halted=engine.roster.halted,
            settling=engine.settling,
            advice=engine.advice,
            feeder=self._feeder,
            houses=houses_now(engine, now),
            transformer=engine.latest.fresh_transformer(now),
            alerts=tuple(self._alerts.values()),
            silences=tuple(telling.get("silences", ())),
            broker=str(self._link.state),
            connected=self._link.up,
            storage_fault=journal.fault,
            head=str(storage.head),
            operations_day=int(engine.roster.operations_day.sum()),
            operations_hour=engine.roster.operations_hour,
            counts=Counts(
                received=ledger.received,
                accepted=ledger.accepted,
                refreshed=ledger.refreshed,
                refused=ledger.refused,
                refused_orders=intake.refused_orders + engine.modes_refused,
                connections=self._link.connections,
                late_events=storage.late_events + journal.waiting,
                lost_events=storage.lost_events + journal.lost,
                dropped_minutes=storage.dropped_minutes,
            ),
            operations_total=dict(self._operations),
            refused={str(reason): count for reason, count in intake.refusals.items()},
            unread={source.topic: count for source, count in self._budgets.left_unread().items()},
            strangers=tuple(intake.unconfigured),
            doubts=engine.doubts,
        )
