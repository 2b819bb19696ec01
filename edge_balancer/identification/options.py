"""The arguments of `edge-balancer identify`. Light: nothing of what identifies is loaded here."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_identify_arguments(parser: argparse.ArgumentParser) -> None:
    """All but `--config`."""
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--database", type=Path, metavar="FILE", help="another store than the configuration's")
    source.add_argument(
        "--readings", type=Path, metavar="FILE", help="CSV or CSV.GZ with the header t,house,p,q,v instead of a store"
    )
    add("--from", dest="start", metavar="TIME", help="ISO 8601 (UTC if no offset) or Unix seconds")
    add("--to", dest="end", metavar="TIME", help="as --from; not included")
    add("--csv", type=Path, metavar="FILE", help="write the table there too")
