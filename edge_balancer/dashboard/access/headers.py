"""The headers that every answer carries, and that tell browsers what this page may do: almost nothing."""

from __future__ import annotations

from typing import Final

Headers = list[tuple[bytes, bytes]]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No inline script, no inline style, nothing from elsewhere, no frame around us."""
_PERMISSIONS: Final = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer",
        "microphone", "midi", "payment", "publickey-credentials-get", "serial", "usb", "xr-spatial-tracking",
    )
)  # fmt: skip
_ALWAYS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", _PERMISSIONS.encode()),
)
_TLS: Final = (b"strict-transport-security", b"max-age=31536000")
"""A year. Browsers heed it only where the certificate is one they trust."""
_OURS: Final = frozenset(name for name, _ in (*_ALWAYS, _TLS))


def secured(headers: Headers, *, tls: bool) -> Headers:
    """An answer's headers with ours. Those of the same name give way; what says nothing about
    caches is kept in none."""
    kept = [(name, value) for name, value in headers if name.lower() not in _OURS]
    kept += _ALWAYS
    if tls:
        kept.append(_TLS)
    if not any(name.lower() == b"cache-control" for name, _ in kept):
        kept.append((b"cache-control", b"no-store"))
    return kept
