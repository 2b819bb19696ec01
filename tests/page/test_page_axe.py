"""axe-core finds nothing on any view and in any question: dark and light, on a phone and on a desk."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page

from tests.page.page_rig import CHECKS, DESKTOP, PHONE, Demo, Faults
from tests.page.page_states import every_state

Watched = tuple[Page, Faults]

AXE = CHECKS / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => {
    const found = await axe.run(document, { resultTypes: ["violations"] });
    const where = one => one.nodes.map(node => node.html.slice(0, 160));
    return found.violations.map(one => ({ rule: one.id, help: one.help, nodes: where(one) }));
}"""


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (scripts/page/lint --setup)")
@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param(DESKTOP, "light", id="desktop-light"),
        pytest.param(PHONE, "dark", id="phone-dark"),
        pytest.param(DESKTOP, "dark", id="desktop-dark", marks=pytest.mark.slow),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing(watched: Watched, demo: Demo, size: tuple[int, int], scheme: str) -> None:
    page, _ = watched
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for number, state in enumerate(every_state(page, demo)):
        if number == 0:
            # Through the tools' protocol: the page's own policy lets no foreign script in.
            page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate(_RUN)
        assert not found, f"{state}: {json.dumps(found, indent=1)}"
    # And it would have found something.
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert [one["rule"] for one in page.evaluate(_RUN)] == ["button-name"]
