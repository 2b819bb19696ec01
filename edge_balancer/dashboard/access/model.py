"""What is said about sessions over HTTP. Plain structs, from which the API's description is made too."""

from __future__ import annotations

from typing import Annotated

import msgspec

from edge_balancer.dashboard.access.roles import RoleName

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants to log in."""

    user: Text
    password: Text


class Session(msgspec.Struct, frozen=True):
    """Who is logged in, and what this page may do."""

    user: str | None
    """Null where nobody logged in."""
    role: RoleName
    csrf: str | None
    """To be sent as `X-CSRF-Token` with everything but GET."""
    login_needed: bool
    """Whether nothing can be read before a login."""
    reading_free: bool
    """Whether reading needs no login here."""
    accounts: bool
    """Whether there is any account to log in with."""
    hint: str
    """How to make one, where there is none; else empty."""


class Figures(msgspec.Struct, frozen=True):
    """What went through the gate since the start, and what holds now."""

    accounts: int
    operators: int
    """Of the accounts, those that may give orders."""
    tokens: int
    sessions: int
    logins: int
    logins_failed: int
    refused: dict[str, int]
    """By reason: `login`, `role`, `csrf`, `cross_site`, `host`, `token`, `size`, `slow`, `wait`."""
    fault: str
    """Why accounts cannot be read; empty where they can."""
