"""The arguments of `edge-balancer account` and `edge-balancer token`. Nothing is done here, and nothing heavy is
imported."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_ROLES: Final = ("viewer", "operator", "admin")
_ROLE_HELP: Final = "viewer reads; operator changes the mode and moves houses too; admin clears lock-outs as well"
DEFAULT_DAYS: Final = 365


def add_account_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    add = steps.add_parser("add", help="a new account; the password is asked for, or read from standard input")
    add.add_argument("name", metavar="NAME", help="small letters, digits, and . _ @ -")
    add.add_argument("--role", choices=_ROLES, required=True, help=_ROLE_HELP)
    password = steps.add_parser(
        "password", help="another password; whoever is logged in with the old one is logged out"
    )
    password.add_argument("name", metavar="NAME")
    role = steps.add_parser("role", help="another role, in force at once")
    role.add_argument("name", metavar="NAME")
    role.add_argument("role", choices=_ROLES, help=_ROLE_HELP)
    remove = steps.add_parser("remove", help="an account goes; whoever is logged in with it is logged out")
    remove.add_argument("name", metavar="NAME")
    steps.add_parser("list", help="all accounts and their roles")
    _add_places(steps.choices.values())


def add_token_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    add = steps.add_parser("add", help="a new token for a program; it is shown once")
    add.add_argument("name", metavar="NAME", help="what it is for: small letters, digits, and . _ @ -")
    add.add_argument("--role", choices=_ROLES, default="viewer", help=f"{_ROLE_HELP} (default: %(default)s)")
    add.add_argument(
        "--days",
        type=float,
        default=DEFAULT_DAYS,
        metavar="N",
        help="until it ends (default: %(default)s); 0 for never",
    )
    remove = steps.add_parser("remove", help="a token ends at once")
    remove.add_argument("name", metavar="NAME")
    steps.add_parser("list", help="all tokens, their roles and ends")
    _add_places(steps.choices.values())


def _add_places(steps: Iterable[argparse.ArgumentParser]) -> None:
    for step in steps:
        # As with every other command it may stand at the end; what stands before the step counts where it does not.
        step.add_argument("--config", type=Path, default=argparse.SUPPRESS, help="configuration file")
        step.add_argument(
            "--accounts", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the accounts' file itself"
        )
