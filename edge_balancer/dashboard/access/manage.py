"""Changes of the accounts' file, one function each. Who may do that, the file's owner decides: there is no way to it
over HTTP.

Passwords come hashed. Raises AccessError, and then nothing has changed.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec

from edge_balancer.dashboard.access import tokens
from edge_balancer.dashboard.access.accounts import change, load
from edge_balancer.dashboard.access.errors import AccessError
from edge_balancer.dashboard.access.records import (
    MOST_ACCOUNTS,
    MOST_TOKENS,
    NAME,
    NAME_RULE,
    Account,
    RoleWord,
    Roll,
    Token,
)


def check_new_account(path: Path, name: str) -> None:
    """Whether `add_account` would take this name; asked before a password is."""
    _check_new_account(load(path), name)


def add_account(path: Path, name: str, role: RoleWord, password_hash: str, wall: float) -> None:
    def step(roll: Roll) -> Roll:
        _check_new_account(roll, name)
        account = Account(name, role, password_hash, _key(), wall)
        return msgspec.structs.replace(roll, accounts=(*roll.accounts, account))

    change(path, step)


def set_password(path: Path, name: str, password_hash: str) -> None:
    """Sessions of the account end with it."""
    _replace(path, name, password=password_hash, key=_key())


def set_role(path: Path, name: str, role: RoleWord) -> None:
    _replace(path, name, role=role)


def renew_hash(path: Path, seen: Account, password_hash: str) -> None:
    """The same password, hashed anew; sessions go on. Nothing happens where the account has changed meanwhile."""

    def step(roll: Roll) -> Roll:
        if roll.account(seen.name) != seen:
            return roll
        return _with(roll, msgspec.structs.replace(seen, password=password_hash))

    change(path, step)


def remove_account(path: Path, name: str) -> None:
    def step(roll: Roll) -> Roll:
        known(roll, name)
        return msgspec.structs.replace(roll, accounts=tuple(a for a in roll.accounts if a.name != name))

    change(path, step)


def add_token(path: Path, name: str, role: RoleWord, expires: float | None, wall: float) -> tokens.Bearer:
    """The new token: nothing can show it again."""
    bearer = tokens.draw()

    def step(roll: Roll) -> Roll:
        _check_name("token", name)
        if roll.token(name) is not None:
            raise AccessError(f"token {name}: there is one of that name already: remove it first, or take another name")
        if len(roll.tokens) >= MOST_TOKENS:
            raise AccessError(f"token {name}: there are {MOST_TOKENS} already, and no more are kept: remove some")
        token = Token(name, role, bearer.id, bearer.sha256, wall, expires)
        return msgspec.structs.replace(roll, tokens=(*roll.tokens, token))

    change(path, step)
    return bearer


def remove_token(path: Path, name: str) -> None:
    def step(roll: Roll) -> Roll:
        if roll.token(name) is None:
            names = ", ".join(sorted(token.name for token in roll.tokens)) or "none"
            raise AccessError(f"token {name}: there is none of that name; there are: {names}")
        return msgspec.structs.replace(roll, tokens=tuple(token for token in roll.tokens if token.name != name))

    change(path, step)


def known(roll: Roll, name: str) -> Account:
    """The account. Raises AccessError."""
    account = roll.account(name)
    if account is None:
        names = ", ".join(sorted(a.name for a in roll.accounts)) or "none"
        raise AccessError(f"account {name}: there is none of that name; there are: {names}")
    return account


def _check_new_account(roll: Roll, name: str) -> None:
    _check_name("account", name)
    if roll.account(name) is not None:
        raise AccessError(
            f"account {name}: there is one already: `account password {name}` gives it another password, "
            f"`account role {name} ROLE` another role"
        )
    if len(roll.accounts) >= MOST_ACCOUNTS:
        raise AccessError(f"account {name}: there are {MOST_ACCOUNTS} already, and no more are kept: remove some")


def _check_name(what: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise AccessError(f"{what} {name!r}: no name that can be used: {NAME_RULE}")


def _replace(path: Path, name: str, **changes: str) -> None:
    change(path, lambda roll: _with(roll, msgspec.structs.replace(known(roll, name), **changes)))


def _with(roll: Roll, account: Account) -> Roll:
    accounts = tuple(account if other.name == account.name else other for other in roll.accounts)
    return msgspec.structs.replace(roll, accounts=accounts)


def _key() -> str:
    return secrets.token_hex(8)
