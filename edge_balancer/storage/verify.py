"""Checks that an audit trail is whole: every row as it was written, none missing, none moved, none added, none cut off
its end.

What it finds: a row altered in any field, deleted (in the middle or at the end), inserted, exchanged with another or
rewritten with a fresh hash; a head that does not match; triggers that no longer guard the table. Each finding names the
row.

What it cannot find by itself: a trail that was rewritten from some row to the end with all hashes and the head computed
anew. No chain without a secret can. The remedy is a head noted elsewhere (the daemon logs it at start and stop, `audit
verify` prints it): handed in as `expected_head`, it must still be in the chain, and a trail rewritten before that row
no longer has it. Nor can it see events that were never handed to the store.
"""

from __future__ import annotations

import enum
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_balancer.storage.chain import GENESIS_HASH, Head, TrailRow, digest
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.trail import read_rows

MAX_FINDINGS: Final = 1000
"""Findings that are kept one by one; the rest are counted."""

_EXPECTED: Final = re.compile(r"^(?:(\d+):)?([0-9a-f]{64})$")
_TRIGGERS: Final = frozenset(
    {
        "trail_is_not_updated",
        "trail_is_not_deleted",
        "trail_is_chained",
        "trail_head_follows",
        "trail_head_is_not_moved",
        "trail_head_is_single",
        "trail_head_is_not_deleted",
    }
)


class Fault(enum.StrEnum):
    """What can be wrong with a trail."""

    ALTERED = "altered"
    MISSING = "missing"
    REORDERED = "reordered"
    INSERTED = "inserted"
    HEAD = "head"
    EXPECTED_HEAD = "expected_head"
    GUARD = "guard"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, from row `seq` to row `last_seq` (the same for a single row)."""

    seq: int
    last_seq: int
    fault: Fault
    text: str


@dataclass(frozen=True)
class VerifyReport:
    """The outcome: how many rows there are, where the chain really ends, and what is wrong with it."""

    path: Path
    rows: int
    head: Head
    """The last row that is there, whatever the head record says."""
    findings: tuple[Finding, ...]
    more_findings: int = 0
    """How many further ones were only counted."""

    @property
    def intact(self) -> bool:
        return not self.findings


def verify(path: Path, expected_head: str | None = None) -> VerifyReport:
    """Read the trail of a live database or a copy from end to end, row by row.

    `expected_head` is a head noted earlier, `<seq>:<hash>` or the hash alone. Raises ValueError if it is neither,
    StorageError if the database cannot be read.
    """
    expected = _parse_expected(expected_head) if expected_head else None
    with open_reader(path, needs_latest=False) as connection:
        # One snapshot: a daemon that appends meanwhile must not move the head away from the rows.
        connection.execute("BEGIN")
        return _walked(path, connection, expected)


def verify_within(path: Path, connection: sqlite3.Connection) -> VerifyReport:
    """The trail as a transaction sees it that the caller has begun. Raises `sqlite3` errors as they come."""
    factory = connection.text_factory
    # As `open_reader` has it.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        return _walked(path, connection, None)
    finally:
        connection.text_factory = factory


def _walked(path: Path, connection: sqlite3.Connection, expected: tuple[int | None, str] | None) -> VerifyReport:
    walk = _Walk(expected)
    for row in read_rows(connection):
        walk.take(row)
    return walk.report(path, connection)


class _Walk:
    """The state of one pass over the trail."""

    def __init__(self, expected: tuple[int | None, str] | None) -> None:
        self._expected = expected
        self._expected_seen = False
        self._rows = 0
        self._last: TrailRow | None = None
        self._last_is_altered = False
        self._findings: list[Finding] = []
        self._uncounted = 0
        self._altered: dict[int, TrailRow] = {}

    def take(self, row: TrailRow) -> None:
        self._rows += 1
        if self._expected is not None and row.hash == self._expected[1] and self._expected[0] in (None, row.seq):
            self._expected_seen = True
        is_altered = digest(row) != row.hash
        follows = self._last.seq + 1 if self._last else 1
        if row.seq < follows:
            self._find(row.seq, row.seq, Fault.INSERTED, f"row {row.seq} was inserted: the trail begins with row 1")
            return
        if row.seq > follows:
            self._find_missing(follows, row.seq - 1)
        elif not is_altered and not self._last_is_altered:
            self._check_link(row)
        if is_altered:
            self._find(row.seq, row.seq, Fault.ALTERED, f"row {row.seq} was altered: it does not match its hash")
            if len(self._altered) < MAX_FINDINGS:
                self._altered[row.seq] = row
        self._last, self._last_is_altered = row, is_altered

    def _check_link(self, row: TrailRow) -> None:
        if row.prev_hash == (self._last.hash if self._last else GENESIS_HASH):
            return
        if self._last is None:
            text = f"row {row.seq} was rewritten: it is the first and yet names a row before it"
            self._find(row.seq, row.seq, Fault.ALTERED, text)
        else:
            # This row matches its own hash, prev_hash included, so it is the one before that is no longer what it was.
            before = self._last.seq
            text = f"row {before} was rewritten with a fresh hash: row {row.seq} was chained to another row {before}"
            self._find(before, before, Fault.ALTERED, text)

    def report(self, path: Path, connection: sqlite3.Connection) -> VerifyReport:
        self._check_head(connection)
        self._check_guards(connection)
        if self._expected is not None and not self._expected_seen and self._expected[1] != GENESIS_HASH:
            seq, wanted = self._expected
            place = "no row bears it" if seq is None else f"row {seq} does not bear it"
            text = (
                f"the expected head {wanted[:16]}... is not in the chain ({place}): the trail was rewritten or replaced"
            )
            self._find(seq or 0, seq or 0, Fault.EXPECTED_HEAD, text)
        end = Head(self._last.seq, self._last.hash) if self._last else Head()
        findings = sorted(self._name_reordered(), key=lambda finding: finding.seq)
        return VerifyReport(path, self._rows, end, tuple(findings), self._uncounted)

    def _check_head(self, connection: sqlite3.Connection) -> None:
        record = connection.execute("SELECT seq, hash FROM trail_head WHERE id = 1").fetchone()
        last_seq = self._last.seq if self._last else 0
        last_hash = self._last.hash if self._last else GENESIS_HASH
        if record is None:
            self._find(
                last_seq, last_seq, Fault.HEAD, "the head record is missing: rows after the last may have been cut off"
            )
        elif record[0] > last_seq:
            self._find_missing(last_seq + 1, record[0], " (cut off the end)")
        elif record[0] < last_seq:
            text = (
                f"the head record ends at row {record[0]}: the rows after it were inserted, or the head was moved back"
            )
            self._find(record[0] + 1, last_seq, Fault.INSERTED, text)
        # An altered row has been named already; where its hash was recomputed, only the head can tell.
        elif record[1] != last_hash and not self._last_is_altered:
            text = f"the head record does not match row {last_seq}: that row was rewritten, or the head was altered"
            self._find(last_seq, last_seq, Fault.HEAD, text)

    def _check_guards(self, connection: sqlite3.Connection) -> None:
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
        for name in sorted(_TRIGGERS - there):
            self._find(0, 0, Fault.GUARD, f"the trigger {name} is gone: the trail could be changed unhindered")

    def _name_reordered(self) -> list[Finding]:
        """Altered rows that are whole rows of the trail at a wrong place (the hash covers the place) are named so."""
        homes: dict[int, int] = {}
        # The hash tells which place a row was written for; only places that are in doubt themselves come into question.
        doubtful = set(self._altered)
        for finding in self._findings:
            if finding.fault is Fault.MISSING and finding.last_seq - finding.seq < MAX_FINDINGS:
                doubtful.update(range(finding.seq, finding.last_seq + 1))
        if len(self._altered) * len(doubtful) > MAX_FINDINGS**2 // 10:
            return self._findings
        for seq, row in self._altered.items():
            home = next((place for place in sorted(doubtful) if digest(row, seq=place) == row.hash), None)
            if home is not None:
                homes[seq] = home
        return [
            Finding(f.seq, f.last_seq, Fault.REORDERED, f"row {f.seq} was moved: it was written as row {homes[f.seq]}")
            if f.fault is Fault.ALTERED and f.seq in homes
            else f
            for f in self._findings
        ]

    def _find_missing(self, first: int, last: int, how: str = "") -> None:
        rows = f"row {first} is" if first == last else f"rows {first} to {last} are"
        self._find(first, last, Fault.MISSING, f"{rows} missing{how}")

    def _find(self, seq: int, last_seq: int, fault: Fault, text: str) -> None:
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(seq, last_seq, fault, text))
        else:
            self._uncounted += 1


def _parse_expected(text: str) -> tuple[int | None, str]:
    match = _EXPECTED.match(text.strip().lower())
    if match is None:
        raise ValueError(
            f"{text!r} is not a head: give <row>:<hash> as `audit verify` prints it, or the 64 hex digits alone"
        )
    return (int(match[1]) if match[1] else None), match[2]
