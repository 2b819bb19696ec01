"""Takes the pictures of the page for docs/page.md: every view, on a desk and on a phone, light and dark.

Not a test. Called with the address of a running demo, and a name and password where it should be logged in:
    .venv/bin/python scripts/page/pictures.py http://127.0.0.1:PORT/ [NAME PASSWORD]
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


def all_views(context: BrowserContext, address: str, kind: str, account: list[str]) -> None:
    page = context.new_page()
    page.goto(f"{address}#/login")
    take(page, f"login-{kind}")
    if account:
        log_in(page, address, *account)
    for view in VIEWS[:-1]:
        page.goto(f"{address}#/{view}")
        take(page, f"{view}-{kind}")
    page.goto(f"{address}#/decisions")
    page.locator(".decision-list a").first.click()
    take(page, f"decision-{kind}")
    page.goto(f"{address}#/houses")
    page.locator(".houses-table tbody a").first.click()
    take(page, f"house-{kind}")


def main() -> None:
    address, account = sys.argv[1], sys.argv[2:4]
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
                all_views(context, address, f"{size}-{scheme}", account)
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
