"""The page's files: small, self-contained, and the parts of others unchanged."""

from __future__ import annotations

import hashlib
import re

from tests.page.page_rig import CHECKS, FILES

_SERVED = {".html", ".js", ".css", ".svg"}


def _served() -> list[str]:
    return [str(path.relative_to(FILES)) for path in sorted(FILES.rglob("*")) if path.suffix in _SERVED]


def test_all_of_it_is_at_most_300_kilobytes() -> None:
    sizes = {name: (FILES / name).stat().st_size for name in _served()}
    assert "index.html" in sizes
    assert sum(sizes.values()) <= 300_000, sizes


def test_vendored_files_are_what_their_note_says() -> None:
    folder = FILES / "vendor" / "uPlot"
    note = (folder / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"\| `([\w.]+)` \| `([0-9a-f]{64})` \|", note))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "README.md"
    }
    assert found == told


def test_nothing_is_fetched_from_elsewhere_and_nothing_stands_inline() -> None:
    page = (FILES / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"<style|\bstyle=|\bon\w+=", page)
    for name in _served():
        if name.startswith("vendor/"):
            continue
        text = (FILES / name).read_text(encoding="utf-8")
        for address in re.findall(r"""(?:https?:)?//[\w.-]+\.\w+[^\s"'`]*""", text):
            assert address.startswith("http://www.w3.org/"), f"{name}: {address}"


def test_every_file_that_is_named_exists_and_every_module_is_used() -> None:
    named = set()
    for name in _served():
        text = (FILES / name).read_text(encoding="utf-8")
        if name.endswith(".js") and not name.startswith("vendor/"):
            for found in re.findall(r"""(?:from |import\()"(\.[^"]+)\"""", text):
                named.add((FILES / name).parent.joinpath(found).resolve())
            for found in re.findall(r"""new URL\("(\.[^"]+)", import\.meta""", text):
                named.add((FILES / name).parent.joinpath(found).resolve())
        elif name == "index.html":
            named.update(FILES.joinpath(found).resolve() for found in re.findall(r'"static/([^"]+)"', text))
    present = {FILES / name for name in _served()} - {FILES / "index.html"}
    assert {path.relative_to(FILES) for path in named} == {path.relative_to(FILES) for path in present}


def test_the_lock_file_names_no_registry() -> None:
    text = (CHECKS / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert '"integrity"' in text
