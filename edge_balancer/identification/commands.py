"""`edge-balancer identify`: reads voltages, prints which phase each house is on and where the record is wrong."""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge_balancer.analysis.phases.window import Verdict
from edge_balancer.errors import EdgeBalancerError
from edge_balancer.identification.history import identify
from edge_balancer.identification.record import Record, read_csv, read_store
from edge_balancer.settings.load import load
from edge_balancer.storage.errors import StorageError
from edge_balancer.storage.timespan import Timespan

GOOD, WRONG, REFUSED = 0, 1, 2
_COLUMNS: Final = ("house", "recorded", "identified", "confidence", "hours", "remark")
_RIGHT_ALIGNED: Final = (False, False, False, True, True, False)
_RECORD_WRONG: Final = "THE RECORD IS WRONG"


def identify_command(args: argparse.Namespace) -> int:
    """0 where no record is surely wrong, 1 where one is, 2 where configuration or record cannot be used."""
    try:
        record = _read(args)
        verdicts = [*identify(record.window, record.houses)]
        if args.csv is not None:
            _write(args.csv, verdicts)
    except OSError as error:
        place = error.filename or args.csv
        return _refuse(f"{place}: {error.strerror or error}; give --csv a file that can be written")
    except (EdgeBalancerError, StorageError, ValueError) as error:
        return _refuse(str(error))
    print(_table(verdicts))
    print(f"\n{_summary(record, verdicts)}")
    return WRONG if any(verdict.wrong for verdict in verdicts) else GOOD


def _read(args: argparse.Namespace) -> Record:
    config = load(args.config, os.environ)
    span = Timespan.parse(args.start, args.end)
    if args.readings is not None:
        return read_csv(args.readings, config, span)
    return read_store(config.storage.path if args.database is None else args.database, config, span)


def _row(verdict: Verdict) -> tuple[str, ...]:
    parts = [_RECORD_WRONG] if verdict.wrong else []
    if verdict.phase is not None and verdict.phase is not verdict.recorded and not verdict.wrong:
        parts.append("the record is perhaps wrong")
    parts += [verdict.remark] if verdict.remark else []
    return (
        verdict.house,
        "unknown" if verdict.recorded is None else str(verdict.recorded),
        "unknown" if verdict.phase is None else str(verdict.phase),
        # 1.0000 would promise what no measurement can.
        f"{min(verdict.confidence, 0.9999):.4f}",
        f"{verdict.evidence_h:.1f}",
        "; ".join(parts),
    )


def _table(verdicts: Sequence[Verdict]) -> str:
    grid = [tuple(name.upper() for name in _COLUMNS), *map(_row, verdicts)]
    widths = [max(len(row[column]) for row in grid) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, _RIGHT_ALIGNED, strict=True)
        ).rstrip()
        for row in grid
    )


def _summary(record: Record, verdicts: Sequence[Verdict]) -> str:
    known = sum(verdict.phase is not None for verdict in verdicts)
    wrong = sum(verdict.wrong for verdict in verdicts)
    hours = len(record.window) * record.window.step_s / 3600.0
    beside = "without" if record.window.transformer_v is None else "with"
    text = (
        f"{known} of {len(verdicts)} houses identified from {hours:.1f} h of voltages {beside} the transformer's; "
        f"{wrong} {'record is' if wrong == 1 else 'records are'} surely wrong"
    )
    return "\n".join([text, *record.passed_over])


def _write(path: Path, verdicts: Sequence[Verdict]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(map(_row, verdicts))


def _refuse(message: str) -> int:
    print(f"edge-balancer identify: {message}", file=sys.stderr)
    return REFUSED
