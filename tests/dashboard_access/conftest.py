"""A server that the network reaches, and a certificate for the tests of TLS."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard_access.access_rig import HandClock, Rig, rig


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key, self-signed."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "page.crt", folder / "page.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(key), "-out", str(certificate),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def net(tmp_path: Path, clock: HandClock) -> Iterator[Rig]:
    """A server that the network reaches, with two accounts."""
    with rig(tmp_path, clock, host="0.0.0.0") as running:  # noqa: S104 - what is tested; it listens on loopback alone
        running.account("anna", "operator")
        running.account("wall", "viewer")
        yield running
