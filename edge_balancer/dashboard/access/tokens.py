"""Bearer tokens: `ebt_<id>_<secret>`. The id finds the token, the secret proves it; only the secret's hash is kept.

The prefix lets programs that look for leaked secrets find them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

import msgspec

PREFIX: Final = "ebt_"
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_FORM: Final = re.compile(rb"ebt_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Bearer(msgspec.Struct, frozen=True):
    """A token as it was shown, in its two parts."""

    id: str
    secret: str

    @property
    def text(self) -> str:
        return f"{PREFIX}{self.id}_{self.secret}"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def proves(self, sha256: str) -> bool:
        return hmac.compare_digest(self.sha256.encode(), sha256.encode())

    def __repr__(self) -> str:
        """Without the secret: it may stand in a traceback."""
        return f"Bearer({self.id!r}, ...)"


def draw() -> Bearer:
    """A new one of 256 random bits."""
    return Bearer(secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES))


def parse(text: bytes) -> Bearer | None:
    """None for what is no token of ours."""
    found = _FORM.fullmatch(text)
    return None if found is None else Bearer(found[1].decode(), found[2].decode())


def of_authorization(header: bytes) -> bytes | None:
    """What follows `Bearer` in an Authorization header; None for other schemes, which a proxy before us may use."""
    scheme, _, rest = header.strip(b" \t").partition(b" ")
    return rest.strip(b" \t") if scheme.lower() == b"bearer" else None
