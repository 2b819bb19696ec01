"""Minutes that end before the machine knows the time are written under the minutes in which they really were."""

from __future__ import annotations

from typing import Final

from edge_balancer.dating import LONGEST_S, Dating, Minutes
from edge_balancer.types.events import Event, EventKind
from tests.storage.storage_cases import feeder_minute, minute

BOOTED: Final = 1_763_829_600
"""Right time at the boot, a whole minute."""
BEHIND_S: Final = 7_213.0
"""Two hours and no whole number of minutes."""


class Machine:
    """Runs the dating a second at a time, as the daemon does; `written` counts from the right time of the boot."""

    def __init__(self) -> None:
        self.dating = Dating("boot")
        self.events: list[Event] = []
        self.written: list[int] = []
        self._minute: int | None = None

    def run(self, seconds: range, *, behind_s: float, synced: bool) -> None:
        for mono in seconds:
            wall = BOOTED + mono - behind_s
            event = self.dating.look(float(mono), wall, synced)
            self.events += [] if event is None else [event]
            named = int(wall // 60) * 60
            minutes = [] if self._minute is None or self._minute == named else [minute(self._minute)]
            self._minute = named
            self.take(self.dating.date(minutes, [feeder_minute(one.minute) for one in minutes]))

    def stop(self) -> None:
        self.take(self.dating.rest())

    def take(self, dated: Minutes) -> None:
        minutes, feeder = dated
        assert [one.minute for one in minutes] == [one.minute for one in feeder]
        self.written += [one.minute - BOOTED for one in minutes]


def test_with_a_right_clock_each_minute_is_written_when_it_ends() -> None:
    machine = Machine()
    machine.run(range(200), behind_s=0.0, synced=True)
    assert machine.written == [0, 60, 120]
    assert machine.events == []


def test_minutes_wait_for_the_time_and_are_written_where_they_really_were() -> None:
    machine = Machine()
    machine.run(range(200), behind_s=BEHIND_S, synced=False)
    assert machine.written == []
    machine.run(range(200, 300), behind_s=0.0, synced=True)
    # Each at the nearest whole minute: they began at -47, 13, 73, 133 and 193 s. The one that the time's arrival has
    # cut in two gives two rows, which the store merges.
    assert machine.written == [-60, 0, 60, 120, 180, 180]
    (event,) = machine.events
    assert (event.kind, event.mono, event.wall, event.synced) == (EventKind.CLOCK, 200.0, BOOTED + 200.0, True)
    assert event.body == {"boot": "boot", "unsynchronised_s": 200.0}
    machine.stop()
    assert len(machine.written) == 6


def test_a_clock_that_is_set_before_it_is_called_right_moves_nothing() -> None:
    machine = Machine()
    machine.run(range(100), behind_s=BEHIND_S, synced=False)
    machine.run(range(100, 160), behind_s=0.0, synced=False)
    machine.run(range(160, 300), behind_s=0.0, synced=True)
    assert machine.written == [-60, 0, 60, 60, 120, 180]


def test_where_the_time_does_not_come_minutes_are_written_as_the_clock_says() -> None:
    machine, lost = Machine(), int(BEHIND_S) // 60 * 60 + 60
    machine.run(range(int(LONGEST_S)), behind_s=BEHIND_S, synced=False)
    assert machine.written == []
    machine.run(range(int(LONGEST_S), int(LONGEST_S) + 120), behind_s=BEHIND_S, synced=False)
    assert machine.written == [60 * number - lost for number in range(62)]
    machine.run(range(int(LONGEST_S) + 120, int(LONGEST_S) + 121), behind_s=0.0, synced=True)
    assert [event.kind for event in machine.events] == [EventKind.CLOCK]


def test_a_stop_before_the_time_has_come_keeps_what_waits_as_the_clock_says() -> None:
    machine = Machine()
    machine.run(range(80), behind_s=BEHIND_S, synced=False)
    machine.stop()
    assert machine.written == [-7260, -7200]


def test_a_clock_that_was_right_and_lost_its_source_holds_nothing_back() -> None:
    machine = Machine()
    machine.run(range(100), behind_s=0.0, synced=True)
    machine.run(range(100, 200), behind_s=0.0, synced=False)
    assert machine.written == [0, 60, 120]
    machine.run(range(200, 201), behind_s=0.0, synced=True)
    assert [(event.kind, event.body["unsynchronised_s"]) for event in machine.events] == [(EventKind.CLOCK, 100.0)]
