"""A real Chromium that shows the page: when does a reading stand in the document? For the bench `page`.

The page's table of houses is watched with a MutationObserver, whose calls come in the task that wrote the cells; the
browser's wall clock is this machine's, as the publisher's is. Runs in a process of its own, so that what it measures
does not wait for the bench's other work.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession

VIEW: Final = "houses"
_SETTLE_S: Final = 60.0
_EVERY_MS: Final = 200

_WATCH: Final = """() => {
    window.__seen = [];
    const column = [...document.querySelectorAll("thead th")].findIndex(head => head.classList.contains("p-column"));
    const watch = new MutationObserver(changes => {
        const at = Date.now() / 1000;
        const rows = new Set();
        for (const change of changes) {
            const cell = change.target.parentElement?.closest("td");
            if (cell?.cellIndex === column) rows.add(cell.parentElement);
        }
        for (const row of rows) {
            window.__seen.push([row.cells[0].textContent, row.cells[column].textContent, at]);
        }
    });
    watch.observe(document.querySelector(".houses-table tbody"), { characterData: true, subtree: true });
}"""
_TAKE: Final = "() => window.__seen.splice(0)"


class Browser:
    """One page, open from `with` to its end. What it has seen is told by `seen`, once it has left."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.busy_pct = 0.0
        """Of its main thread, while it watched."""
        self.seen: list[tuple[str, str, float]] = []
        """House, the text of its net load, and when it stood there (Unix s), in the order in which it was seen."""

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "scripts.bench.page_browser", str(self._port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._child.stdout is None or self._child.stdout.readline() != "ready\n":
            raise SystemExit("the browser does not show the page; is Chromium installed (sudo apt install chromium)?")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        said, _ = self._child.communicate("end\n", timeout=_SETTLE_S)
        if error is None:
            found = json.loads(said)
            self.busy_pct = found["busy_pct"]
            self.seen = [(house, text, at) for house, text, at in found["seen"]]


def main() -> None:
    """The child: say `ready`, watch until a line comes, then print all that was seen."""
    stop = threading.Event()

    def wait() -> None:
        sys.stdin.readline()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"http://127.0.0.1:{sys.argv[1]}/#/{VIEW}")
        page.locator(".houses-table tbody tr").first.wait_for(timeout=_SETTLE_S * 1000)
        page.evaluate(_WATCH)
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        print("ready", flush=True)
        began, before = time.perf_counter(), _busy_s(devtools)
        seen: list[object] = []
        while not stop.is_set():
            page.wait_for_timeout(_EVERY_MS)
            seen += page.evaluate(_TAKE)
        busy_pct = 100.0 * (_busy_s(devtools) - before) / (time.perf_counter() - began)
        browser.close()
    print(json.dumps({"seen": seen, "busy_pct": busy_pct}), flush=True)


def _busy_s(devtools: CDPSession) -> float:
    """What its main thread has worked so far, s."""
    metrics = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


if __name__ == "__main__":
    main()
