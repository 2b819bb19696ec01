"""`edge-balancer pki`: an authority made, used and looked at; the broker's access file."""

from __future__ import annotations

import argparse
import datetime
import getpass
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_balancer.pki.errors import PkiError
from edge_balancer.pki.roles import BROKER

if TYPE_CHECKING:
    from edge_balancer.pki.authority import Authority, Papers

_SOON: Final = datetime.timedelta(days=60)
_LEAST_PASSPHRASE: Final = 8


def pki_command(args: argparse.Namespace) -> int:
    """Raises PkiError where it cannot be done."""
    if args.step == "acl":
        return _acl(args)
    try:
        import cryptography  # noqa: F401 - the extra
    except ImportError as error:
        raise PkiError("certificates need the package cryptography: pip install 'edge-balancer[pki]'") from error
    now = datetime.datetime.now(datetime.UTC)
    if args.step == "init":
        return _init(args, now)
    authority = _open(args.folder)
    if args.step == "list":
        return _list(authority, now)
    if args.step == "revoke":
        count = authority.revoke(args.role, args.name, now, superseded=args.superseded)
        print(f"{args.role}:{args.name}: {count} revoked.")
        print(
            f"Copy {args.folder / 'crl.pem'} to the broker and restart it. A reload refuses new connections, but those"
        )
        print("that stand go on until a restart.")
        return 0
    return _issue(args, authority, now)


def _init(args: argparse.Namespace, now: datetime.datetime) -> int:
    from edge_balancer.pki.authority import Authority

    made = Authority.create(args.folder, args.site, now, _new_passphrase() if args.protect else b"", args.years)
    print(f"{args.folder}: an authority until {made.until:%Y-%m-%d}.")
    print(f"Whoever has {args.folder / 'ca.key'} can be anybody at this site.")
    print("Keep the folder off the Pi, and a copy of it in a safe place.")
    return 0


def _issue(args: argparse.Namespace, authority: Authority, now: datetime.datetime) -> int:
    renew = args.step == "renew"
    hosts = list(dict.fromkeys(args.host))
    if args.role == BROKER and not hosts:
        hosts = authority.hosts(args.name) if renew else _own_names()
    request = b"" if args.request is None else _file(args.request)
    papers: Papers = authority.issue(
        args.role, args.name, now, days=args.days, hosts=hosts, request=request, renew=renew
    )
    print(
        f"{args.role}:{args.name}: valid until {papers.until:%Y-%m-%d}" + (f", for {', '.join(hosts)}" if hosts else "")
    )
    for path in (papers.certificate, papers.key, papers.folder / "ca.pem"):
        if path is not None:
            print(f"  {path}")
    if renew:
        print("When it is in place: edge-balancer pki revoke --superseded, and the list to the broker.")
    return 0


def _list(authority: Authority, now: datetime.datetime) -> int:
    rows = [("who", "until", "serial", "")]
    newest = {(one.role, one.name): one.serial for one in authority.issued}
    for one in authority.issued:
        until = datetime.datetime.fromtimestamp(one.until, datetime.UTC)
        if one.revoked:
            state = f"revoked {datetime.datetime.fromtimestamp(one.revoked, datetime.UTC):%Y-%m-%d}"
        elif until <= now:
            state = "expired"
        elif newest[one.role, one.name] != one.serial:
            state = "renewed; still valid"
        else:
            state = f"expires in {(until - now).days} days: renew it" if until - now < _SOON else ""
        rows.append((f"{one.role}:{one.name}", f"{until:%Y-%m-%d}", one.serial[:16], state))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join((*cells, row[3])).rstrip())
    return 0


def _acl(args: argparse.Namespace) -> int:
    from edge_balancer.pki.acl import acl_text, grants
    from edge_balancer.settings.load import load

    config = load(args.config, os.environ)
    bridges: dict[str, list[str]] = {}
    for text in args.bridge:
        bridge, sign, houses = text.partition("=")
        if not sign:
            raise PkiError(f"--bridge {text}: write the bridge's id and its houses, like shed=h1,h2")
        bridges[bridge] = [house for house in houses.split(",") if house]
    try:
        found = grants(config, bridges=bridges, operators=args.operator, homes=args.home, viewers=args.viewer)
    except ValueError as error:
        raise PkiError(str(error)) from error
    sys.stdout.write(acl_text(config, found))
    return 0


def _open(folder: Path) -> Authority:
    from edge_balancer.pki.authority import Authority

    protected = Authority.is_protected(folder)
    return Authority(folder, _ask("Passphrase of the authority's key: ") if protected else b"")


def _own_names() -> list[str]:
    """What a broker on this machine is called."""
    name = socket.gethostname()
    return list(dict.fromkeys((name, f"{name.partition('.')[0]}.local", "localhost", "127.0.0.1", "::1")))


def _new_passphrase() -> bytes:
    first = _ask("New passphrase: ")
    if len(first) < _LEAST_PASSPHRASE:
        raise PkiError(f"a passphrase of less than {_LEAST_PASSPHRASE} characters protects nothing")
    if sys.stdin.isatty() and first != _ask("Once more: "):
        raise PkiError("the two passphrases differ")
    return first


def _ask(prompt: str) -> bytes:
    """From the terminal without an echo, or a line of standard input: never an argument, which others can see."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt).encode()
    return sys.stdin.readline().rstrip("\n").encode()


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PkiError(f"{path} cannot be read: {error.strerror}") from error
