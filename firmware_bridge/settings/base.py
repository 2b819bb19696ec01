"""What every section of the configuration shares: immutability, and how it says what is wrong with it.

Nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

Location = tuple[str | int, ...]
"""Where a key stands: `("houses", 3, "phase")`. Inside a section it counts from the section."""

Gravity = Literal["error", "warning"]

_NUMBERS = (int, float, int | None, float | None)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong that only several values together show."""

    at: Location
    value: object
    """What stands there; None where nothing does."""
    wrong: str
    """What is wrong with it, the limit included. A sentence's end: it follows `key = value`."""
    remedy: str
    involves: tuple[Location, ...] = ()
    """The other keys that were looked at: where one of them is wrong in itself, this finding may be an echo."""
    severity: Gravity = "error"


class Contradictions(ValueError):  # noqa: N818 - pydantic catches it and carries it inside its own error
    """All that contradicts itself in one section."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(f"{_dotted(f.at)} {f.wrong}: {f.remedy}" for f in findings))
        self.findings = findings


def _dotted(at: Location) -> str:
    return ".".join(str(part) for part in at)


class Section(BaseModel):
    """A part of the configuration: immutable, and an unknown key is an error (a misspelt limit must not pass
    silently)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def contradictions(self) -> Iterator[Finding]:
        """What in this section cannot hold together, whatever the other sections say.

        Locations count from the section.
        """
        yield from ()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if found := tuple(self.contradictions()):
            raise Contradictions(found)
        return self

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic reads true as 1: `dwell_s = true` would be a dwell of one second.
        if isinstance(value, bool) and info.field_name and cls.model_fields[info.field_name].annotation in _NUMBERS:
            raise ValueError("is true or false, where a number belongs")
        return value
