"""Takes the pictures of the page for docs/page.md: every view, on a desk and on a phone, light and dark.

Not a test. Called with the address of a running demo, a name and password to log in with, and the views to take where
not all of them are wanted:
    .venv/bin/python scripts/page/pictures.py http://127.0.0.1:PORT/ NAME PASSWORD [VIEW ...]

What a newcomer sees first is a calm feeder at work: the demo runs without failing switches (--failure-rate 0) for some
hours of its time. The alerts come from another one (--failure-rate 0.1): without any their view would show nothing.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "page"
VIEWS = ("now", "history", "houses", "decisions", "alerts", "feeder", "commissioning", "login")
DETAILS = {"decision": ("decisions", ".decision-list a"), "house": ("houses", ".houses-table tbody a")}
"""Reached from another view, by its first link."""
SIZES = {"desktop": (1440, 900, 1.0), "phone": (360, 740, 2.0)}
LARGEST_BYTES = 150_000
SETTLE_MS = 1_500


def take(page: Page, name: str) -> None:
    """One picture, in 256 colours: enough for a page with few."""
    page.locator(".top-link .badge.fine").wait_for(timeout=120_000)
    page.wait_for_timeout(SETTLE_MS)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    target = FOLDER / f"{name}.png"
    picture.save(target, optimize=True)
    if target.stat().st_size > LARGEST_BYTES:
        raise SystemExit(f"{target} has {target.stat().st_size} bytes, more than {LARGEST_BYTES}")


def log_in(page: Page, address: str, name: str, password: str) -> None:
    page.goto(f"{address}#/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_function("() => location.hash !== '#/login'")
    page.mouse.move(0, 0)  # what it rests on looks otherwise


def all_views(context: BrowserContext, address: str, kind: str, account: list[str], wanted: list[str]) -> None:
    page = context.new_page()
    page.goto(f"{address}#/login")
    if "login" in wanted:
        take(page, f"login-{kind}")
    log_in(page, address, *account)
    for view in wanted:
        if view in DETAILS:
            table, link = DETAILS[view]
            page.goto(f"{address}#/{table}")
            page.locator(link).first.click()
        elif view != "login":
            page.goto(f"{address}#/{view}")
        if view != "login":
            take(page, f"{view}-{kind}")


def main() -> None:
    address, account, wanted = sys.argv[1], sys.argv[2:4], sys.argv[4:] or [*VIEWS, *DETAILS]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for size, (width, height, scale) in SIZES.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height}, device_scale_factor=scale, color_scheme=scheme
                )
                all_views(context, address, f"{size}-{scheme}", account, wanted)
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
