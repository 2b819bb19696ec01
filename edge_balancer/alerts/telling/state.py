"""What telling remembers, and its form on disk: small rows, of which only those that changed are written.

Times named `_at` run on telling's own time, which goes on over restarts and is moved by no clock that is set (see
`Clockwork`); those named `wall` are Unix seconds and serve texts and hours of the day alone.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from edge_balancer.types.events import Severity

RANKS: Final = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)
RANK: Final[Mapping[str, int]] = {"info": 1, "warning": 2, "critical": 3, "none": 4}
CRITICAL: Final = RANK["critical"]


class Hold(enum.StrEnum):
    """Why an alert was not told at once, or not at all."""

    QUIET = "quiet"
    SILENCE = "silence"
    CAP = "cap"
    DOWN = "down"
    """The channel did not take the message."""
    FLAPPING = "flapping"
    FOLLOWS = "follows"
    """It follows from another alert that is told."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody had seen it before it was told."""


class Progress(msgspec.Struct, omit_defaults=True):
    """How far one way knows of one episode."""

    told: int = 0
    """Rank told or on its way; 0: none."""
    told_at: float | None = None
    """When it was last told or reminded of."""
    wanted_at: float | None = None
    """Since when it is to be told and nothing of its own forbids it."""
    ended: bool = False
    """Whether its end was told, or is not to be."""
    failed: bool = False
    """Whether the last message that told it never arrived."""
    heard: int = 0
    """How many messages that told it have left, as far as is known."""
    since: float | None = None
    """Unix seconds at which it began for the reader, where its return was not told because the end before was not."""
    holds: set[Hold] = set()


class Episode(msgspec.Struct, omit_defaults=True):
    """One alert from its beginning until everybody knows that it is over."""

    key: str
    since: float
    """Unix seconds, as the alert has it: with the key its identity."""
    rank: int
    text: str
    seen_at: float
    peak: int = 0
    acked: bool = False
    over_at: float | None = None
    over_wall: float = 0.0
    level: int = 0
    """Highest order of contacts that it has reached; 0: none yet."""
    level_at: float | None = None
    """When the first of that order was told."""
    ways: dict[str, Progress] = {}

    @property
    def id(self) -> str:
        return f"{self.key}@{self.since!r}"

    @property
    def kind(self) -> str:
        return self.key.partition("/")[0]

    @property
    def subject(self) -> str:
        return self.key.partition("/")[2]

    @property
    def standing(self) -> bool:
        return self.over_at is None

    def way(self, name: str) -> Progress:
        found = self.ways.get(name)
        if found is None:
            found = self.ways[name] = Progress()
        return found


class Flap(msgspec.Struct, omit_defaults=True):
    """How often an alert with one key has begun lately."""

    key: str
    begun_at: list[float] = []
    """The beginnings within the window."""
    changed_at: float = 0.0
    """When it last began or ended."""
    flapping: bool = False
    count: int = 0
    """Beginnings since the first that made it flap."""
    since_wall: float = 0.0
    told: dict[str, int] = {}
    """Way -> rank at which it was told as flapping."""
    stood: dict[str, int] = {}
    """Way -> rank at which it was told that it lasts this time."""


class Past(msgspec.Struct, omit_defaults=True):
    """An alert that is over."""

    key: str
    rank: int
    since: float
    until: float
    over_at: float
    acked: bool = False


class Missed(msgspec.Struct, omit_defaults=True):
    """An alert that was over before it could be told on a way: a line in what is told next."""

    key: str
    since: float
    until: float
    prompt: bool = False
    """Nothing but gathering had kept it: it is told as soon as any other."""
    at: float = 0.0


class Sends(msgspec.Struct, omit_defaults=True):
    """What a contact was sent within the last hour: message -> when it was last tried."""

    at: dict[str, float] = {}


class WayState(msgspec.Struct, omit_defaults=True):
    """What stands to be said on a way besides the episodes themselves."""

    missed: list[Missed] = []
    digest_day: int | None = None
    """Local day of the last digest that was due."""
    digest_at: float = 0.0


class Silence(msgspec.Struct, omit_defaults=True):
    """A maintenance window: alerts whose keys match are not told until it is over."""

    pattern: str
    until_at: float
    by: str = ""
    until_wall: float = 0.0


class Heard(msgspec.Struct, omit_defaults=True):
    """The last answers on a channel, by the service's names for them: it gives them again after a restart."""

    references: list[str] = []


class ItemKind(enum.StrEnum):
    """What a message says of an episode."""

    BEGUN = "begun"
    RISEN = "risen"
    REMINDER = "reminder"
    OVER = "over"
    FLAPPING = "flapping"
    CALMED = "calmed"
    MISSED = "missed"
    """It was over before it could be told."""


class Item(msgspec.Struct, omit_defaults=True):
    kind: ItemKind
    key: str
    since: float
    rank: int

    @property
    def episode(self) -> str:
        return f"{self.key}@{self.since!r}"


class Status(enum.StrEnum):
    """Where a letter is in its life."""

    QUEUED = "queued"
    ATTEMPTING = "attempting"
    SENT = "sent"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"
    """The program was killed while it was sent, and the channel cannot tell."""
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    """All that it told was over before it could leave."""


OPEN: Final = frozenset({Status.QUEUED, Status.ATTEMPTING})


class Letter(msgspec.Struct, omit_defaults=True):
    """One message to one address, through its whole life."""

    id: str
    contact: str
    way: str
    channel: str
    to: str
    subject: str
    text: str
    rank: int
    items: list[Item]
    wall: float
    made_at: float
    number: str = ""
    status: Status = Status.QUEUED
    next_at: float = 0.0
    """When it is tried, or its delivery looked at, next."""
    attempts: int = 0
    looks: int = 0
    asked: bool = False
    """Whether the channel must be asked first if it went out: it was under way when the program ended."""
    repeated: bool = False
    reference: str = ""
    detail: str = ""
    settled_at: float | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(item.key for item in self.items))


class Clockwork(msgspec.Struct, omit_defaults=True):
    """Telling's own time at a wall time, and the counters that must not begin anew."""

    at: float = 0.0
    wall: float = 0.0
    serial: int = 0
    number: int = 0
    numbers: dict[str, list[str]] = {}
    """Short number -> ids of the episodes that it acknowledges."""


class State(msgspec.Struct):
    """All of it."""

    clock: Clockwork = msgspec.field(default_factory=Clockwork)
    episodes: dict[str, Episode] = {}
    flaps: dict[str, Flap] = {}
    past: dict[str, Past] = {}
    sends: dict[str, Sends] = {}
    ways: dict[str, WayState] = {}
    silences: dict[str, Silence] = {}
    letters: dict[str, Letter] = {}
    heard: dict[str, Heard] = {}

    def open_letters(self, way: str | None = None) -> Iterator[Letter]:
        """Letters that have not left yet, of one way or of all."""
        for letter in self.letters.values():
            if letter.status in OPEN and way in {None, letter.way}:
                yield letter

    def row(self, name: str) -> Sends:
        """What a contact was sent."""
        return self.sends.setdefault(name, Sends())

    def way(self, name: str) -> WayState:
        return self.ways.setdefault(name, WayState())


_TABLES: Final[dict[str, type[msgspec.Struct]]] = {
    "episodes": Episode,
    "flaps": Flap,
    "past": Past,
    "sends": Sends,
    "ways": WayState,
    "silences": Silence,
    "letters": Letter,
    "heard": Heard,
}
CLOCK_ROW: Final = "clock"
CLOCK_STEP_S: Final = 30.0
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def to_rows(state: State) -> dict[str, bytes]:
    """The state as named rows. The clock's row stands for the moment at which any other was last written."""
    rows = {f"{table}/{name}": _encode(struct) for table in _TABLES for name, struct in getattr(state, table).items()}
    rows[CLOCK_ROW] = _encode(state.clock)
    return rows


def clock_was_set(saved: Mapping[str, bytes], rows: Mapping[str, bytes]) -> bool:
    """Whether the wall clock has moved against telling's own time since these rows were saved: a restart would count
    the step as time that has passed."""
    lags = []
    for row in (saved.get(CLOCK_ROW), rows.get(CLOCK_ROW)):
        if row is None:
            return False
        clock = msgspec.json.decode(row, type=Clockwork)
        lags.append(clock.wall - clock.at)
    return abs(lags[1] - lags[0]) > CLOCK_STEP_S


def from_rows(rows: Mapping[str, bytes]) -> State:
    """The state that was written. Raises msgspec.MsgspecError for rows that are none of ours."""
    state = State()
    for name, row in rows.items():
        table, _, key = name.partition("/")
        if name == CLOCK_ROW:
            state.clock = msgspec.json.decode(row, type=Clockwork)
        elif table in _TABLES:
            getattr(state, table)[key] = msgspec.json.decode(row, type=_TABLES[table])
    return state
