"""The arguments of `edge-balancer identify`, and of every command that reads recorded history. Light: nothing of what
identifies is loaded here.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Which recorded history is read: another store, or a file, and from when to when."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--database", type=Path, metavar="FILE", help="another store than the configuration's")
    source.add_argument(
        "--readings", type=Path, metavar="FILE", help="CSV or CSV.GZ with the header t,house,p,q,v instead of a store"
    )
    parser.add_argument("--from", dest="start", metavar="TIME", help="ISO 8601 (UTC if no offset) or Unix seconds")
    parser.add_argument("--to", dest="end", metavar="TIME", help="as --from; not included")


def add_identify_arguments(parser: argparse.ArgumentParser) -> None:
    """All but `--config`."""
    add_record_arguments(parser)
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table there too")
