"""The arguments of `edge-balancer backup` and `restore`. Nothing is done here, and nothing heavy is imported."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_backup_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="write an archive there, named by feeder and time, and of the records what is new",
    )
    where.add_argument("--out", type=Path, metavar="FILE", help="write this archive (.tar.gz), whole in itself")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="write keys and secrets there too; keep it elsewhere")
    parser.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="with --folder: then remove all but the newest N of this feeder's archives",
    )


def add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("archive", type=Path, help="what `backup` has written")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="the archive of keys and secrets that belongs to it")
    parser.add_argument(
        "--check", action="store_true", help="check everything, say what would be replaced, change nothing"
    )
    parser.add_argument("--elsewhere", action="store_true", help="restore files outside of the two folders, too")
    records = parser.add_mutually_exclusive_group()
    records.add_argument("--partial", action="store_true", help="leave out telemetry that is missing or damaged")
    records.add_argument(
        "--without-records",
        action="store_true",
        help="restore settings, models, accounts and keys alone; the store is left as it is",
    )
