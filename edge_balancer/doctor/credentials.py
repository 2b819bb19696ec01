"""The secrets that systemd would hand to the service, so that the doctor looks with the controller's eyes.

They are read where they lie: a folder of links under the names that the settings know, gone when the doctor is done.
Those that are encrypted (`/etc/credstore.encrypted`) only systemd can read.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_STORES: Final = ("etc/credstore", "run/credstore", "usr/lib/credstore")
"""Where systemd looks, the first counts."""
_PREFIX: Final = "edge-balancer."
_VARIABLE: Final = "CREDENTIALS_DIRECTORY"


@contextmanager
def service_credentials(environ: Mapping[str, str], root: Path = Path("/")) -> Iterator[Path | None]:
    """A folder as `$CREDENTIALS_DIRECTORY` would be; None where that is set, or there is nothing to read."""
    found = {} if environ.get(_VARIABLE) else _stored(root)
    if not found:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="edge-balancer-doctor-") as folder:
        for name, place in found.items():
            (Path(folder) / name).symlink_to(place)
        yield Path(folder)


def _stored(root: Path) -> dict[str, Path]:
    """Name without the service's prefix -> file."""
    found: dict[str, Path] = {}
    for store in _STORES:
        try:
            files = sorted((root / store).glob(f"{_PREFIX}*"))
        except OSError:
            continue
        for file in files:
            if file.is_file() and os.access(file, os.R_OK):
                found.setdefault(file.name.removeprefix(_PREFIX), file.absolute())
    return found
