"""The roots of the error tree. What a problem with a configuration is, is the same here and on the field side.

Not the errors of the single parts: they stand with their parts.
"""

from __future__ import annotations

from collections.abc import Sequence

from firmware_bridge.errors import Problem, format_problems

__all__ = ["ConfigurationError", "EdgeBalancerError", "Problem", "format_problems"]


class EdgeBalancerError(Exception):
    """Any failure that the program knows by name. Its text is meant for people."""


class ConfigurationError(EdgeBalancerError):
    """The configuration cannot be used. Carries every problem that was found, warnings included."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(format_problems(self.problems))
