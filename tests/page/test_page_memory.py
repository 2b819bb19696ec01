"""A page on a wall stays open for months: what it keeps does not grow, and the measure would see it if it did."""

from __future__ import annotations

import faulthandler
import sys

import pytest
from playwright.sync_api import Page

from tests.page.page_heap import Kept, fill_what_is_bounded, kept, slope_per_minute
from tests.page.page_rig import LIVE_VIEWS, Demo, Faults, go, open_view
from tests.page.page_watch import COUNT_EVENTS

Watched = tuple[Page, Faults]

MINUTES = 30
WARM_UP_MINUTES = 5
MOST_GROWTH_BYTES = 5_000
"""A minute: half of what would fill a phone's memory within a year, and ten times what readings differ by."""

MOST_OF_THE_ENGINE_BYTES = 30_000
"""A minute, in the second half: what the heap as a whole may grow by beyond what scripts keep. Some 10 kB were seen, of
compiled code and of a browser under test that keeps notes of itself; a leak outside of what scripts hold comes on top.
"""

_LEAK = """() => {
    window.__leak = { values: [], elements: [] };
    for (let k = 0; k < 3000; k += 1) {
        window.__leak.values.push({ id: `house-${k}-${Math.random()}`, p: [k, k + 0.5, k + 1.5] });
        window.__leak.elements.push(document.createElement("td"));
    }
}"""


def test_the_measure_sees_what_a_script_keeps_until_it_lets_go(watched: Watched, demo: Demo) -> None:
    """On a view without live values: what it shows stays the same."""
    page, _ = watched
    open_view(page, demo, "login")
    devtools = page.context.new_cdp_session(page)
    kept(devtools)
    before = kept(devtools)
    page.evaluate(_LEAK)
    leaking = kept(devtools)
    page.evaluate("() => { window.__leak = null; }")
    after = kept(devtools)
    assert leaking.values_bytes - before.values_bytes > 250_000, (str(before), str(leaking))
    assert leaking.detached - before.detached >= 3000
    assert leaking.values_bytes - after.values_bytes > 200_000, (str(leaking), str(after))
    assert after.detached - before.detached < 10


def test_a_slope_is_that_of_the_line_through_the_readings() -> None:
    noise = [300, -200, 100, -100, 0, 200, -300, 250, -250, 0]
    assert slope_per_minute([1_000_000 + 10_000 * k + noise[k] for k in range(10)]) == pytest.approx(10_000, abs=100)
    assert abs(slope_per_minute([1_000_000 + value for value in noise])) < 100


def test_what_the_page_remembers_is_bounded(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    open_view(page, demo, "decisions")
    assert fill_what_is_bounded(page) == (50, 200)


@pytest.mark.slow
def test_memory_stays_flat_over_half_an_hour(watched: Watched, demo: Demo) -> None:
    """Through all views, at ten updates a second. What is bounded is full from the beginning."""
    faulthandler.cancel_dump_traceback_later()  # half an hour is no hang
    page, faults = watched
    page.add_init_script(f"({COUNT_EVENTS})()")
    open_view(page, demo, "decisions")
    devtools = page.context.new_cdp_session(page)
    readings = []
    fill_what_is_bounded(page)
    for minute in range(WARM_UP_MINUTES + MINUTES):
        heard, began = page.evaluate("[window.__events, performance.now()]")
        for view in LIVE_VIEWS:
            go(page, view)
            page.wait_for_timeout(60_000 / len(LIVE_VIEWS))
        # What stands there is the same at each reading, whatever has befallen the feeder meanwhile.
        go(page, "login")
        more, now = page.evaluate("[window.__events, performance.now()]")
        found = kept(devtools)
        if minute >= WARM_UP_MINUTES:
            readings.append(found)
        sys.stderr.write(f"minute {minute + 1}: {found}, {1000 * (more - heard) / (now - began):.1f} updates/s\n")
    assert not _leaks(readings), [str(reading) for reading in readings]
    assert not faults.seen


def _leaks(readings: list[Kept]) -> list[str]:
    """What grows, of readings a minute apart. The whole heap is judged in its second half: before, the engine still
    compiles what runs often.
    """
    found = []
    values = slope_per_minute([reading.values_bytes for reading in readings])
    if values >= MOST_GROWTH_BYTES:
        found.append("values")
    late = readings[len(readings) // 2 :]
    heap = slope_per_minute([reading.heap_bytes for reading in late])
    beyond = heap - slope_per_minute([reading.values_bytes for reading in late])
    if beyond >= MOST_OF_THE_ENGINE_BYTES:
        found.append("heap")
    sys.stderr.write(
        f"growth a minute: {values / 1e3:.2f} kB of values; in the second half {heap / 1e3:.2f} kB of the heap, "
        f"{beyond / 1e3:.2f} beyond the values\n"
    )
    counts = {name: [getattr(reading, name) for reading in readings] for name in ("detached", "nodes", "listeners")}
    return found + [name for name, count in counts.items() if slope_per_minute(count) >= 1.0]


def _of_half_an_hour(**growth: int) -> list[Kept]:
    """Readings as a sound page gives them, and what grows besides, a minute. Early on the engine compiles: 60 kB a
    minute in the first ten."""
    start = {"values_bytes": 1_070_000, "heap_bytes": 3_700_000, "detached": 40, "nodes": 627, "listeners": 49}
    return [
        Kept(
            **{
                name: value
                + minute * growth.get(name, 0)
                + (minute * 7919 % 13) * (300 if name.endswith("bytes") else 0)
                + (min(minute, 10) * 60_000 + minute * 10_000 if name == "heap_bytes" else 0)
                for name, value in start.items()
            }
        )
        for minute in range(MINUTES)
    ]


@pytest.mark.parametrize(
    ("growth", "leaks"),
    [
        pytest.param({}, [], id="a sound page"),
        pytest.param({"values_bytes": 8_000, "heap_bytes": 8_000}, ["values"], id="scripts keep more"),
        pytest.param({"heap_bytes": 25_000}, ["heap"], id="more outside of what scripts hold"),
        pytest.param({"detached": 2}, ["detached"], id="elements that nobody shows"),
        pytest.param({"nodes": 3, "listeners": 2}, ["nodes", "listeners"], id="rows that never go"),
    ],
)
def test_what_grows_is_found(growth: dict[str, int], leaks: list[str]) -> None:
    assert _leaks(_of_half_an_hour(**growth)) == leaks
