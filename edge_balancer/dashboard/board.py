"""What the control loop hands to the page's server, and how orders come back: the one place where two threads meet.

Neither side ever waits for the other. The control loop swaps in a frozen picture and appends what happened; the server
reads at its own pace. What it does not fetch in time is dropped, oldest first: all of it is on record in the store.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.phases.check import Doubt
from edge_balancer.telemetry.batch import Order
from edge_balancer.telemetry.strangers import SeenHouse
from edge_balancer.types.decisions import Decision
from edge_balancer.types.events import Alert, Event
from edge_balancer.types.readings import ThreePhaseReading
from edge_balancer.types.snapshot import FeederState
from edge_balancer.types.switching import Mode, ModeRequest

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_NEWS: Final = 2_000
"""Events kept for a server that does not fetch them: minutes of a busy feeder."""


class HousesNow(msgspec.Struct, frozen=True):
    """All houses at one instant, in the configuration's order; arrays of shape [houses], copies that nobody writes to.

    Times are monotonic seconds, -inf where never.
    """

    at: Floats
    p: Floats
    q: Floats
    v: Floats
    fresh: Flags
    p3: Floats
    """[houses, 3], zero for single-phase houses; `q3`, `v3` alike."""
    q3: Floats
    v3: Floats
    phase: NDArray[np.int8]
    known: Flags
    offline: Flags
    in_flight: Flags
    doubt: Floats
    last_move: Floats
    operations_day: NDArray[np.int64]
    distance_ohm: Floats
    """Loop resistance back to the transformer; NaN where not known."""
    lock_reason: dict[int, str]


class Counts(msgspec.Struct, frozen=True):
    """What the controller has counted since its start."""

    received: int = 0
    accepted: int = 0
    refreshed: int = 0
    refused: int = 0
    refused_orders: int = 0
    connections: int = 0
    late_events: int = 0
    lost_events: int = 0
    dropped_minutes: int = 0


class View(msgspec.Struct, frozen=True):
    """The controller at one instant: `mono` on its monotonic clock, `wall` in Unix seconds."""

    mono: float
    wall: float
    synced: bool
    started_wall: float
    mode: Mode
    mode_by: str
    halted: str
    settling: bool
    advice: str
    """Which forecast is in use."""
    feeder: FeederState | None
    """As last published; the server works out newer ones from `houses`."""
    houses: HousesNow
    transformer: ThreePhaseReading | None
    alerts: tuple[Alert, ...]
    silences: tuple[dict[str, Any], ...]
    broker: str
    connected: bool
    storage_fault: str
    head: str
    operations_day: int
    operations_hour: int
    counts: Counts
    operations_total: dict[str, int]
    """House -> operations that its switch has counted itself; only of switches that say so."""
    refused: dict[str, int]
    unread: dict[str, int]
    """Topic -> messages above the budget of who speaks there, left unread."""
    strangers: tuple[SeenHouse, ...]
    doubts: tuple[Doubt, ...]


class News(msgspec.Struct, frozen=True):
    """What happened in one turn of the control loop."""

    events: tuple[Event, ...] = ()
    decisions: tuple[Decision, ...] = ()
    alerts: tuple[Alert, ...] = ()
    mode: ModeRequest | None = None

    def __bool__(self) -> bool:
        return bool(self.events or self.decisions or self.alerts or self.mode is not None)


class OrdersRefused(Exception):  # noqa: N818 - it names what happened
    """The control loop does not take orders now; the text says why."""


class Past(msgspec.Struct, frozen=True):
    """The last minutes of one house out of the rings: mean net load (W) of each step from `t` (Unix s) on, NaN in
    gaps."""

    t: float
    step_s: float
    p: Floats


class ControlLoop(Protocol):
    """What the server may ask of the control loop. Each call hands over, and ends in the control loop's thread."""

    def submit(self, order: Order) -> Future[None]:
        """Join an order to those that MQTT brings. The future fails with `OrdersRefused` where it was not."""
        ...

    def recent(self, house: str, seconds: float) -> Future[Past]:
        """The last `seconds` of a house."""
        ...


class Board:
    """The picture and the news. `show`, `tell` and `connect` are for the control loop's thread, the rest for the
    server's."""

    def __init__(self) -> None:
        self._view: View | None = None
        self._news: deque[News] = deque(maxlen=MOST_NEWS)
        self._lock = threading.Lock()
        self._ring_bell: Callable[[], None] | None = None
        self._watchers = 0
        self._control: ControlLoop | None = None

    # The control loop's side.

    @property
    def watched(self) -> bool:
        """Whether somebody follows live."""
        return self._watchers > 0

    def show(self, view: View) -> None:
        """Swap in a newer picture."""
        self._view = view
        self._ring()

    def tell(self, news: News) -> None:
        """Hand over what happened."""
        if news:
            with self._lock:
                self._news.append(news)
            self._ring()

    def connect(self, control: ControlLoop | None) -> None:
        """Who answers questions and takes orders from now on; None for nobody."""
        self._control = control

    # The server's side.

    @property
    def view(self) -> View | None:
        """The latest picture; None before the first."""
        return self._view

    def take_news(self) -> Sequence[News]:
        """What happened since this was last asked, in its order."""
        with self._lock:
            news = list(self._news)
            self._news.clear()
        return news

    def on_change(self, ring_bell: Callable[[], None] | None) -> None:
        """Call this, in whichever thread, whenever something is new. It must not block or raise."""
        self._ring_bell = ring_bell

    def watch(self, watchers: int) -> None:
        """How many follow live: nobody needs ten pictures a second of which none is looked at."""
        self._watchers = watchers

    @property
    def control(self) -> ControlLoop:
        """The control loop. Raises OrdersRefused while it starts or stops."""
        if self._control is None:
            raise OrdersRefused("the controller is starting or stopping: ask again in a few seconds")
        return self._control

    def _ring(self) -> None:
        ring_bell = self._ring_bell
        if ring_bell is not None:
            ring_bell()
