"""Makes the README's picture of the demo: a real run, and its last view as SVG. Not the demo itself.

    .venv/bin/python scripts/demo_picture.py [--minutes 480] [--out docs/images/demo.svg]

The run takes as long as the demo would (480 simulated minutes at 300 times real time: about 100 s).
"""

from __future__ import annotations

import argparse
import asyncio
import io
import re
from pathlib import Path
from typing import Final

from rich.console import Console

from edge_balancer import logs
from edge_balancer.clock import Clock
from edge_balancer.daemon import Daemon
from edge_balancer.demo.live import LiveView
from edge_balancer.demo.options import DemoOptions
from edge_balancer.demo.session import Controller, View, run_demo
from edge_balancer.demo.watch import Watch
from edge_balancer.settings.policy import LogSettings
from edge_balancer.settings.root import Configuration
from edge_balancer.twin.options import TwinOptions

ROOT: Final = Path(__file__).resolve().parents[1]
WIDTH: Final = 118
# A web font would make the reader's browser call a third party; the generic family shows the same picture.
_FONT_FACES: Final = re.compile(r"\s*@font-face\s*\{[^}]*\}")


class Picture:
    """A view that draws once, at the end."""

    def __init__(self, watch: Watch, utc_offset_h: float, title: str, out: Path) -> None:
        self._console = Console(
            record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
        )
        self._live = LiveView(watch, utc_offset_h, title, self._console)
        self._out = out

    def open(self) -> None:
        """Nothing to prepare."""

    def refresh(self) -> None:
        """Only the last view counts."""

    def close(self) -> None:
        self._console.print(self._live.render())
        svg = self._console.export_svg(title="./scripts/demo", unique_id="demo")
        self._out.parent.mkdir(parents=True, exist_ok=True)
        self._out.write_text(_FONT_FACES.sub("", svg).replace("Fira Code, monospace", "monospace"), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the README's picture of the demo.")
    parser.add_argument("--minutes", type=float, default=480.0, help="simulated minutes (default: %(default)g)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "demo.svg")
    args = parser.parse_args()
    logs.configure(LogSettings(level="error"))

    def view(watch: Watch, twin: TwinOptions, title: str) -> View:
        return Picture(watch, twin.utc_offset_h, title, args.out)

    def controller(configuration: Configuration, clock: Clock, database: Path) -> Controller:
        return Daemon(configuration, clock, database)

    print(asyncio.run(run_demo(DemoOptions(minutes=args.minutes), view, controller)).text())
    print(f"{args.out}: {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
