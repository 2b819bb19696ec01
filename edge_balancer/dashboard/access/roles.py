"""Roles, and who a request comes from. Plain values: nothing is checked here."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

How = Literal["", "loopback", "session", "token"]
"""What a request was known by: nothing, its coming from this machine, a login, a token."""


RoleName = Literal["none", "viewer", "operator", "admin"]


class Role(enum.IntEnum):
    """Each may do all that those below it may."""

    NONE = 0
    VIEWER = 1
    """Reads."""
    OPERATOR = 2
    """Changes the mode, moves houses, acknowledges and silences alerts."""
    ADMIN = 3
    """Clears lock-outs, too."""

    @property
    def word(self) -> RoleName:
        return _WORDS[self]


_WORDS: Final[dict[Role, RoleName]] = {
    Role.NONE: "none",
    Role.VIEWER: "viewer",
    Role.OPERATOR: "operator",
    Role.ADMIN: "admin",
}
ROLE_WORDS: Final = tuple(role.word for role in Role if role is not Role.NONE)


def role_of(word: str) -> Role:
    """The role of that name. Raises KeyError."""
    return Role[word.upper()]


class Who(msgspec.Struct, frozen=True):
    """Whom a request comes from."""

    name: str = ""
    """Of the account or the token; empty where nobody logged in."""
    role: Role = Role.NONE
    how: How = ""

    @property
    def by(self) -> str:
        """What stands in the audit trail as the operator. No account's name holds a colon."""
        return f"token:{self.name}" if self.how == "token" else self.name


NOBODY: Final = Who()


def who_of(scope: Mapping[str, Any]) -> Who:
    """Whom the gate has found; nobody where the request did not pass it."""
    who = scope.get("state", {}).get("who", NOBODY)
    return who if isinstance(who, Who) else NOBODY
