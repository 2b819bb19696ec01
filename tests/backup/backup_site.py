"""A site on disk: configuration, table, certificates, store, models, accounts. Not a test itself."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import firmware_bridge
from edge_balancer import cli
from edge_balancer.dashboard.access import manage
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.store import Store
from edge_balancer.types.events import Event, EventKind

SHIPPED: Final = Path(firmware_bridge.__file__).parent
PEM: Final = "-----BEGIN {0}-----\nAAAA\n-----END {0}-----\n"
PASSWORD: Final = 'pa"ss\\word'


@dataclass(frozen=True)
class Site:
    """Two folders, as systemd makes them."""

    etc: Path
    var: Path

    @property
    def config(self) -> Path:
        return self.etc / "edge-balancer.toml"

    @property
    def store(self) -> Path:
        return self.var / "edge-balancer.db"

    @property
    def accounts(self) -> Path:
        return self.var / "accounts.json"

    def call(self, *args: str | Path) -> int:
        return cli.main([*map(str, args), "--config", str(self.config)])

    def files(self) -> dict[str, bytes]:
        """All that is there, by its name, but what SQLite and locks keep beside."""
        return {
            f"{folder.name}/{file.relative_to(folder)}": file.read_bytes()
            for folder in (self.etc, self.var)
            for file in sorted(folder.rglob("*"))
            if file.is_file() and not file.name.endswith((".lock", "-wal", "-shm"))
        }


def empty(folder: Path) -> Site:
    site = Site(folder / "etc", folder / "var")
    site.etc.mkdir(parents=True)
    site.var.mkdir()
    return site


def furnished(folder: Path, rows: int = 5) -> Site:
    site = empty(folder)
    site.config.write_text(
        f"""# The feeder of a test.
houses_file = "houses.csv"
[feeder]
id = "f1"
transformer_kva = 250
[mqtt]
tls = true
user = "controller"
password = {json.dumps(PASSWORD)}
ca_file = "tls/ca.pem"
[dashboard]
tls_certificate = "page.crt"
tls_key = "page.key"
[bridge]
templates = "templates"
"""
    )
    (site.etc / "houses.csv").write_text("id,phase\nh01,L1\nh02,L2\n")
    (site.etc / "templates" / "meters").mkdir(parents=True)
    own = site.etc / "templates" / "meters"
    (own / "ours.toml").write_bytes((SHIPPED / "meters" / "templates" / "orno_we504.toml").read_bytes())
    (own / ".draft.toml.swp").write_text("not yet")
    (site.etc / "tls").mkdir()
    for name, kind in (("tls/ca.pem", "CERTIFICATE"), ("page.crt", "CERTIFICATE"), ("page.key", "PRIVATE KEY")):
        (site.etc / name).write_text(PEM.format(kind))
    site.config.chmod(0o640)
    (site.etc / "page.key").chmod(0o600)
    append(site, rows)
    (site.var / "models" / "m1").mkdir(parents=True)
    (site.var / "models" / "m1" / "model.onnx").write_bytes(b"\0onnx" * 1000)
    (site.var / "models" / "active.json").write_text('{"active": null}')
    manage.add_account(site.accounts, "anna", "admin", "$argon2id$...", 1.0)
    return site


def append(site: Site, rows: int) -> None:
    store = Store.open(site.store, StorageSettings())
    store.append(events(rows))
    store.close()


def events(rows: int) -> Sequence[Event]:
    return [
        Event(EventKind.STARTED, float(n), 1_780_000_000.0 + n, synced=True, body={"session": uuid.uuid4().hex})
        for n in range(rows)
    ]
