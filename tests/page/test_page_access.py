"""What people do through the page: log in, change the mode, move a house, acknowledge, release. And what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.page.page_rig import PASSWORD, USER, Demo, Faults, go, log_in, new_page, open_view, running_demo, settled

Watched = tuple[Page, Faults]

# Holds back what the stream says of alerts, as a slow line would. The stream's events pass through `EventSource`.
_SLOW_ALERTS = """() => {
    const held = [];
    let holding = false;
    window.__holdAlerts = () => { holding = true; };
    window.__letAlertsGo = () => { holding = false; held.splice(0).forEach(tell => tell()); };
    const Original = window.EventSource;
    window.EventSource = class extends Original {
        addEventListener(name, hear, ...more) {
            const late = event => (holding ? held.push(() => hear(event)) : hear(event));
            super.addEventListener(name, name === "alert" ? late : hear, ...more);
        }
    };
}"""
_HOLD_ALERTS = "window.__holdAlerts()"


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[Demo]:
    """A demo of its own in which every move fails: its switches are locked out, and alerts stand."""
    few = ("--houses", "8", "--speed", "60", "--meter-period", "30")
    with running_demo(tmp_path, *few, "--failure-rate", "1") as made:
        yield made


def test_a_wrong_password_is_refused_and_a_right_one_opens(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    open_view(page, demo, "login")
    page.get_by_label("Name").fill(USER)
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    assert any(seen.startswith("401") for seen in faults.seen)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name=USER)).to_be_visible()
    go(page, "login")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_without_a_login_nothing_can_be_changed(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    open_view(page, demo, "now")
    for name in ("Auto", "Advise", "Hold"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    go(page, "houses/h01")
    for name in ("To L1", "To L2", "To L3"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    go(page, "commissioning")
    expect(page.get_by_role("button", name="Test the switch of h02")).to_be_disabled()
    assert not faults.seen


def test_an_order_without_the_sessions_word_is_refused(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    log_in(page, demo)
    ask = """async headers => (await fetch("api/v1/mode", {
        method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: '{"mode": "hold"}'
    })).status"""
    assert page.evaluate(ask, {}) == 403
    assert page.evaluate(ask, {"X-CSRF-Token": "guessed"}) == 403


def test_a_page_learns_that_its_login_was_replaced_or_has_ended(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    log_in(page, demo)
    go(page, "now")
    # As a second page in the same browser does.
    again = """async body => (await fetch("api/v1/session", {
        method: "POST", headers: { "Content-Type": "application/json" }, body
    })).json()"""
    session = page.evaluate(again, json.dumps({"user": USER, "password": PASSWORD}))
    page.get_by_role("button", name="Auto", exact=True).wait_for()
    page.get_by_role("button", name="Hold", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Set to Hold").click()
    expect(dialog.get_by_role("alert")).to_contain_text("X-CSRF-Token")
    dialog.get_by_role("button", name="Set to Hold").click()
    expect(page.get_by_role("button", name="Hold", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Auto", exact=True).click()
    page.get_by_role("button", name="Set to Auto").click()
    expect(page.get_by_role("button", name="Auto", exact=True)).to_have_attribute("aria-pressed", "true")
    go(page, "login")
    end = """async csrf => (await fetch("api/v1/session", {
        method: "DELETE", headers: { "X-CSRF-Token": csrf }
    })).status"""
    assert page.evaluate(end, session["csrf"]) == 200
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    expect(page.get_by_text("is wrong")).to_have_count(0)


def test_the_mode_is_changed_after_a_question_and_all_see_by_whom(context: BrowserContext, demo: Demo) -> None:
    page, faults = new_page(context)
    other, _ = new_page(context)
    open_view(other, demo, "now")
    log_in(page, demo)
    go(page, "now")
    page.get_by_role("button", name="Advise", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Change the mode to Advise?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Auto", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Advise", exact=True).click()
    dialog.get_by_label("Reason").fill("a look at the switches")
    dialog.get_by_role("button", name="Set to Advise").click()
    for seen in (page, other):
        expect(seen.get_by_text(f"Set by {USER}", exact=True)).to_be_visible()
        expect(seen.get_by_role("button", name="Advise", exact=True)).to_have_attribute("aria-pressed", "true")
        expect(seen.locator("[aria-live=polite]")).to_contain_text(f"The mode is now Advise, set by {USER}.")
    page.get_by_role("button", name="Auto", exact=True).click()
    page.get_by_role("button", name="Set to Auto").click()
    expect(page.get_by_role("button", name="Auto", exact=True)).to_have_attribute("aria-pressed", "true")
    assert not faults.seen


def test_a_house_is_moved_by_hand_and_the_page_says_what_came_of_it(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    log_in(page, demo)
    answer = page.locator(".order-answer")
    # A house that the controller has just moved rests: the guard says so, and another one is tried.
    for number in range(16, 0, -1):
        go(page, f"houses/h{number:02d}")
        target = page.get_by_role("button", name=re.compile("^To L")).and_(page.locator(":enabled"))
        if target.count() == 0:
            continue
        target.first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("the guard checks")
        dialog.get_by_role("button", name=re.compile("^To L")).click()
        expect(answer).to_contain_text(re.compile(f"{USER} asked"))
        if "refused" not in answer.inner_text():
            expect(answer).to_contain_text("The move: Verified.")
            break
    else:
        raise AssertionError("the guard refused to move any house")
    page.reload()
    settled(page, "houses/x")
    expect(page.get_by_role("region", name="Moves")).to_contain_text("Verified")
    assert not faults.seen


def test_alerts_are_acknowledged_and_silenced_and_a_lock_is_released(context: BrowserContext, troubled: Demo) -> None:
    page, faults = new_page(context)
    page.add_init_script(f"({_SLOW_ALERTS})()")
    log_in(page, troubled)
    go(page, "now")
    page.locator(".now-alerts li").filter(has_text="is locked out").first.wait_for()
    go(page, "alerts")
    card = page.locator(".alert-card").filter(has_text="switch_locked/").first
    house = re.search(r"switch_locked/(h\d+)", card.inner_text())
    assert house
    card = page.locator(".alert-card").filter(has_text=house[0])
    # What the controller has taken is not done yet: until the stream says so, the page only says that it was sent.
    page.evaluate(_HOLD_ALERTS)
    card.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(card.get_by_role("button", name="Sent …")).to_be_disabled()
    expect(card.get_by_role("button", name="Acknowledged")).to_have_count(0)
    page.evaluate("window.__letAlertsGo()")
    expect(card.get_by_role("button", name="Acknowledged")).to_be_disabled()

    card.get_by_role("button", name="Silence this kind").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Alerts:")).to_have_value("switch_locked")
    dialog.get_by_role("button", name="Silence contacts").click()
    # Nobody is told of this demo's alerts; the controller says so, and the question stays open with its answer.
    expect(dialog.get_by_role("alert")).to_contain_text("nobody can be spared them")
    refused = [faults.seen.pop(0), faults.seen.pop(0)]
    assert sorted(seen.split(":")[0] for seen in refused) == ["409", "console"]
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)

    other, _ = new_page(context)
    open_view(other, troubled, "alerts")
    go(page, f"houses/{house[1]}")
    expect(page.locator(".locked")).to_contain_text("Locked out")
    page.get_by_role("button", name="Release the lock").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("contactor replaced")
    dialog.get_by_role("button", name="Release the lock").click()
    expect(page.locator(".locked")).to_be_hidden()
    # Who has the card before them sees that it is over; it does not go from under their finger.
    expect(other.locator(".alert-card.over").filter(has_text=house[0])).to_contain_text("It is over")
    other.close()
    assert not faults.seen

    troubled.stop()
    expect(page.locator(".offline")).to_contain_text("No connection to the controller. What is shown is from")
    expect(page.locator(".top-link")).to_have_text("Offline")


def test_a_test_of_the_switches_is_refused_by_the_page_where_nothing_is_commanded(watched: Watched, demo: Demo) -> None:
    page, faults = watched
    log_in(page, demo)
    go(page, "commissioning")
    test = page.get_by_role("button", name="Test the switch of h02")
    expect(page.get_by_text("The controller moves houses by itself meanwhile.")).to_be_visible()
    _set_mode(page, "advise")
    expect(page.get_by_text("The mode is Advise, which commands nothing: a test would be refused.")).to_be_visible()
    expect(test).to_be_disabled()
    _set_mode(page, "auto")
    expect(page.get_by_text("The controller moves houses by itself meanwhile.")).to_be_visible()
    expect(test).to_be_enabled()
    assert not faults.seen


def test_the_page_knows_a_controller_that_moves_houses_on_request_alone(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    open_view(page, demo, "now")
    known = page.evaluate(
        """async () => {
            const { modeNow, setFeeder, state } = await import(new URL("static/core/state.js", document.baseURI));
            const { texts } = await import(new URL("static/texts.js", document.baseURI));
            return [true, false].map(automatic => {
                setFeeder({ status: { ...state.status, automatic } });
                return [modeNow(), texts.mode.now[modeNow()], texts.commissioning.switchesNow[modeNow()]];
            });
        }"""
    )
    assert [mode for mode, *_ in known] == ["auto", "asked"]
    assert "when somebody asks" in known[1][1]
    assert "Nothing else is moved meanwhile" in known[1][2]


def _set_mode(page: Page, mode: str) -> None:
    """As another page does."""
    answer = page.evaluate(
        """async mode => {
            const { csrf } = await (await fetch("api/v1/session")).json();
            return (await fetch("api/v1/mode", {
                method: "POST",
                headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
                body: JSON.stringify({ mode }),
            })).status;
        }""",
        mode,
    )
    assert answer == 202
