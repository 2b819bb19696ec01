"""`edge-balancer backup` and `edge-balancer restore`. No argument parsing here."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from edge_balancer.backup.errors import BackupError
from edge_balancer.backup.make import Night, clear_leftovers, make, make_in_folder
from edge_balancer.backup.places import places
from edge_balancer.backup.records import folder_of
from edge_balancer.backup.restore import Plan, carry_out, planned

OK, FAILED = 0, 1


def backup_command(args: argparse.Namespace) -> int:
    """Gives 0 where the archive is written, 1 where it is not, or where it is and what is old could not be removed."""
    now = datetime.now(UTC)
    try:
        if args.keep is not None and (args.folder is None or args.keep < 1):
            raise BackupError(f"backup: --keep {args.keep}: goes with --folder, and keeps at least 1")
        if args.folder is None:
            night = Night(args.out, make(args.config, os.environ, args.out, args.keys, now))
        else:
            clear_leftovers(args.folder, now)
            night = make_in_folder(args.config, os.environ, args.folder, args.keys, now, args.keep)
    except BackupError as error:
        print(error, file=sys.stderr)
        return FAILED
    _tell_night(night, args.keys)
    return FAILED if night.old.trouble else OK


def _tell_night(night: Night, keys: Path | None) -> None:
    out, manifest = night.out, night.manifest
    head = manifest.head or "nothing yet"
    print(f"{out}: {len(manifest.entries)} files of feeder {manifest.feeder}, audit trail to {head}")
    if manifest.parts:
        kept = folder_of(out.parent, manifest.feeder)
        print(f"{kept}: the records that belong to it; copy the whole folder elsewhere")
    if keys is not None:
        print(f"{keys}: keys and secrets. Keep it apart: with it, somebody can be this controller.")
    elif manifest.secrets:
        print(f"Not in it, being secrets: {', '.join(manifest.secrets)}. `--keys FILE` writes them apart.")
    for file in night.old.removed:
        print(f"{file}: removed")
    for unread in night.old.unread:
        print(
            f"backup: {unread}: cannot be read, so no old records were removed: move it elsewhere, or delete it",
            file=sys.stderr,
        )
    if night.old.trouble:
        print(f"{night.old.trouble}; {out} is written", file=sys.stderr)


def restore_command(args: argparse.Namespace) -> int:
    """Gives 0 where it was done (or, with `--check`, could be), 1 where not."""
    where = places(args.config, os.environ)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        with planned(
            args.archive,
            args.keys,
            where,
            elsewhere=args.elsewhere,
            partial=args.partial,
            with_records=not args.without_records,
        ) as plan:
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
    if plan.store is None and plan.guarded is not None:
        print(f"The store {plan.guarded} is as it was: records were not asked for.")
    if plan.closed is not None:
        print(
            f"{plan.closed}: for its owner and group alone, since secrets stand in it: `ls -l` shows whether the "
            "service's user is one of them."
        )
    if plan.missing_secrets:
        print(f"Still missing, being secrets: {', '.join(plan.missing_secrets)}. Give --keys, or write them yourself.")
    if done and plan.store is not None:
        print("Lock-outs since then are not on record any more: look at the switches before the mode is set to auto.")
