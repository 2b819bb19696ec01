"""A page on a wall stays open for months: what it keeps does not grow, and the measure would see it if it did."""

from __future__ import annotations

import faulthandler
import sys

import pytest
from playwright.sync_api import Page

from tests.page.page_heap import fill_what_is_bounded, kept, slope_per_minute
from tests.page.page_rig import LIVE_VIEWS, Demo, Faults, go, open_view
from tests.page.page_watch import COUNT_EVENTS

Watched = tuple[Page, Faults]

MINUTES = 30
WARM_UP_MINUTES = 5
MOST_GROWTH_BYTES = 5_000
"""A minute: half of what would fill a phone's memory within a year, and ten times what readings differ by."""

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
        go(page, "now")
        more, now = page.evaluate("[window.__events, performance.now()]")
        found = kept(devtools)
        if minute >= WARM_UP_MINUTES:
            readings.append(found)
        sys.stderr.write(f"minute {minute + 1}: {found}, {1000 * (more - heard) / (now - began):.1f} updates/s\n")
    values = slope_per_minute([reading.values_bytes for reading in readings])
    heap = slope_per_minute([reading.heap_bytes for reading in readings])
    sys.stderr.write(f"growth a minute: {values / 1e3:.2f} kB of values, {heap / 1e3:.2f} kB of the heap\n")
    assert values < MOST_GROWTH_BYTES, [reading.values_bytes for reading in readings]
    for name in ("detached", "nodes", "listeners"):
        counts = [getattr(reading, name) for reading in readings]
        assert slope_per_minute(counts) < 1.0, (name, counts)
    assert not faults.seen
