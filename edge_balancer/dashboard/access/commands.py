"""`edge-balancer account` and `edge-balancer token`. They change the file; a running controller sees it at once.

A password is never an argument: those stand in the shell's history and in the list of processes.
"""

from __future__ import annotations

import argparse
import getpass
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from edge_balancer.dashboard.access import hashing, manage
from edge_balancer.dashboard.access.accounts import load
from edge_balancer.dashboard.access.errors import AccessError
from edge_balancer.dashboard.access.records import RoleWord
from edge_balancer.settings.load import load as load_configuration

OK, FAILED = 0, 1
_DAY_S: Final = 86_400.0
_MOST_DAYS: Final = 36_500.0
_INPUT_CHARACTERS: Final = 4096


def account_command(args: argparse.Namespace) -> int:
    """Gives 0 where it was done, 1 where it was not."""
    steps: Mapping[str, Callable[[Path], None]] = {
        "add": lambda path: _add(path, args.name.lower(), args.role),
        "password": lambda path: _password(path, args.name.lower()),
        "role": lambda path: _role(path, args.name.lower(), args.role),
        "remove": lambda path: _remove(path, args.name.lower()),
        "list": _list_accounts,
    }
    return _run(args, steps[args.step])


def token_command(args: argparse.Namespace) -> int:
    """As `account_command`."""
    steps: Mapping[str, Callable[[Path], None]] = {
        "add": lambda path: _add_token(path, args.name, args.role, args.days),
        "remove": lambda path: _remove_token(path, args.name),
        "list": _list_tokens,
    }
    return _run(args, steps[args.step])


def _run(args: argparse.Namespace, step: Callable[[Path], None]) -> int:
    path = getattr(args, "accounts", None)
    if path is None:
        path = load_configuration(args.config, os.environ).dashboard.accounts
    try:
        step(path)
    except AccessError as error:
        print(error, file=sys.stderr)
        return FAILED
    return OK


def _add(path: Path, name: str, role: RoleWord) -> None:
    manage.check_new_account(path, name)
    encoded = hashing.hashed(_asked(name))
    manage.add_account(path, name, role, encoded, time.time())
    print(f"{name} may log in as {role}.")


def _password(path: Path, name: str) -> None:
    manage.known(load(path), name)
    manage.set_password(path, name, hashing.hashed(_asked(name)))
    print(f"{name} has another password; sessions with the old one have ended.")


def _role(path: Path, name: str, role: RoleWord) -> None:
    manage.set_role(path, name, role)
    print(f"{name} is {role} now.")


def _remove(path: Path, name: str) -> None:
    manage.remove_account(path, name)
    print(f"{name} is removed; sessions have ended.")
    if not load(path).accounts:
        print("No account is left: nobody can log in.")


def _list_accounts(path: Path) -> None:
    roll = load(path)
    if not roll.accounts:
        print(f"No account in {path}.")
    for account in sorted(roll.accounts, key=lambda a: a.name):
        print(f"{account.name}  {account.role}  since {_day(account.created)}")


def _add_token(path: Path, name: str, role: RoleWord, days: float) -> None:
    if not math.isfinite(days) or not 0.0 <= days <= _MOST_DAYS:
        raise AccessError(f"token add: --days {days:g} is not between 0 (for ever) and {_MOST_DAYS:g}")
    now = time.time()
    bearer = manage.add_token(path, name, role, now + days * _DAY_S if days else None, now)
    # The token alone on standard output: `edge-balancer token add grafana > file` keeps just that.
    print(
        f"Token {name}, {role}, {_end(now + days * _DAY_S if days else None, now)}. It is not shown again:",
        file=sys.stderr,
    )
    print(bearer.text)


def _remove_token(path: Path, name: str) -> None:
    manage.remove_token(path, name)
    print(f"Token {name} is revoked.")


def _list_tokens(path: Path) -> None:
    roll, now = load(path), time.time()
    if not roll.tokens:
        print(f"No token in {path}.")
    for token in sorted(roll.tokens, key=lambda t: t.name):
        print(
            f"{token.name}  {token.role}  ebt_{token.id}_...  since {_day(token.created)}, {_end(token.expires, now)}"
        )


def _asked(name: str) -> str:
    """A new password, from the terminal (twice) or the first line of standard input. Raises AccessError."""
    if sys.stdin.isatty():
        password = getpass.getpass(f"New password of {name}: ")
    else:
        password = sys.stdin.readline(_INPUT_CHARACTERS).rstrip("\r\n")
    if weak := hashing.weakness(password, name):
        raise AccessError(f"account {name}: this password is not taken: {weak}")
    if sys.stdin.isatty() and getpass.getpass("Once more: ") != password:
        raise AccessError(f"account {name}: the two passwords are not the same; nothing was changed")
    return password


def _end(expires: float | None, now: float) -> str:
    if expires is None:
        return "ends never"
    return f"ended on {_day(expires)}" if expires <= now else f"ends on {_day(expires)}"


def _day(wall: float) -> str:
    return f"{datetime.fromtimestamp(wall).astimezone():%Y-%m-%d}"
