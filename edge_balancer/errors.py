"""The roots of the error tree, and what a problem with the configuration is.

Not the errors of the single parts: they stand with their parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


class EdgeBalancerError(Exception):
    """Any failure that the program knows by name. Its text is meant for people."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration, told so that a person can mend it. No secret ever stands in it."""

    key: str
    """Where: `decision.dwell_s`, `houses[3].phase`, `houses.csv line 7, column phase`, or a file's name."""
    value: str
    """What stands there, as one would write it; `(hidden)` for a secret, empty where nothing stands there."""
    wrong: str
    """What is wrong with it, the limit included."""
    remedy: str
    severity: Literal["error", "warning"] = "error"
    """A warning does not keep the program from running."""
    source: str = ""
    """Where the value was read: a file, an environment variable, a credential; empty where it is a default."""

    def __str__(self) -> str:
        head = f"{self.severity}: {self.key}" + (f" = {self.value}" if self.value else "")
        if self.source and self.source not in self.key:
            head += f"  ({self.source})"
        return f"{head}\n    {self.wrong}\n    -> {self.remedy}"


class ConfigurationError(EdgeBalancerError):
    """The configuration cannot be used. Carries every problem that was found, warnings included."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(format_problems(self.problems))


def format_problems(problems: Sequence[Problem]) -> str:
    """All problems as text for people, errors first, with a count at the end; empty where there are none."""
    if not problems:
        return ""
    errors = [p for p in problems if p.severity == "error"]
    warnings = [p for p in problems if p.severity == "warning"]
    counts = [
        f"{len(some)} {word}{'s' if len(some) > 1 else ''}"
        for some, word in ((errors, "error"), (warnings, "warning"))
        if some
    ]
    return "\n".join([*(str(p) for p in (*errors, *warnings)), ", ".join(counts)])
