"""`edge-balancer backup` and `edge-balancer restore`. No argument parsing here."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from edge_balancer.backup import make
from edge_balancer.backup.errors import BackupError
from edge_balancer.backup.places import places
from edge_balancer.backup.records import folder_of
from edge_balancer.backup.restore import Plan, carry_out, planned
from edge_balancer.settings.load import load

OK, FAILED = 0, 1


def backup_command(args: argparse.Namespace) -> int:
    """Gives 0 where the archive is written, 1 where it is not."""
    now = datetime.now(UTC)
    try:
        if args.keep is not None and (args.folder is None or args.keep < 1):
            raise BackupError(f"backup: --keep {args.keep}: goes with --folder, and keeps at least 1")
        feeder = load(args.config, os.environ).feeder.id
        out: Path
        if args.folder is None:
            out = args.out
            manifest = make.make(args.config, os.environ, out, args.keys, now)
        else:
            make.clear_leftovers(args.folder, now)
            out, manifest = make.make_in_folder(args.config, os.environ, args.folder, args.keys, now)
        gone = [] if args.keep is None else make.thin(args.folder, feeder, args.keep)
    except BackupError as error:
        print(error, file=sys.stderr)
        return FAILED
    print(f"{out}: {len(manifest.entries)} files of feeder {feeder}, audit trail to {manifest.head or 'nothing yet'}")
    if manifest.parts:
        print(f"{folder_of(args.folder, feeder)}: the records that belong to it; copy the whole folder elsewhere")
    if args.keys is not None:
        print(f"{args.keys}: keys and secrets. Keep it apart: with it, somebody can be this controller.")
    elif manifest.secrets:
        print(f"Not in it, being secrets: {', '.join(manifest.secrets)}. `--keys FILE` writes them apart.")
    for file in gone:
        print(f"{file}: removed")
    return OK


def restore_command(args: argparse.Namespace) -> int:
    """Gives 0 where it was done (or, with `--check`, could be), 1 where not."""
    where = places(args.config, os.environ)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        with planned(args.archive, args.keys, where, elsewhere=args.elsewhere, partial=args.partial) as plan:
            if not args.check:
                carry_out(plan, stamp)
            _tell(plan, done=not args.check)
    except BackupError as error:
        print(error, file=sys.stderr)
        return FAILED
    return OK


def _tell(plan: Plan, *, done: bool) -> None:
    site = plan.site
    print(
        f"Feeder {site.feeder}, {site.created}, made by version {site.program}, "
        f"audit trail to {site.head or 'nothing'}."
    )
    for step in plan.steps:
        print(f"  {'restored' if done else 'would restore'} {step.target}")
    for aside in plan.aside:
        print(f"  what stood there is {aside}")
    for name in plan.left_out:
        print(f"  left out, being missing or damaged: {name}")
    if plan.missing_secrets:
        print(f"Still missing, being secrets: {', '.join(plan.missing_secrets)}. Give --keys, or write them yourself.")
    if done:
        print("Lock-outs since then are not on record any more: look at the switches before the mode is set to auto.")
