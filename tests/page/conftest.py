"""One demo and one browser for all tests of the page; each test has a fresh browser profile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright import sync_api

from tests.page.page_rig import CHROMIUM, CHROMIUM_ARGUMENTS, DESKTOP, GUARD_S, Demo, Faults, new_page, running_demo

# A machine with other things to do takes its time; only what hangs shall fail.
sync_api.expect.set_options(timeout=GUARD_S * 1000)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A feeder in the middle of a sunny day whose switches never fail."""
    folder: Path = tmp_path_factory.mktemp("page-demo")
    with running_demo(folder, "--houses", "16", "--speed", "30", "--meter-period", "30", "--failure-rate", "0") as made:
        yield made


# Of a module, not of the session: while Playwright's synchronous interface is open its event loop counts as running in
# this thread, and every asyncio test that comes in between would fail.
@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (sudo apt install chromium)")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield made
        made.close()


@pytest.fixture
def context(browser: sync_api.Browser) -> Iterator[sync_api.BrowserContext]:
    made = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    yield made
    made.close()


@pytest.fixture
def watched(context: sync_api.BrowserContext) -> tuple[sync_api.Page, Faults]:
    """A page, and what went wrong in it."""
    return new_page(context)
