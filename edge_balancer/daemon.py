"""The composition root: builds the parts, owns the event loop, and carries out what the engine says. It decides
nothing.

Order matters in one place: events reach the disk before the commands that they announce reach the wire. What was heard
while the disk was waited for is looked at once more before a command leaves.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from edge_balancer import __version__
from edge_balancer.alerts.catalogue import AlertKind, title
from edge_balancer.clock import Clock, boot_of
from edge_balancer.dating import Dating
from edge_balancer.diagnostics import diagnostics_payload
from edge_balancer.engine import Engine
from edge_balancer.field import field_of
from edge_balancer.homeassistant.discovery import Announcer
from edge_balancer.journal import Journal
from edge_balancer.logs import get_logger
from edge_balancer.messenger import messenger_of
from edge_balancer.models.serving import Serving
from edge_balancer.settings.root import Configuration
from edge_balancer.showing import Showing
from edge_balancer.standing import Standing
from edge_balancer.storage.thread import CLOSE_TIMEOUT_S, StorageThread
from edge_balancer.telemetry.batch import REQUESTS_A_STEP
from edge_balancer.telemetry.budgets import Budgets, Rates
from edge_balancer.telemetry.intake import Intake
from edge_balancer.telemetry.mqtt_link import MqttLink
from edge_balancer.types.events import Alert, Event, EventKind
from edge_balancer.types.ports import Inputs, Outputs, Restored
from edge_balancer.types.snapshot import FeederState
from edge_balancer.types.switching import Command, SilenceRequest
from edge_balancer.wire import CommandWriter, Topics, phases_payload
from firmware_bridge.host.sd_notify import Notifier

JOURNAL_PATIENCE_S: Final = 2.0
"""A disk that takes longer than this hangs: it counts as failed, and no command leaves until it answers."""
COMMAND_AGE_S: Final = 1.0
"""A command whose record took longer than this is given up: it was decided on a feeder that may have changed."""
FAREWELL_S: Final = 0.75
"""How long a stop waits for the last rows, and then for a file that does not close: a stop has two seconds in all."""
LEARNED_EVERY_S: Final = 3600.0
"""It is the largest thing that is saved, 130 KB for 55 houses: more often it would be half of what an SD card bears."""
THIN_EVERY_S: Final = 3600.0
DIAGNOSTICS_EVERY_S: Final = 30.0
STATUS_EVERY_S: Final = 10.0
SILENCE_SHOWN_S: Final = 2.0
"""A wish for silence shows in the diagnostics after this."""

_log = get_logger(__name__)


class Daemon:
    """One controller: `run` until told to stop. `database` is the store's file."""

    def __init__(self, config: Configuration, clock: Clock, database: Path, notifier: Notifier | None = None) -> None:
        self._config = config
        self._clock = clock
        self._notify = notifier or Notifier()
        self._storage = StorageThread(database, config.storage)
        self._journal = Journal(self._storage, JOURNAL_PATIENCE_S)
        self._topics = Topics(config)
        self._commands = CommandWriter(config)
        self._announcer = Announcer(config, self._topics, {kind: title(kind) for kind in AlertKind})
        self._intake = Intake(config, lambda key: key in self._standing.alerts)
        self._budgets = Budgets(self._intake.source, Rates.of(config), clock.monotonic)
        self._link = MqttLink(
            config.mqtt,
            config.client_id,
            self._topics.availability,
            clock,
            on_message=self._on_message,
            on_batch=self._on_batch,
            on_up=self._on_up,
            admit=self._budgets.admit,
        )
        self._standing = Standing(self._link, self._topics, self._announcer)
        self._field = field_of(config, clock, self._intake, self._link, self._on_batch)
        self._messenger = messenger_of(config, clock, database)
        self._session = uuid.uuid4()
        self._boot = boot_of(clock, self._session)
        self._dating = Dating(self._boot)
        self._wake = asyncio.Event()
        self._sent: list[str] = []
        self._unsent: list[str] = []
        self._feeder: FeederState | None = None
        self._due: dict[str, float] = {}
        self._settling = False
        self._forecast_fault = ""
        self._serving = Serving(config.forecast, database, self._boot)
        self._engine: Engine | None = None
        self._database = database
        self._showing: Showing | None = None

    @property
    def engine(self) -> Engine:
        """The engine, to be looked at and not to be stepped. Raises RuntimeError before `run` has restored it."""
        if self._engine is None:
            raise RuntimeError("the daemon is not running yet: its engine is made when the store has been read")
        return self._engine

    @property
    def storage_fault(self) -> str:
        """Why the store cannot save at present; empty when it can."""
        return self._journal.fault

    @property
    def page_address(self) -> str:
        """Where the page is served; empty where it is not."""
        return "" if self._showing is None else self._showing.address

    async def run(self, stop: asyncio.Event) -> None:
        """Control until `stop` is set. Raises StorageError where the store is not one that may be written to."""
        started = time.monotonic()
        restored = await self._storage.start(self._clock.wall(), synced=self._clock.synced())
        try:
            model = await asyncio.to_thread(self._serving.load)
            restored = self._after_restart(restored)
            self._engine = Engine(self._config, self._session, restored, self._clock.monotonic(), model=model)
            self._forecast_fault = self._engine.forecast_fault
            self._standing.alerts |= {alert.key: alert for alert in restored.alerts}
            await self._record_start()
            if self._messenger is not None:
                self._messenger.start(self._standing.alerts.values())
            self._show()
            _log.info(
                "started",
                version=__version__,
                feeder=self._config.feeder.id,
                houses=len(self._config.houses),
                mode=str(self.engine.mode),
                open_commands=len(restored.open_commands),
                locked=sorted(restored.locked),
                seconds=round(time.monotonic() - started, 3),
            )
            control, leave = self._intake.control_subscriptions(), asyncio.Event()
            orders = self._intake.order_subscriptions() + self._announcer.subscriptions
            parts = []
            if self._field is not None:
                control += self._field.subscriptions
                parts.append(asyncio.create_task(self._field.run(stop), name="field"))
            readings = self._intake.meter_subscriptions()
            link = asyncio.create_task(self._link.run(control, orders, readings, leave), name="mqtt")
            stopping = asyncio.create_task(self._wake_on(stop), name="stop")
            self._notify.ready(f"{self._config.feeder.id}: started")
            try:
                await self._control(stop, (*parts, link))
            finally:
                stop.set()
                await asyncio.wait((*parts, stopping))
                # Not before the switches have said goodbye.
                leave.set()
                await asyncio.gather(*parts, link)
        finally:
            await self._finish()

    def _show(self) -> None:
        """Open the page, where one is wanted. It reads the store, so the store is open by now."""
        if self._config.dashboard.enabled:
            self._showing = Showing(
                self._config,
                self._clock,
                self._database,
                self.engine,
                self._intake,
                self._storage,
                self._journal,
                self._link,
                self._budgets,
                self._messenger,
                self._standing.alerts,
                self._wake.set,
            )
            self._showing.start()

    def model_changed(self, config: Configuration) -> bool:
        """Whether another model would be used now than at the start: one was activated, or its file was replaced."""
        return self._serving.changed(config.forecast)

    def _after_restart(self, restored: Restored) -> Restored:
        """A Pi at the transformer loses its supply with the feeder: coming up with a past, soon after boot, is the
        end of an outage."""
        cooldown = self._config.decision.outage_cooldown_s
        booted = self._clock.speed == 1.0 and self._clock.monotonic() < cooldown and restored.seq > 0
        if not booted:
            return restored
        _log.info("machine has just started: no switching before the feeder has settled", seconds=cooldown)
        return msgspec.structs.replace(restored, after_outage=True)

    async def _wake_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        if self._showing is not None:
            self._showing.take_no_more()
        self._wake.set()

    async def _control(self, stop: asyncio.Event, parts: Sequence[asyncio.Task[None]]) -> None:
        """The control cycle: at every burst of messages, at every tick, and when something is due."""
        tick = min(1.0, self._config.mqtt.publish_s) / self._clock.speed
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout=tick)
            self._wake.clear()
            for part in parts:
                if part.done():
                    part.result()
            await self._cycle()
            self._notify.watchdog()
        if self._intake.orders_wait:
            # Whoever gave them was told that they are taken. All of them: in a flood there is no last one.
            await self._cycle(None)

    async def _cycle(self, most_requests: int | None = REQUESTS_A_STEP) -> None:
        batch = self._intake.drain(most_requests)
        if self._intake.orders_wait:
            self._wake.set()
        sent, self._sent = self._sent, []
        unsent, self._unsent = self._unsent, []
        acks = batch.acks if self._messenger is None else (*batch.acks, *self._messenger.acks())
        now = self._clock.monotonic()
        outputs = self.engine.step(
            now,
            Inputs(
                wall=self._clock.wall(),
                synced=self._clock.synced(),
                readings=batch.readings,
                three_phase=batch.three_phase,
                reports=batch.reports,
                availability=batch.availability,
                modes=batch.modes,
                requests=batch.requests,
                clears=batch.clears,
                acks=acks,
                silences=batch.silences,
                sent=sent,
                unsent=unsent,
                connected=self._link.up,
                storage_fault=self._journal.fault,
                refused_orders=self._intake.refused_orders,
                floods=self._budgets.floods(now),
            ),
        )
        arrived = self._dating.look(now, self._clock.wall(), self._clock.synced())
        events = outputs.events if arrived is None else (*outputs.events, arrived)
        recorded = await self._journal.record(events, wait=bool(outputs.commands))
        self._send(outputs.commands, now, recorded)
        self._publish(outputs)
        self._inform(outputs.alerts, batch.silences)
        self._keep(outputs)
        if self._showing is not None:
            self._showing.turn(outputs, batch.reports)

    def _send(self, commands: Sequence[Command], decided_at: float, recorded: bool) -> None:
        """Hand commands to the broker, but those that the wait for the disk has overtaken. `decided_at` in monotonic
        s."""
        for command in commands:
            against = self._against(command, decided_at, recorded)
            topic, payload = self._topics.command(command.house), self._commands.payload(command)
            left = not against and self._link.up and self._link.publish(topic, payload, qos=1, retain=False)
            if left and self._field is not None and command.house in self._field.houses:
                self._field.command(topic, payload)
            (self._sent if left else self._unsent).append(command.id)
            what = {"house": command.house, "origin": str(command.origin), "phase": str(command.phase)}
            if left:
                _log.info("command sent", **what, id=command.id, seq=command.seq)
            else:
                reason = against or f"the broker's connection is {self._link.state}"
                _log.warning("command could not be sent", **what, id=command.id, seq=command.seq, reason=reason)
        if commands:
            self._link.flush()
            self._wake.set()  # the engine learns at once what has left

    def _against(self, command: Command, decided_at: float, recorded: bool) -> str:
        """Why a command must not leave now; empty where it may."""
        if not recorded:
            return self._journal.fault or "its record could not be made"
        age_s = (self._clock.monotonic() - decided_at) / self._clock.speed
        if age_s > COMMAND_AGE_S:
            return f"{age_s:.1f} s have passed since the decision, more than {COMMAND_AGE_S:g} s"
        return self._intake.against(command.house, self.engine.mode)

    def _publish(self, outputs: Outputs) -> None:
        self._standing.tell(outputs, self._clock.monotonic())
        if outputs.feeder is not None:
            self._feeder = outputs.feeder
            if self._is_due("phases", self._config.mqtt.publish_s):
                self._link.publish(self._topics.phases, phases_payload(outputs.feeder), qos=0, retain=True)
        if self._is_due("diagnostics", DIAGNOSTICS_EVERY_S):
            self._publish_diagnostics()

    def _inform(self, changed: Sequence[Alert], silences: Sequence[SilenceRequest]) -> None:
        """Hand what stands to those who tell people."""
        if self._messenger is None:
            if silences:
                _log.debug("nobody to be silent to: no contacts are configured")
            return
        if silences:
            self._messenger.silence(silences)
            # By then it is in force, and shown as such.
            self._due["diagnostics"] = self._clock.monotonic() + SILENCE_SHOWN_S
        if changed:
            self._messenger.tell(self._standing.alerts.values())

    def _publish_diagnostics(self) -> None:
        field = None if self._field is None else self._field.diagnostics()
        telling = None if self._messenger is None else self._messenger.diagnostics()
        page = None if self._showing is None else self._showing.diagnostics()
        payload = diagnostics_payload(
            self._clock.wall(),
            self._intake,
            self._storage,
            self._journal,
            self._link,
            self._budgets,
            self.engine,
            field,
            telling,
            page,
        )
        self._link.publish(self._topics.diagnostics, payload, qos=0, retain=True)

    def _keep(self, outputs: Outputs) -> None:
        """Hand telemetry and what was learned to the store, and tell systemd how things stand."""
        minutes, feeder_minutes = self._dating.date(outputs.minutes, outputs.feeder_minutes)
        if minutes or feeder_minutes:
            self._storage.submit_minutes(minutes, feeder_minutes)
        # An outage of the feeder may take our own supply: that it is one must not wait for the next batch. Nor must
        # that a model was set aside, or a crash would bring it back.
        turned = self.engine.settling is not self._settling or self.engine.forecast_fault != self._forecast_fault
        if turned or self._is_due("learned", LEARNED_EVERY_S):
            self._settling, self._forecast_fault = self.engine.settling, self.engine.forecast_fault
            self._storage.submit_state("learned", self.engine.learned(), soon=turned)
        if self._clock.synced() and self._is_due("thin", THIN_EVERY_S):
            self._storage.submit_thin(self._clock.wall())
        if self._feeder is not None and self._is_due("status", STATUS_EVERY_S):
            f = self._feeder
            self._notify.status(
                f"{f.mode}: neutral {f.i_n:.0f} A, {f.houses_fresh} of {f.houses_total} houses, "
                f"broker {self._link.state}, {len(self._standing.alerts)} alerts"
            )

    def _is_due(self, what: str, every_s: float) -> bool:
        """Whether `what` is to be done now; the first time it is. Half a tick of slack keeps a 1 s rhythm from
        becoming 2 s."""
        now = self._clock.monotonic()
        if now < self._due.get(what, now):
            return False
        self._due[what] = now + every_s - min(0.5, every_s / 2.0)
        return True

    def _on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        clock = self._clock
        if retained and payload:
            self._standing.take_back(topic)
        if self._field is not None and self._field.message(topic, payload, retained):
            return
        if self._announcer.message(topic, payload, retained, clock.monotonic()):
            return
        self._intake.message(topic, payload, retained, clock.monotonic(), clock.wall(), clock.synced())

    def _on_batch(self) -> None:
        self._wake.set()

    def _on_up(self) -> None:
        self._standing.tell_anew(self._clock.monotonic())
        if self._field is not None:
            self._field.announce()
        self._due.pop("diagnostics", None)

    async def _record_start(self) -> None:
        body = {"version": __version__, "mode": str(self.engine.mode), "session": str(self._session)}
        body["boot"] = self._boot
        await self._journal.record([self._event(EventKind.STARTED, body)], wait=True)

    def _event(self, kind: EventKind, body: dict[str, str]) -> Event:
        return Event(kind, self._clock.monotonic(), self._clock.wall(), self._clock.synced(), body=body)

    async def _finish(self) -> None:
        """Everything on disk, and the file closed; bounded in time also where the disk hangs."""
        saved = True
        self._serving.close()
        page = None if self._showing is None else asyncio.create_task(self._showing.close())
        telling = None if self._messenger is None else asyncio.create_task(asyncio.to_thread(self._messenger.close))
        if self._engine is not None:
            self._storage.submit_state("learned", self.engine.learned())
            self._storage.submit_minutes(*self._dating.rest())
            await self._journal.record([*self._engine.rest(), self._event(EventKind.STOPPED, {})], wait=False)
            saved = await self._journal.settle(FAREWELL_S)
        self._journal.abandon()
        await self._storage.close(CLOSE_TIMEOUT_S if saved else FAREWELL_S)
        for ending in (telling, page):
            if ending is not None:
                await ending
        _log.info("stopped", head=str(self._storage.head))
