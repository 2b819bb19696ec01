"""The drawing of the feeder: a house that moves to another phase travels there once, and nothing else ever slides."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.page_rig import DESKTOP, PHONE, Demo, Faults, go, open_view
from tests.page.page_watch import drawn, feed, mute, tell

Watched = tuple[Page, Faults]

_RECORD = """() => {
    const name = node => node.getAttribute("aria-label")?.split(",")[0] ?? node.outerHTML.slice(0, 80);
    window.__ran = [];
    document.addEventListener("transitionrun", event => {
        window.__ran.push([name(event.target), document.getAnimations().map(one => name(one.effect.target))]);
    });
}"""
"""What begins to move, and all that is in motion then."""
_PHASE = """async id => {
    const { state } = await import(new URL("static/core/state.js", document.baseURI));
    return state.houses.get(id).phase;
}"""
# Where each name stands, and each house.
_ACROSS = """() => {
    const x = node => node.transform.baseVal.consolidate().matrix.e;
    const read = selector => [...document.querySelectorAll(selector)].map(x);
    return [read(".house-name"), [...document.querySelectorAll(".house-dot")].map(dot => x(dot.parentNode))];
}"""

_MIDDLE = """selector => {
    const { top, bottom } = document.querySelector(selector).getBoundingClientRect();
    return (top + bottom) / 2;
}"""


def _feeder(page: Page, demo: Demo) -> None:
    feed(page)
    page.add_init_script(f"({_RECORD})()")
    open_view(page, demo, "now")
    mute(page, "houses", "snapshot")
    go(page, "feeder")
    drawn(page)


def _give(page: Page, house: str, **fields: Any) -> None:
    tell(page, "houses", {"rows": [[house, fields]]})


def test_only_a_move_between_phases_is_animated_and_only_its_house(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    _feeder(page, demo)
    assert page.evaluate("window.__ran") == [], "opening"
    for size in (PHONE, (2000, 900), DESKTOP):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        drawn(page)
        assert page.evaluate("window.__ran") == [], size
        names, dots = page.evaluate(_ACROSS)
        assert [name - 4 for name in names] == dots, size
    assert page.evaluate("document.getAnimations().length") == 0
    _give(page, "h05", p=-4_000.0, v=241.0)
    _give(page, "h04", phase=None)
    _give(page, "h04", phase="L3")
    assert page.evaluate("window.__ran") == [], "no move"
    other = "L2" if page.evaluate(_PHASE, "h03") == "L1" else "L1"
    _give(page, "h03", phase=other)
    page.wait_for_function("() => document.getAnimations().length === 0")
    assert page.evaluate("window.__ran") == [["h03", ["h03"]]]
    assert page.evaluate(_MIDDLE, f'[aria-label="h03, {other}"] .dot') == pytest.approx(
        page.evaluate(_MIDDLE, f".wire.{other.lower()}"), abs=1.0
    )
    assert not faults.seen


def test_who_asks_for_less_motion_sees_none(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    page.emulate_media(reduced_motion="reduce")
    _feeder(page, demo)
    other = "L2" if page.evaluate(_PHASE, "h03") == "L1" else "L1"
    _give(page, "h03", phase=other)
    expect(page.get_by_role("link", name=f"h03, {other}")).to_be_visible()
    assert page.evaluate("window.__ran") == []
    assert not faults.seen
