"""What a daemon loads, in memory that a small Pi has to spare: the page's libraries only where the page is served."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import edge_balancer

_LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def loaded(what: str) -> set[str]:
    """Packages in a fresh interpreter after an import."""
    root = str(Path(edge_balancer.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import {what}; {_LOADED}"],
        env={**os.environ, "PYTHONPATH": root},
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("what", "needs", "spares"),
    [
        pytest.param(
            "edge_balancer.run",
            {"structlog", "numpy", "paho"},
            {"starlette", "uvicorn", "argon2", "prometheus_client", "rich", "pygments", "onnxruntime", "twilio"},
            id="without the page",
        ),
        pytest.param(
            "edge_balancer.dashboard.serving",
            {"starlette", "uvicorn"},
            {"prometheus_client", "rich", "pygments", "onnxruntime"},
            id="with the page",
        ),
    ],
)
def test_a_daemon_loads_what_it_needs_and_no_more(what: str, needs: set[str], spares: set[str]) -> None:
    found = loaded(what)
    assert needs <= found
    assert not spares & found


def test_rich_can_be_used_by_the_demo_after_the_log_was_loaded() -> None:
    assert "rich" in loaded("edge_balancer.logs, rich.console")
