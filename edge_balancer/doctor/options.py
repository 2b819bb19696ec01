"""The arguments of `edge-balancer doctor`. Nothing is done here, and nothing heavy is imported."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--listen",
        type=float,
        default=20.0,
        metavar="S",
        help="how long meters are listened for (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="write an archive to be sent (.zip), redacted")
