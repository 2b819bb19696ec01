"""Alerts come and go while somebody has a finger over *Acknowledge*: nothing moves, and what is new is seen at once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.page.page_rig import DESKTOP, PHONE, Demo, Faults, drawn_view, go, new_page, open_view
from tests.page.page_states import LOCKED, MEANWHILE, STANDING, an_alert, in_trouble
from tests.page.page_watch import feed, mute, tell, watch, watched_so_far

Watched = tuple[Page, Faults]

SIZES = [pytest.param(DESKTOP, id="desktop"), pytest.param(PHONE, id="phone")]


def _cards(page: Page) -> dict[str, dict[str, float]]:
    """Where the buttons and the whole of each card are."""
    found: dict[str, dict[str, float]] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".alert-card")].map(card => {
            const place = node => { const { x, y, width, height } = node.getBoundingClientRect();
                return [x, y, width, height].map(Math.round).join(" "); };
            return [card.querySelector("code").textContent, [card, ...card.querySelectorAll("button")].map(place)];
        }))"""
    )
    return found


def _keys(page: Page) -> list[str]:
    return page.locator(".alert-card code").all_inner_texts()


def _card(page: Page, key: str) -> Locator:
    return page.locator(".alert-card").filter(has=page.get_by_text(key, exact=True))


def _with_alerts(page: Page, demo: Demo, view: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    in_trouble(page)
    open_view(page, demo, "now")
    mute(page, "snapshot")
    go(page, view)
    drawn_view(page, view)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scrolled", [pytest.param(0, id="top"), pytest.param(260, id="scrolled")])
def test_no_card_moves_while_alerts_begin_end_and_change(
    watched: Watched, demo: Demo, size: tuple[int, int], scrolled: int
) -> None:
    page, faults = watched
    _with_alerts(page, demo, "alerts", size)
    page.evaluate("top => scrollTo(0, top)", scrolled)
    before = _cards(page)
    assert {one["key"] for one in STANDING} <= before.keys()
    watch(page)
    for alert in MEANWHILE:
        tell(page, "alert", alert)
        assert _cards(page) == before, alert["key"]
    found = watched_so_far(page)
    assert found["shift"] < 0.01, found
    assert not found["removed"], found
    # What is new is seen though nothing moved: the line that says so never leaves the screen.
    line = page.locator(".news button")
    expect(line).to_be_in_viewport(ratio=1)
    expect(line).to_contain_text("Show 3 newer")
    expect(line.locator(".badge")).to_have_text("Critical")
    expect(page.locator(".news")).to_have_attribute("role", "status")
    assert not faults.seen


def test_a_card_says_what_has_come_of_its_alert(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    _with_alerts(page, demo, "alerts", DESKTOP)
    for alert in MEANWHILE:
        tell(page, "alert", alert)
    over, seen, graver = (_card(page, key) for key in (f"switch_locked/{LOCKED}", "meter_silent/h05", "voltage_high"))
    expect(over.locator(".badge")).to_have_text("Over")
    expect(over).to_contain_text("It is over")
    expect(over.get_by_role("button", name="Over")).to_be_disabled()
    expect(seen).to_contain_text("Acknowledged by anna")
    expect(seen.get_by_role("button", name="Acknowledged")).to_be_disabled()
    expect(graver.locator(".badge")).to_have_text("Critical")
    expect(graver).to_contain_text("It has become graver.")
    expect(graver.get_by_role("button", name="Acknowledge")).to_be_disabled()
    # Another episode of what is over is not what stands on its card.
    tell(page, "alert", an_alert(f"switch_locked/{LOCKED}", "critical", since_s=60))
    expect(over.get_by_role("button", name="Over")).to_be_disabled()
    expect(page.locator(".news button")).to_contain_text("Show 4 newer")
    assert not faults.seen


def test_the_list_is_put_in_order_when_somebody_asks_or_comes_anew(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    _with_alerts(page, demo, "alerts", DESKTOP)
    own = {"voltage_low", *(one["key"] for one in [*STANDING, *MEANWHILE])}
    for alert in MEANWHILE:
        tell(page, "alert", alert)
    page.get_by_role("button", name=re.compile("Show 3 newer")).click()
    in_order = [
        "voltage_extreme_high",
        "voltage_high",
        "neutral_overload",
        "meter_silent/h05",
        "message_flood/h09",
    ]
    assert [key for key in _keys(page) if key in own] == in_order
    expect(page.locator(".news button")).to_be_disabled()
    expect(page.locator(".news button")).to_contain_text("Nothing newer")
    expect(page.locator(".alert-list")).to_be_focused()
    # What is over can be put away, too.
    tell(page, "alert", an_alert("neutral_overload", "warning", "resolved", since_s=30))
    page.get_by_role("button", name=re.compile("Put away 1 that is over")).click()
    in_order.remove("neutral_overload")
    assert [key for key in _keys(page) if key in own] == in_order
    tell(page, "alert", an_alert("voltage_low", "critical", since_s=90))
    go(page, "decisions")
    go(page, "alerts")
    assert [key for key in _keys(page) if key in own] == ["voltage_low", *in_order]
    assert not faults.seen


def test_on_a_screen_that_nobody_touches_the_list_is_put_in_order_by_itself(
    context: BrowserContext, demo: Demo
) -> None:
    page, faults = new_page(context)
    page.clock.install()
    _with_alerts(page, demo, "alerts", DESKTOP)
    page.mouse.move(400, 400)
    for alert in MEANWHILE:
        tell(page, "alert", alert)
    page.clock.run_for(90_000)
    page.mouse.move(410, 400)  # somebody is there: two minutes from now, not from the beginning
    page.clock.run_for(90_000)
    expect(page.locator(".news button")).to_contain_text("Show 3 newer")
    # Who comes back to a hidden page is there, too, before anything is touched.
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.run_for(90_000)
    expect(page.locator(".news button")).to_contain_text("Show 3 newer")
    page.clock.run_for(31_000)
    expect(page.locator(".news button")).to_contain_text("Nothing newer")
    assert _keys(page)[0] == "voltage_extreme_high"
    assert not faults.seen


def test_an_alert_that_comes_where_none_stood_is_told_in_the_line(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    feed(page, "alert")
    open_view(page, demo, "now")
    for key in page.evaluate(
        """async () => [...(await import(new URL("static/core/state.js", document.baseURI))).state.alerts.keys()]"""
    ):
        tell(page, "alert", an_alert(key, "info", "resolved"))
    go(page, "alerts")
    expect(page.locator(".alerts .empty.card")).to_have_text("No alerts.")
    expect(page.locator(".silences")).to_be_visible()
    watch(page)
    tell(page, "alert", STANDING[0])
    expect(page.locator(".alerts .empty.card")).to_have_text("New alerts wait in the line above.")
    expect(page.locator(".news")).to_contain_text(re.compile("Show 1 newer.*Critical.*switch_locked/", re.DOTALL))
    assert watched_so_far(page)["shift"] < 0.01
    assert not faults.seen


def test_an_ended_silence_pulls_no_other_under_the_finger(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    _with_alerts(page, demo, "alerts", PHONE)
    silences = [{"keys": key, "until": 1_790_003_600.0, "by": "anna"} for key in ("a", "b", "c", "d")]
    tell(page, "silences", {"silences": silences[:3]})
    rows = page.locator(".silence")
    expect(rows).to_have_count(3)
    places = """() => [...document.querySelectorAll(".silence button")].slice(0, 3)
        .map(node => Math.round(node.getBoundingClientRect().y + scrollY))"""
    before = page.evaluate(places)
    tell(page, "silences", {"silences": [silences[3], silences[1], silences[2]]})
    assert page.evaluate(places) == before
    assert rows.locator("code").all_inner_texts() == ["a", "b", "c", "d"]
    expect(rows.first.get_by_role("button")).to_have_text("Ended")
    assert not faults.seen


@pytest.mark.parametrize("size", SIZES)
def test_a_lock_that_comes_puts_no_other_button_under_the_finger(
    watched: Watched, demo: Demo, size: tuple[int, int]
) -> None:
    page, faults = watched
    page.set_viewport_size({"width": size[0], "height": size[1]})
    feed(page)
    open_view(page, demo, f"houses/{LOCKED}")
    mute(page, "houses", "snapshot")
    places = """() => [...document.querySelectorAll(".house .columns button")]
        .map(node => [node.textContent, Math.round(node.getBoundingClientRect().y)].join(" "))"""
    before = page.evaluate(places)
    assert len(before) == 4
    watch(page)
    tell(page, "houses", {"rows": [[LOCKED, {"locked": "it refused 3 commands in a row, last: expired 17.9 s ago"}]]})
    expect(page.locator(".locked")).to_contain_text("Locked out: it refused 3 commands in a row")
    assert page.evaluate(places) == before
    tell(page, "houses", {"rows": [[LOCKED, {"locked": None}]]})
    expect(page.locator(".locked")).to_be_hidden()
    assert page.evaluate(places) == before
    assert watched_so_far(page)["shift"] < 0.01
    assert not faults.seen


@pytest.mark.parametrize("size", SIZES)
def test_on_now_the_worst_stands_first_and_no_line_moves(watched: Watched, demo: Demo, size: tuple[int, int]) -> None:
    page, faults = watched
    _with_alerts(page, demo, "now", size)
    mute(page, "feeder", "mode")
    page.locator(".now-alerts").scroll_into_view_if_needed()
    watch(page)
    for alert in MEANWHILE:
        tell(page, "alert", alert)
    first = page.locator(".now-alerts li").first
    expect(first).to_contain_text("voltage_extreme_high")
    expect(page.locator(".top-alerts .badge")).to_have_class(re.compile("danger"))
    page.locator(".health").scroll_into_view_if_needed()
    for count in (3, 1, 4, 0, 2):
        _give_reasons(page, count)
        expect(page.locator(".health .rows li")).to_have_count(count)
    found = watched_so_far(page)
    assert found["told"] > len(MEANWHILE), "nothing changed, so nothing was tried"
    assert found["shift"] < 0.01, found
    assert not faults.seen


def _give_reasons(page: Page, count: int) -> None:
    """As the stream would: the status as it was, with so many reasons of changing length."""
    status = page.evaluate(
        """async () => (await import(new URL("static/core/state.js", document.baseURI))).state.status"""
    )
    reasons = [f"the clock is not synchronised ({count})", *(one["text"] for one in STANDING)]
    status["health"] = {"level": "fail" if count > 2 else "warn", "reasons": reasons[::-1][:count]}
    tell(page, "feeder", {"status": status})
