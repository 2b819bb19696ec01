"""The page and the API: where they are served, and who may come in. Accounts themselves are in a file of their own."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import Field

from firmware_bridge.settings.base import Finding, Section

_LOOPBACK_NAMES: Final = frozenset({"localhost", "ip6-localhost"})


class DashboardSettings(Section):
    """The page, its API and `/metrics`. On loopback reading is free; on any other address, and for every order, a login
    or a token is needed."""

    enabled: bool = True
    """Whether page and API are served."""
    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on: `127.0.0.1` or `::1` for this machine alone, `0.0.0.0` or `::` for every network."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 takes a free one, which the log names."""
    names: tuple[str, ...] = ()
    """Further names and addresses by which browsers may call this machine, as in their address line. Known anyway: the
    loopback's, the machine's own name, and `host`."""
    tls_certificate: Path | None = None
    """Certificate chain (PEM); with it and `tls_key` the page is served over HTTPS. A relative path counts from the
    configuration's folder, here and below."""
    tls_key: Path | None = None
    """Key of the certificate (PEM)."""
    accounts: Path = Path("accounts.json")
    """Accounts and tokens, written by `edge-balancer account` and `token`. A relative path counts from
    `$STATE_DIRECTORY` (systemd), else from the configuration's folder."""
    clients: int = Field(default=16, ge=1, le=200)
    """Most pages that are kept up to date at one time."""
    free_reading: bool = True
    """Whether whoever is on this machine may read without a login, where `host` is a loopback's. Set it to false where
    a proxy on this machine passes on what others ask."""

    def contradictions(self) -> Iterator[Finding]:
        for name, other in (("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")):
            file = getattr(self, name)
            if file is not None and getattr(self, other) is None:
                yield Finding(
                    (name,),
                    file,
                    f"stands without {other}: a certificate and its key go together",
                    f"give {other} too, or remove {name}",
                    involves=((other,),),
                )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host in _LOOPBACK_NAMES:
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def tls(self) -> bool:
        return self.tls_certificate is not None and self.tls_key is not None
