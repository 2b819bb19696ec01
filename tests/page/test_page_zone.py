"""Times are the site's, wherever the browser is: in words, in tables, and on the axes of charts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.page_rig import Demo, Faults, go, new_page, open_view
from tests.page.page_states import an_ended_decision
from tests.page.page_watch import drawn, feed, mute

# What a chart writes on its canvas.
_RECORD_WRITING = """() => {
    window.__written = [];
    const prototype = CanvasRenderingContext2D.prototype;
    const write = prototype.fillText;
    prototype.fillText = function (text, ...more) {
        window.__written.push(text);
        return write.call(this, text, ...more);
    };
}"""
_STATUS = """async () => (await import(new URL("static/core/state.js", document.baseURI))).state.status"""


@pytest.fixture(params=["Asia/Tokyo", "America/Los_Angeles", "Asia/Kathmandu"])
def abroad(request: pytest.FixtureRequest, browser: Browser) -> Iterator[tuple[Page, Faults]]:
    """A page in a browser of another zone: hours ahead, on another day, or off by three quarters of an hour."""
    with browser.new_context(timezone_id=request.param) as context:
        page, faults = new_page(context)
        feed(page)
        page.add_init_script(f"({_RECORD_WRITING})()")
        yield page, faults


def _at_the_site(page: Page, unix_s: float) -> datetime:
    zone = ZoneInfo(page.evaluate(_STATUS)["feeder"]["timezone"])
    here = datetime.fromtimestamp(unix_s, zone)
    in_browser_min = -page.evaluate("at => new Date(at * 1000).getTimezoneOffset()", unix_s)
    offset = here.utcoffset()
    assert offset is not None
    assert in_browser_min != offset.total_seconds() / 60, "the browser must be elsewhere"
    return here


def test_times_are_those_of_the_site(abroad: tuple[Page, Faults], demo: Demo) -> None:
    page, faults = abroad
    open_view(page, demo, "now")
    mute(page, "feeder", "snapshot")
    drawn(page)
    now = _at_the_site(page, page.evaluate(_STATUS)["t"])
    expect(page.locator(".top-clock")).to_contain_text(f"{now:%H:%M:%S}")

    view = an_ended_decision(page)
    decided = page.evaluate(
        """async id => (await (await fetch(`api/v1/decisions/${id}`)).json()).t""", view.removeprefix("decisions/")
    )
    go(page, view)
    when = page.locator(".fact").filter(has_text=re.compile("^When")).locator("dd").inner_text()
    site = _at_the_site(page, decided)
    assert re.fullmatch(rf"{site.day} \w+ {site.year}, {site:%H:%M:%S}", when), (when, site)

    go(page, "history")
    from_to = page.locator(".history > .slot-1").inner_text()
    start = _at_the_site(page, page.evaluate(_STATUS)["t"] - 24 * 3600)
    assert re.match(rf"{start.day} \w+ {start.year}, {start:%H:%M:%S} to now", from_to), (from_to, start)
    ticks = [text for text in page.evaluate("window.__written") if re.fullmatch(r"\d\d:\d\d", text)]
    assert len(ticks) > 4
    # Whole hours of the site are not whole hours everywhere.
    assert all(tick.endswith(":00") for tick in ticks), ticks
    assert not faults.seen
