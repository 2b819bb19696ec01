"""Every view, from a cold start, on a demo that runs: nothing fails, nothing is missing, nothing is without words."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.page.page_rig import (
    FILES,
    PHONE,
    USER,
    VIEWS,
    Demo,
    Faults,
    content_of,
    go,
    log_in,
    new_page,
    open_view,
    settled,
)
from tests.page.page_states import LOCKED, WITH_RIGHTS, an_ended_decision, every_state, in_trouble

Watched = tuple[Page, Faults]

_HOLES = ("undefined", "NaN", "[object", "null", "=>")


def test_every_view_opens_from_a_cold_start(context: BrowserContext, demo: Demo) -> None:
    """Each in a page of its own, a decision and a locked house too; and what differs after a login, again."""
    page, faults = new_page(context)
    open_view(page, demo, "now")
    views = (*VIEWS, f"houses/{LOCKED}", an_ended_decision(page))
    for view in views:
        _look_at(context, demo, view)
    log_in(page, demo)
    for view in WITH_RIGHTS:
        words = _look_at(context, demo, view)
        assert USER in words, view
    assert not faults.seen


def _look_at(context: BrowserContext, demo: Demo, view: str) -> str:
    page, faults = new_page(context)
    in_trouble(page)
    open_view(page, demo, view)
    words = page.locator("body").inner_text()
    assert not [hole for hole in _HOLES if hole in words], f"{view}: {words}"
    expect(page.locator("h1")).not_to_be_empty()
    assert not faults.seen, view
    page.close()
    return words


def test_nothing_is_wider_than_a_phone(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    for state in every_state(page, demo):
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], state
        for dialog in page.get_by_role("dialog").all():
            assert dialog.evaluate("node => node.scrollWidth <= node.clientWidth"), state
            place = dialog.bounding_box()
            assert place, state
            assert place["x"] >= 0, state
            assert place["x"] + place["width"] <= PHONE[0], state
    assert not faults.seen


def test_a_decision_shows_what_led_to_it_and_what_came_of_it(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    open_view(page, demo, "decisions")
    go(page, an_ended_decision(page))
    expect(page.get_by_role("heading", name="Moves that were weighed")).to_be_visible()
    expect(page.locator(".steps path")).to_have_count(3)
    verdicts = page.get_by_role("region", name="Moves that were weighed").locator("tbody tr")
    assert verdicts.count() > 0
    expect(page.get_by_role("region", name="What came of it")).to_contain_text("Verified")
    assert not faults.seen


def test_the_table_of_houses_is_filtered_and_sorted(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    open_view(page, demo, "houses")
    rows = page.locator(".houses-table tbody tr")
    expect(rows).to_have_count(16)
    page.get_by_role("searchbox").fill("h0")
    expect(rows).to_have_count(9)
    head = page.get_by_role("columnheader", name="Net load")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    loads = [
        float(text.split()[0].replace("\N{MINUS SIGN}", "-"))
        for text in rows.locator("td:nth-child(3)").all_inner_texts()
    ]
    assert len(loads) == 9
    assert loads[0] > loads[-1]
    page.get_by_role("combobox", name="State").select_option("locked")
    expect(rows).to_have_count(0)
    assert not faults.seen


def test_a_stretch_drawn_over_a_chart_is_fetched_anew_and_once(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    open_view(page, demo, "history")
    expect(page.get_by_role("img", name=re.compile("Neutral current.*Mean .* A"))).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "history" in request.url else None)
    place = page.locator(".u-over").first.bounding_box()
    assert place
    page.mouse.move(place["x"] + place["width"] * 0.5, place["y"] + 40)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.75, place["y"] + 40, steps=3)
    page.mouse.up()
    expect(page.get_by_role("button", name="Later")).to_be_enabled()
    assert len(asked) == 1
    start, end = (int(float(found)) for found in re.findall(r"(?:from|to)=([\d.]+)", asked[0]))
    assert end - start == pytest.approx(86_400 / 4, rel=0.05)
    assert not faults.seen


def test_the_record_of_a_stretch_is_downloaded(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    open_view(page, demo, "history")
    expect(page.get_by_role("region", name="Moves in this stretch")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="audit trail").click()
    assert "planned" in download.value.path().read_text(encoding="utf-8")
    assert not faults.seen


def test_brightness_and_phase_colours_are_chosen_and_kept(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    open_view(page, demo, "now")
    before = page.evaluate("getComputedStyle(document.querySelector('.bar-load')).backgroundColor")
    page.get_by_role("button", name="Display").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Dark", exact=True).check()
    dialog.get_by_label("Red, yellow, blue").check()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Display")).to_be_focused()
    page.reload()
    settled(page, "now")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert page.evaluate("getComputedStyle(document.querySelector('.bar-load')).backgroundColor") != before
    assert not faults.seen


def test_the_keyboard_reaches_the_content_and_every_house_of_the_feeder(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    open_view(page, demo, "feeder")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_be_focused()
    page.keyboard.press("Tab")  # the region that scrolls
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowRight")
    second = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert re.match(r"h\d\d, ", first)
    assert re.match(r"h\d\d, ", second)
    assert first != second
    expect(page.locator(".pointed")).to_contain_text(second.split(",")[0])
    page.keyboard.press("Enter")
    settled(page, "houses/x")
    expect(page.locator("h1")).to_have_text(f"House {second.split(',')[0]}")
    assert not faults.seen


def test_where_reading_needs_a_login_nothing_else_is_shown(browser: Browser, demo: Demo) -> None:
    # A request that a proxy has passed on is not a free reader's, whatever address it came from.
    with browser.new_context(extra_http_headers={"X-Forwarded-For": "192.0.2.7"}) as strange:
        page, faults = new_page(strange)
        page.goto(f"{demo.address}#/houses")
        expect(page.get_by_label("Password")).to_be_visible()
        expect(page.locator(content_of("houses"))).to_have_count(0)
        expect(page.get_by_text("Reading needs a login here.")).to_be_visible()
        assert not faults.seen


def test_every_text_that_is_used_exists(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    open_view(page, demo, "login")
    used = sorted(
        {
            path
            for file in FILES.rglob("*.js")
            if "vendor" not in file.parts
            for path in re.findall(r"(?<!/)\btexts((?:\.[a-zA-Z0-9]+)+)", file.read_text(encoding="utf-8"))
        }
    )
    assert len(used) > 200
    missing = page.evaluate(
        """async used => {
            const { texts } = await import(new URL("static/texts.js", document.baseURI));
            const found = path => path.split(".").slice(1).reduce((at, key) => at?.[key], texts);
            return used.filter(path => found(path) === undefined);
        }""",
        used,
    )
    # What stands behind a text is a method of it.
    assert not [path for path in missing if not re.search(r"\.(map|replaceAll|slice|length)$", path)]


def test_a_page_that_lost_a_module_on_its_way_loads_again(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    lost: list[str] = []

    def lose_once(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.abort("connectionreset")

    page.route("**/core/state.js", lose_once)
    open_view(page, demo, "now")
    assert lost
    assert all("ERR_CONNECTION_RESET" in seen for seen in faults.seen)


def test_a_hidden_page_lets_go_of_its_stream(context: BrowserContext, demo: Demo) -> None:
    page, faults = new_page(context)
    page.clock.install()
    open_view(page, demo, "now")
    page.evaluate(
        """() => {
            Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    with page.expect_event("requestfailed", lambda asked: asked.url.endswith("/stream")):
        page.clock.run_for(31_000)
    with page.expect_request(lambda asked: asked.url.endswith("/stream")):
        page.evaluate("delete document.visibilityState; document.dispatchEvent(new Event('visibilitychange'))")
    settled(page, "now")
    assert not faults.seen
