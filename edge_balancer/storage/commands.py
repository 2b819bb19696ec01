"""The store's commands for the command line: they read a database, print, and give the exit code. No argument parsing
here.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edge_balancer.storage.database import open_reader
from edge_balancer.storage.errors import StorageError
from edge_balancer.storage.export import EXPORTS, ExportName
from edge_balancer.storage.history import history_text, past_commands
from edge_balancer.storage.sinks import STDOUT, ExportFormat, MissingExtraError, output, write_table
from edge_balancer.storage.timespan import Timespan
from edge_balancer.storage.verify import VerifyReport, verify

OK = 0
TAMPERED = 1
CANNOT = 2


def export_command(
    database: Path, what: ExportName, format_: ExportFormat, *, start: str | None, end: str | None, out: str
) -> int:
    """Write a table to the file `out`, or to standard output for `-`. `start` and `end` as in `timespan.parse_time`.

    Gives 0 when all was written, 2 when not (then the file `out` is as it was before).
    """
    export = EXPORTS[what]
    try:
        span = Timespan.parse(start, end)
        with open_reader(database) as connection, output(out) as stream:
            count = write_table(export.columns, export.rows(connection, span), format_, stream)
    except BrokenPipeError:
        _silence_stdout()
        return OK
    except (StorageError, MissingExtraError, ValueError) as error:
        return _refuse(f"export: {error}")
    except OSError as error:
        return _refuse(f"export: cannot write {out}: {error.strerror or error}; check its folder and the free space")
    if out != STDOUT:
        print(f"{count} rows written to {out}", file=sys.stderr)
    return OK


def verify_command(database: Path, expected_head: str | None) -> int:
    """Check the audit trail and print what is wrong with it, row by row. Gives 0 intact, 1 tampered with, 2 cannot
    read.
    """
    try:
        report = verify(database, expected_head)
    except (StorageError, ValueError) as error:
        return _refuse(f"audit verify: {error}")
    print(verify_text(report))
    return OK if report.intact else TAMPERED


def verify_text(report: VerifyReport) -> str:
    """The report as it is printed."""
    lines = [f"{report.path}: {report.rows} rows, head {report.head}"]
    if report.intact:
        lines.append(
            "The audit trail is intact. Note the head elsewhere to be able to show later that nothing was rewritten."
        )
    else:
        lines.append("THE AUDIT TRAIL HAS BEEN TAMPERED WITH OR IS DAMAGED:")
        lines += [f"  {finding.fault}: {finding.text}" for finding in report.findings]
        if report.more_findings:
            lines.append(f"  and {report.more_findings} findings more")
    return "\n".join(lines)


def history_command(database: Path, limit: int, house: str | None) -> int:
    """Print the last moves, oldest first, with their outcomes and reasons. Gives 0, or 2 when the database cannot be
    read.
    """
    try:
        with open_reader(database) as connection:
            text = history_text(past_commands(connection, limit, house))
    except (StorageError, ValueError) as error:
        return _refuse(f"history: {error}")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _silence_stdout()
    return OK


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return CANNOT


def _silence_stdout() -> None:
    """The reader has gone (`| head`). The interpreter would complain at exit when it flushes what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
