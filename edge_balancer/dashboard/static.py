"""The page's own files: the right type, an ETag, asked for anew each time and answered with 304 where nothing changed.

Nothing outside of the page's folder is ever read, and nothing in it that has no type here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from edge_balancer.dashboard.api.dispatch import matches
from edge_balancer.dashboard.api.problems import not_found

PAGE: Final = Path(__file__).parent / "page"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_CACHE: Final = "no-cache"
"""May be kept, must be asked about: after an update no browser shows the page of yesterday."""


class StaticFiles:
    """The files below one folder."""

    def __init__(self, folder: Path = PAGE) -> None:
        self._folder = folder.resolve()
        self._tags: dict[Path, tuple[int, int, str]] = {}

    async def index(self, request: Request) -> Response:
        """The page itself."""
        return self._serve(request, "index.html")

    async def file(self, request: Request) -> Response:
        """One of its files."""
        return self._serve(request, str(request.path_params["path"]))

    def _serve(self, request: Request, name: str) -> Response:
        try:
            file = (self._folder / name).resolve()
            kind = _TYPES.get(file.suffix) if file.is_relative_to(self._folder) else None
            if kind is None or not file.is_file():
                return not_found(f"the page has no file {name!r}").response()
            tag = self._tag(file)
            headers = {"ETag": tag, "Cache-Control": _CACHE}
            if matches(request.headers.get("if-none-match", ""), tag):
                return Response(status_code=304, headers=headers)
            return Response(file.read_bytes(), headers=headers, media_type=kind)
        except (OSError, ValueError):
            # A name that no file system bears, or a file taken away meanwhile.
            return not_found("the page has no such file").response()

    def _tag(self, file: Path) -> str:
        status = file.stat()
        known = self._tags.get(file)
        if known is None or known[:2] != (status.st_mtime_ns, status.st_size):
            digest = hashlib.blake2b(file.read_bytes(), digest_size=12).hexdigest()
            known = (status.st_mtime_ns, status.st_size, f'"{digest}"')
            self._tags[file] = known
        return known[2]
