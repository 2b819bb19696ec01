"""The small layer under the views, and the table of houses: rows by key, bindings that write only what differs, a scale
that stays."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.page.page_rig import Demo, Faults, open_view

Watched = tuple[Page, Faults]

_ROWS = """async () => {
    const { Keyed, h } = await import(new URL("static/core/dom.js", document.baseURI));
    let seed = 7;
    const draw = below => { seed = (seed * 48271) % 2147483647; return seed % below; };
    const parent = document.createElement("ul");
    const rows = new Keyed(parent, read => h("li", null, () => read().text));
    const nodes = new Map();
    const wrong = [];
    for (let round = 0; round < 300; round += 1) {
        const keys = [...Array(12).keys()].filter(() => draw(4) > 0);
        for (let k = keys.length - 1; k > 0; k -= 1) {
            const other = draw(k + 1);
            [keys[k], keys[other]] = [keys[other], keys[k]];
        }
        const before = new Set([...parent.children].map(node => Number(node.dataset.key)));
        rows.sync(keys.map(key => ({ key, text: `${key}/${round}` })), item => item.key);
        const seen = [...parent.children];
        if (seen.map(node => node.textContent).join() !== keys.map(key => `${key}/${round}`).join()) {
            wrong.push([round, "order", keys.join(), parent.textContent]);
        }
        seen.forEach((node, index) => {
            const key = keys[index];
            if (before.has(key) && nodes.get(key) !== node) wrong.push([round, "replaced", key]);
            nodes.set(key, node);
            node.dataset.key = key;
        });
    }
    return wrong;
}"""

_GONE = """async () => {
    const { Keyed, h } = await import(new URL("static/core/dom.js", document.baseURI));
    const parent = document.createElement("ul");
    const rows = new Keyed(parent, read => h("li", null, () => read().text));
    rows.sync([{ key: 1, text: "a" }], item => item.key);
    rows.patch(1, { key: 1, text: "b" });
    rows.patch(1, undefined);
    return parent.textContent;
}"""

_WRITES = """async () => {
    const { h, live } = await import(new URL("static/core/dom.js", document.baseURI));
    const state = { text: "a", on: false };
    const look = () => (state.on ? "on" : "off");
    const made = live(() => h("p", { class: look }, () => state.text, h("b", null, "fixed")));
    const counts = [];
    const observer = new MutationObserver(() => {});
    observer.observe(made.node, { childList: true, characterData: true, attributes: true, subtree: true });
    for (const change of [{}, { text: "b" }, {}, { on: true }, { text: "c", on: false }]) {
        Object.assign(state, change);
        made.update();
        counts.push(observer.takeRecords().length);
    }
    return counts;
}"""

_SCALE = """async () => {
    const { Scale } = await import(new URL("static/parts/scale.js", document.baseURI));
    const scale = new Scale(10);
    const minute = 60_000;
    return [
        scale.fit(4, 0), scale.fit(11, 1), scale.fit(170, 2), scale.fit(90, 3),
        scale.fit(8, 4), scale.fit(8, 4 + minute), scale.fit(8, 5 + minute), scale.fit(0, 6 + minute),
    ];
}"""

_SILENT_STREAM = """() => {
    window.EventSource = class extends EventTarget { close() {} };
    window.setInterval = () => 0;
}"""
"""For `add_init_script`: nothing comes over the stream, and nothing that is done from time to time wakes the page."""

_TWO_WORDS = """async () => {
    const { patchHouses } = await import(new URL("static/core/state.js", document.baseURI));
    const frame = () => new Promise(resolve => requestAnimationFrame(resolve));
    patchHouses([["h01", { phase: "L1", p: 0 }]]);
    await frame();
    for (const p of [1000, 2000]) {
        patchHouses([["h01", { p }]]);
        await frame();
    }
}"""


def test_rows_keep_their_element_whatever_comes_goes_and_moves(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    open_view(page, demo, "login")
    assert page.evaluate(_ROWS) == []


def test_a_row_whose_house_is_gone_keeps_what_it_shows_until_it_goes(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    open_view(page, demo, "login")
    assert page.evaluate(_GONE) == "b"


def test_only_what_differs_is_written(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    open_view(page, demo, "login")
    assert page.evaluate(_WRITES) == [0, 1, 0, 1, 2]


def test_a_scale_grows_at_once_and_shrinks_only_after_a_minute(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    open_view(page, demo, "login")
    assert page.evaluate(_SCALE) == [10, 20, 200, 200, 200, 200, 10, 10]


def test_the_last_word_on_a_house_is_shown_though_no_other_follows(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    page.add_init_script(f"({_SILENT_STREAM})()")
    page.goto(f"{demo.address}#/houses")
    page.locator(".houses-table").wait_for()
    page.evaluate(_TWO_WORDS)
    expect(page.locator(".houses-table tbody .p-column")).to_have_text("2.00 kW")
