"""What the tests of the page stand on: a demo in a process of its own, a real browser, and an eye on all that goes
wrong in it. Nothing here judges what a view shows."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

import edge_balancer

CHROMIUM = shutil.which("chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FILES = Path(edge_balancer.__file__).parent / "dashboard" / "page"
CHECKS = Path(edge_balancer.__file__).parents[1] / "scripts" / "page"
USER, PASSWORD = "anna", "a long enough pass phrase"
GUARD_S = 90.0
"""Nothing here takes as long; what does, hangs."""
VIEWS = ("now", "history", "houses", "houses/h01", "decisions", "alerts", "feeder", "commissioning", "login")
LIVE_VIEWS = ("now", "houses", "houses/h01", "history", "feeder", "decisions", "commissioning")
DESKTOP, PHONE = (1440, 900), (360, 740)

_NOT_OURS = "ERR_NETWORK_CHANGED"


@dataclass
class Demo:
    """A running demo: where its page is, and a name that may do everything."""

    process: subprocess.Popen[str]
    address: str

    def stop(self) -> None:
        """As Ctrl-C does; a second word is not needed unless it hangs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(GUARD_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@contextmanager
def running_demo(folder: Path, *options: str) -> Iterator[Demo]:
    """A demo with its page on a free port, its files in `folder`, and an account with every right."""
    command = [sys.executable, "-c", "from edge_balancer.cli import main; main()"]
    account = ["account", "add", USER, "--role", "admin", "--accounts", str(folder / "accounts.json")]
    subprocess.run([*command, *account], input=f"{PASSWORD}\n", text=True, check=True, capture_output=True)
    process = subprocess.Popen(
        [*command, "demo", "--plain", "--keep", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    demo = Demo(process, _address(process))
    try:
        yield demo
    finally:
        demo.stop()


def _address(process: subprocess.Popen[str]) -> str:
    """What it says at its start; afterwards its words are read and dropped, so that a full pipe never stops it."""
    assert process.stdout
    told: list[str] = []
    watchdog = threading.Timer(GUARD_S, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            told.append(line)
            if found := re.search(r"http://[\w.:]+/", line):
                threading.Thread(target=_drain, args=(process,), daemon=True).start()
                return found[0]
    finally:
        watchdog.cancel()
    raise RuntimeError(f"the demo ended before it said where its page is: {''.join(told)}")


def _drain(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    try:
        for _ in process.stdout:
            pass
    except ValueError:
        pass  # closed meanwhile


@dataclass
class Faults:
    """All that went wrong in a page: errors on the console, exceptions, requests that failed or were refused.

    Not counted: requests that a view or page gave up when it was left, and those that the browser dropped because this
    machine's network changed (another test may make interfaces); the page then tries again by itself.
    """

    seen: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.seen.append(f"exception: {error}"))
        page.on("requestfailed", lambda asked: self._failed(asked.url, str(asked.failure)))
        page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and _NOT_OURS not in message.text:
            self.seen.append(f"console: {message.text}")

    def _failed(self, url: str, why: str) -> None:
        if "ERR_ABORTED" not in why and _NOT_OURS not in why:
            self.seen.append(f"failed: {url} {why}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.seen.append(f"{response.status}: {response.url}")


def open_view(page: Page, demo: Demo, view: str) -> None:
    """A view by its address, with what it shows at first in place."""
    page.goto(f"{demo.address}#/{view}")
    settled(page, view)


def settled(page: Page, view: str) -> None:
    """Waits until the view is drawn and the stream has spoken."""
    page.locator(".top-link .badge.fine").wait_for(timeout=GUARD_S * 1000)
    page.locator(f"{content_of(view)} >> visible=true").first.wait_for(timeout=GUARD_S * 1000)


def content_of(view: str) -> str:
    """What a view consists of, once it has something to show."""
    return {
        "now": ".now .phase-row",
        "history": ".history .u-wrap",
        "houses": ".houses-table tbody tr",
        "decisions": ".decision-list > li",
        "alerts": ".alerts .card",
        "feeder": ".house-dot",
        "commissioning": ".commissioning tbody tr",
        "login": ".login",
    }.get(view, ".house .u-wrap" if view.startswith("houses/") else ".decision-detail .card")


def go(page: Page, view: str) -> None:
    """To another view within the page, as a click on a link goes."""
    page.evaluate("view => { location.hash = `#/${view}`; }", view)
    settled(page, view)


def drawn_view(page: Page, view: str) -> None:
    """Waits until nothing of a view is still on its way: what comes late has come."""
    settled(page, view)
    if view == "alerts":
        page.locator(".silences").wait_for()


def log_in(page: Page, demo: Demo) -> None:
    open_view(page, demo, "login")
    page.get_by_label("Name").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name=USER).wait_for()


def new_page(context: BrowserContext) -> tuple[Page, Faults]:
    page, faults = context.new_page(), Faults()
    page.set_default_timeout(GUARD_S * 1000)
    faults.watch(page)
    return page, faults
