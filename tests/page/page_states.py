"""The states in which people meet the page: every view, and what is used most in them. Goes there; judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from playwright.sync_api import Page, expect

from tests.page.page_rig import PASSWORD, USER, VIEWS, Demo, drawn_view, go, open_view
from tests.page.page_watch import feed, tell

LOCKED: Final = "h02"
WITH_RIGHTS: Final = ("now", "houses/h01", f"houses/{LOCKED}", "alerts", "commissioning", "login")
"""Views that differ for whoever has logged in."""
_NOON: Final = 1_790_000_000.0
_ADVICE: Final = (
    "Look at the switch and at the supply of the house, and release it only afterwards; nothing is moved meanwhile."
)
_SEEN_BY: Final = (
    " Acknowledged by anna at 2026-09-21 14:13, over the page, with a name that takes some room in its line."
)

# The first moves of a demo take a few seconds.
_AN_ENDED_DECISION: Final = """async () => {
    for (;;) {
        const { items } = await (await fetch("api/v1/decisions?limit=100")).json();
        const verified = made => made.state === "verified";
        const found = items.find(one => one.blocks.length && one.outcomes.some(verified));
        if (found) return found.id;
        await new Promise(resolve => setTimeout(resolve, 250));
    }
}"""


def an_alert(key: str, severity: str, state: str = "active", since_s: float = 0.0, more: str = "") -> dict[str, Any]:
    """As the stream tells it; `since_s` after a noon."""
    return {
        "key": key,
        "severity": severity,
        "state": state,
        "since": _NOON + since_s,
        "text": f"Something is wrong with {key}, and it has been so for a while. {_ADVICE}{more}",
        "value": None,
        "limit": None,
        "unit": "",
        "acknowledgeable": state == "active",
    }


STANDING: Final = [
    an_alert(f"switch_locked/{LOCKED}", "critical"),
    an_alert("meter_silent/h05", "warning"),
    an_alert("voltage_high", "warning", since_s=-60),
    an_alert("message_flood/h09", "info"),
]
MEANWHILE: Final = [
    an_alert("voltage_extreme_high", "critical", since_s=10),
    an_alert("meter_silent/h05", "warning", "acknowledged", more=_SEEN_BY),
    an_alert("meter_silent/h06", "warning", since_s=20),
    an_alert(f"switch_locked/{LOCKED}", "critical", "resolved"),
    an_alert("voltage_high", "critical", since_s=-60, more=" It is graver now than it was before, by some volts."),
    an_alert("meter_silent/h06", "warning", "resolved", since_s=20),
    an_alert("neutral_overload", "warning", since_s=30),
]
"""An alert begins, one is acknowledged by somebody else, one begins, one ends, one rises, one ends, one begins."""


def in_trouble(page: Page) -> None:
    """Before the page is opened: alerts stand, and a house is locked out."""
    reason = "the meter did not show the move to L2 within 30 s"
    feed(page, "alert", "silences", alerts=STANDING, houses={LOCKED: {"locked": reason, "offline": True}})


def an_ended_decision(page: Page) -> str:
    """The view of a decision whose move has been verified. The page is open at any view."""
    return f"decisions/{page.evaluate(_AN_ENDED_DECISION)}"


def every_state(page: Page, demo: Demo) -> Iterator[str]:
    """Goes from state to state in a page that is not open yet, and says where it is each time all is drawn."""
    in_trouble(page)
    open_view(page, demo, "now")
    for view in (*VIEWS, f"houses/{LOCKED}", an_ended_decision(page)):
        go(page, view)
        drawn_view(page, view)
        yield view
    go(page, "alerts")
    drawn_view(page, "alerts")
    for alert in MEANWHILE:
        tell(page, "alert", alert)
    yield "alerts that have changed meanwhile"
    go(page, "login")
    page.get_by_label("Name").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Password")).to_have_count(0)
    for view in WITH_RIGHTS:
        go(page, view)
        drawn_view(page, view)
        yield f"{view}, logged in"
    yield from _questions(page)


def _questions(page: Page) -> Iterator[str]:
    """All that opens over a view."""
    questions = [
        ("now", ".mode .segments button:not([aria-pressed=true])", "a change of the mode"),
        ("houses/h01", ".group button:enabled", "a move"),
        (f"houses/{LOCKED}", ".button.danger", "a release"),
        ("alerts", ".silences > button", "a silence"),
        ("login", ".ways button >> visible=true", "the display, or what else there is"),
    ]
    for view, opener, name in questions:
        go(page, view)
        drawn_view(page, view)
        page.locator(opener).first.click()
        page.get_by_role("dialog").wait_for()
        yield f"the question of {name}"
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
