"""What stands in the accounts' file: accounts with the argon2 hashes of their passwords, tokens with their own hash.

Reading and writing bytes only; the file itself is for `private_file`, its changes for `accounts`.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from edge_balancer.dashboard.access.roles import Role, role_of

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
NAME_RULE: Final = "1 to 64 of the letters a to z, digits, and . _ @ -, the first a letter or digit"
MOST_ACCOUNTS: Final = 200
MOST_TOKENS: Final = 200
VERSION: Final = 1

RoleWord = Literal["viewer", "operator", "admin"]


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person who may log in."""

    name: str
    role: RoleWord
    password: str
    """As argon2 writes it: algorithm, parameters, salt and hash in one text."""
    key: str
    """Drawn anew with every password: sessions of the one before end with it."""
    created: float
    """Unix seconds."""

    @property
    def level(self) -> Role:
        return role_of(self.role)


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One program that may come in without a login."""

    name: str
    role: RoleWord
    id: str
    """The part of the token that may be shown."""
    sha256: str
    """Of its secret part. 256 random bits need no slow hash."""
    created: float
    """Unix seconds, as `expires`."""
    expires: float | None
    """None: never."""

    @property
    def level(self) -> Role:
        return role_of(self.role)

    def expired(self, wall: float) -> bool:
        return self.expires is not None and wall >= self.expires


class Roll(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of the file."""

    version: int = VERSION
    accounts: tuple[Account, ...] = ()
    tokens: tuple[Token, ...] = ()

    def account(self, name: str) -> Account | None:
        return next((account for account in self.accounts if account.name == name), None)

    def token(self, name: str) -> Token | None:
        return next((token for token in self.tokens if token.name == name), None)

    def token_by_id(self, id_: str) -> Token | None:
        return next((token for token in self.tokens if token.id == id_), None)


EMPTY: Final = Roll()


def decode(data: bytes) -> Roll:
    """Raises ValueError, which says what is wrong and never quotes the file."""
    try:
        roll = msgspec.json.decode(data, type=Roll)
    except msgspec.MsgspecError as error:
        raise ValueError(f"it is damaged ({error})") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is damaged (not UTF-8 text)") from error
    if roll.version != VERSION:
        raise ValueError(f"it is of version {roll.version}, this program knows version {VERSION}")
    for names in ([a.name for a in roll.accounts], [t.name for t in roll.tokens], [t.id for t in roll.tokens]):
        if len(set(names)) != len(names):
            raise ValueError("it is damaged (a name stands twice)")
    return roll


def encode(roll: Roll) -> bytes:
    return msgspec.json.format(msgspec.json.encode(roll), indent=1) + b"\n"
