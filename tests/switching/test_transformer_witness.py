"""What the transformer's meter can and cannot tell about a move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from edge_balancer.switching import evidence
from edge_balancer.switching import picture as asked
from edge_balancer.switching.evidence import before_move
from edge_balancer.switching.picture import Finding, Floats, Move, Picture
from edge_balancer.switching.transformer_witness import TransformerLog
from edge_balancer.types.readings import TRANSFORMER, ThreePhaseReading
from tests.switching.cases import NAN, picture

# House 0 is moved from L1 to L2 at 600 s, done at 603 s. All voltages are alike and tell nothing.
BEFORE_PHASES: Final = [0, 0, 0, 1, 1, 2, 2]
AFTER_PHASES: Final = [1, *BEFORE_PHASES[1:]]
ALIKE: Final = [230.0] * 7
LAMPS_W: Final = np.array([200.0, 100.0, 0.0])
"""Unmetered."""
DECIDED_AT, DONE_AT = 600.0, 603.0
MOVE: Final = Move(0, 0, 1, DONE_AT)
Noise = Callable[[float], Floats]


def calm(_: float) -> Floats:
    return np.zeros(3)


def restless(at: float) -> Floats:
    """A big load on L2 comes and goes, and no house's meter shows it."""
    return np.array([0.0, 7000.0 * (at // 50.0 % 2.0), 0.0])


class Story:
    """A feeder read every 10 s from 0 s on. `stays` is a house whose switch lies."""

    def __init__(self, load_w: float = 3000.0, *, stays: bool = False, noise: Noise = calm, **changed: Any) -> None:
        self.load_w = np.array([load_w, *[1000.0] * 6])
        self._stays = stays
        self._noise = noise
        self._changed = changed
        self.log = TransformerLog()

    def picture(self, time: float, **changed: Any) -> Picture:
        moved = time > DECIDED_AT
        truly = BEFORE_PHASES if self._stays or time < DONE_AT else AFTER_PHASES
        p = np.bincount(truly, weights=self.load_w, minlength=3) + LAMPS_W + self._noise(time)
        reading = ThreePhaseReading(TRANSFORMER, time, (float(p[0]), float(p[1]), float(p[2])))
        fields: dict[str, Any] = {"now": time, "at": np.full(7, time), "p": self.load_w, "transformer": reading}
        booked = AFTER_PHASES if moved else BEFORE_PHASES
        return picture(ALIKE, booked, **(fields | self._changed | changed))

    def tell(self, until: float = 640.0, since: float = 0.0, **after: Any) -> list[asked.Testimony]:
        """What is testified after the move, reading by reading."""
        found = []
        before = None
        for at in np.arange(since, until + 1.0, 10.0).tolist():
            seen = self.picture(at, **(after if at > DONE_AT else {}))
            self.log.take(seen)
            if at == DECIDED_AT:
                before = before_move(seen, 0)
            elif at > DONE_AT:
                assert before is not None
                found.append(evidence.testify(seen, MOVE, before, self.log, use_voltage=True))
        return found


@pytest.mark.parametrize("load_w", [pytest.param(3000.0, id="a load"), pytest.param(-3000.0, id="a roof")])
def test_the_transformer_shows_the_load_move(load_w: float) -> None:
    first, *others = Story(load_w).tell()
    assert (first.finding, first.better_expected) == (Finding.ALIVE, True)  # its mean may be of both phases
    assert {testimony.finding for testimony in others} == {Finding.AGREES}


@pytest.mark.parametrize("load_w", [pytest.param(3000.0, id="a load"), pytest.param(-3000.0, id="a roof")])
def test_a_house_that_stayed_is_told_by_the_transformer(load_w: float) -> None:
    findings = [testimony.finding for testimony in Story(load_w, stays=True).tell()]
    assert findings[-2:] == [Finding.CONTRADICTS, Finding.CONTRADICTS]


SLOW = np.full(7, 60.0)


def test_meters_slower_than_the_transformer_can_still_be_paired_with_it() -> None:
    """Half a minute old, or from the middle of a minute: the step at the transformer is there all the same."""
    staggered: dict[str, Any] = {"period_s": SLOW, "at": np.array([612.0, *[575.0] * 6])}
    assert Story().tell(until=620.0, **staggered)[-1].finding is Finding.AGREES


def test_a_slow_meter_accuses_nobody_before_a_reading_that_began_after_the_move() -> None:
    story = Story(stays=True)
    findings = {t.finding for t in story.tell(until=650.0, period_s=SLOW)}
    assert findings == {Finding.ALIVE}


def test_a_slow_meter_is_waited_for_where_the_transformer_would_tell() -> None:
    assert Story(stays=True).tell(until=650.0, period_s=SLOW)[-1].better_expected
    assert Story(stays=True).tell(until=680.0, period_s=SLOW)[-1].finding is Finding.CONTRADICTS


ONE_AWAY = np.array([False, False, False, True, False, False, False])
JUST_MOVED = np.array([DECIDED_AT, *[-np.inf] * 2, 590.0, *[-np.inf] * 3])


@pytest.mark.parametrize(
    ("story", "after", "since"),
    [
        pytest.param(Story(300.0), {}, 0.0, id="too small a load"),
        pytest.param(Story(noise=restless), {}, 0.0, id="other loads have changed as much all the time"),
        pytest.param(Story(), {}, 580.0, id="nobody knows yet how restless it is"),
        pytest.param(Story(), {"transformer": None}, 0.0, id="its meter is silent"),
        pytest.param(Story(), {"moving": ONE_AWAY}, 0.0, id="another house is on its way"),
        pytest.param(Story(), {"last_move": JUST_MOVED}, 0.0, id="another house has just moved"),
        pytest.param(
            Story(),
            {"transformer": ThreePhaseReading(TRANSFORMER, 640.0, (NAN, 1.0, 1.0))},
            0.0,
            id="a phase of it is missing",
        ),
    ],
)
def test_the_transformer_is_not_asked_where_it_cannot_know(story: Story, after: dict[str, Any], since: float) -> None:
    assert {testimony.finding for testimony in story.tell(since=since, **after)} == {Finding.ALIVE}


def steps(of_w: tuple[float, float, float]) -> Noise:
    """Something else changes with the move, and stays."""
    return lambda at: np.array(of_w) * (at > DONE_AT)


@pytest.mark.parametrize(
    ("noise", "stays"),
    [
        pytest.param(steps((0.0, 0.0, 2000.0)), False, id="a load on the third phase"),
        pytest.param(steps((3000.0, -3000.0, 0.0)), False, id="all of it made good elsewhere"),
        pytest.param(steps((1500.0, -1500.0, 0.0)), False, id="half of it"),
    ],
)
def test_what_changes_with_the_move_makes_the_transformer_no_witness_for_it(noise: Noise, stays: bool) -> None:
    assert Finding.AGREES not in {testimony.finding for testimony in Story(noise=noise, stays=stays).tell()}


def test_a_neighbours_load_that_its_meter_shows_later_accuses_nobody() -> None:
    """In the seconds of the move a load of the same size starts on L1 and one on L2 ends: it looks as if the house had
    stayed, until their meters have spoken."""
    story = Story(noise=steps((3000.0, -3000.0, 0.0)))
    later = story.load_w + np.array([0.0, 3000.0, 0.0, -3000.0, 0.0, 0.0, 0.0])
    stale = np.array([612.0, *[595.0] * 6])
    first = story.tell(until=620.0, at=stale)[-1]
    assert first.finding is Finding.ALIVE
    seen = story.picture(640.0, p=later)
    story.log.take(seen)
    before = before_move(Story().picture(600.0), 0)
    assert evidence.testify(seen, MOVE, before, story.log, use_voltage=True).finding is Finding.ALIVE


def test_an_inverter_that_tripped_does_not_make_its_switch_a_liar() -> None:
    """A roof exported 3 kW; after the move the house draws 600 W until the inverter is back."""
    story = Story(-3000.0)
    found = story.tell(until=600.0)
    assert found == []
    before = before_move(story.picture(600.0), 0)
    story.load_w = np.array([600.0, *[1000.0] * 6])
    for at in (610.0, 620.0, 630.0, 640.0):
        seen = story.picture(at)
        story.log.take(seen)
        assert evidence.testify(seen, MOVE, before, story.log, use_voltage=True).finding is not Finding.CONTRADICTS
