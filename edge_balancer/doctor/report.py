"""What was found, for people and for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from edge_balancer.doctor.findings import Finding, Level, worst

_MARK: Final = {Level.OK: "OK  ", Level.WARN: "warn", Level.FAIL: "FAIL"}
_WIDTH: Final = 110


def as_text(findings: Sequence[Finding]) -> str:
    """One line for each, its remedy below, and a sum at the end."""
    width = max((len(finding.part) for finding in findings), default=0)
    lines: list[str] = []
    for finding in findings:
        start = f"{_MARK[finding.level]}  {finding.part.ljust(width)}  "
        lines += textwrap.wrap(start + finding.says, _WIDTH, subsequent_indent=" " * len(start), break_on_hyphens=False)
        if finding.remedy:
            indent = " " * len(start)
            lines += textwrap.wrap(
                f"-> {finding.remedy}",
                _WIDTH,
                initial_indent=indent,
                subsequent_indent=f"{indent}   ",
                break_on_hyphens=False,
            )
    count = {level: sum(1 for finding in findings if finding.level is level) for level in Level}
    lines += ["", f"{count[Level.OK]} in order, {count[Level.WARN]} to look at, {count[Level.FAIL]} wrong"]
    return "\n".join(lines) + "\n"


def as_json(findings: Sequence[Finding]) -> str:
    body = {"worst": str(worst(findings)), "findings": [asdict(finding) for finding in findings]}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"
