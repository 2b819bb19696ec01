"""What a test does to a page and sees of it from inside: events told in the stream's place, layout shifts, elements
that went, how often values came. Judges nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from playwright.sync_api import Page

COUNT_EVENTS = """() => {
    window.__events = 0;
    const Original = window.EventSource;
    window.EventSource = class extends Original {
        constructor(...given) {
            super(...given);
            this.addEventListener("feeder", () => { window.__events += 1; });
        }
    };
}"""
"""For `add_init_script`: `window.__events` is how many `feeder` events the page's EventSource has delivered."""

_FEED = """({ muted, alerts, houses }) => {
    const open = new Set();
    const still = new Set(muted);
    const added = event => {
        const picture = JSON.parse(event.data);
        picture.alerts.push(...alerts);
        picture.houses.forEach(house => Object.assign(house, houses[house.id]));
        return new MessageEvent("snapshot", { data: JSON.stringify(picture) });
    };
    const Original = window.EventSource;
    window.EventSource = class extends Original {
        constructor(...given) {
            super(...given);
            open.add(this);
        }
        close() {
            open.delete(this);
            super.close();
        }
        addEventListener(name, hear, ...more) {
            const heard = event => {
                if (!event.isTrusted) hear(event);
                else if (!still.has(name)) hear(name === "snapshot" ? added(event) : event);
            };
            super.addEventListener(name, heard, ...more);
        }
    };
    window.__mute = names => names.forEach(name => still.add(name));
    window.__tell = (name, data) => {
        for (const source of open) source.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
    };
}"""

# Layout shifts as the browser reckons them (those right after an input do not count), and elements taken out of the
# view. A row that leaves for good is counted too: on a demo no house, phase or chart ever does.
_WATCH = """() => {
    const watch = { shift: 0, removed: [], told: 0, where: [] };
    window.__watch = watch;
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) {
            if (entry.hadRecentInput) continue;
            watch.shift += entry.value;
            const name = source => source.node?.outerHTML?.slice(0, 120) ?? String(source.node);
            watch.where.push(...entry.sources.map(name));
        }
    }).observe({ type: "layout-shift" });
    new MutationObserver(list => {
        watch.told += 1;
        for (const one of list) {
            for (const node of one.removedNodes) {
                if (node.nodeType === Node.ELEMENT_NODE) watch.removed.push(node.outerHTML.slice(0, 120));
            }
        }
    }).observe(document.querySelector("main"), ALL);
}""".replace("ALL", "{ childList: true, characterData: true, attributes: true, subtree: true }")

_FRAMES = """async count => {
    for (let k = 0; k < count; k += 1) await new Promise(done => requestAnimationFrame(done));
    await new Promise(done => setTimeout(done));
}"""


def feed(
    page: Page, *muted: str, alerts: Sequence[dict[str, Any]] = (), houses: Mapping[str, dict[str, Any]] | None = None
) -> None:
    """Before the page is opened: `tell` speaks in the stream's place, and of the `muted` names the stream says nothing.
    A whole picture has these alerts besides, and these fields of houses.
    """
    given = {"muted": muted, "alerts": alerts, "houses": houses or {}}
    page.add_init_script(f"({_FEED})({json.dumps(given)})")


def mute(page: Page, *names: str) -> None:
    """From now on the stream says nothing of these."""
    page.evaluate("names => window.__mute(names)", list(names))


def tell(page: Page, name: str, data: dict[str, Any]) -> None:
    """As if the stream had said it; what the page makes of it is drawn when this returns."""
    page.evaluate("([name, data]) => window.__tell(name, data)", [name, data])
    drawn(page)


def drawn(page: Page) -> None:
    """A frame in which the page writes, one in which the browser lays it out, one in which observers are told."""
    page.evaluate(_FRAMES, 3)


def watch(page: Page) -> None:
    """From now on `watched` has shift, elements that were removed, and how often anything changed."""
    page.evaluate(_WATCH)


def watched_so_far(page: Page) -> dict[str, Any]:
    """`shift`, `where` (what shifted), `removed`, `told`."""
    found: dict[str, Any] = page.evaluate("window.__watch")
    return found


def await_updates(page: Page, updates: int) -> None:
    """Until so many more `feeder` events have come; needs `COUNT_EVENTS`."""
    page.wait_for_function("until => window.__events >= until", arg=page.evaluate("window.__events") + updates)
