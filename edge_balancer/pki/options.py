"""The arguments of `edge-balancer pki`. Nothing is done here, and nothing heavy is imported."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_balancer.pki.roles import BROKER, Role

_WHO = (BROKER, *(str(role) for role in Role))


def add_pki_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    init = steps.add_parser("init", help="make the site's certificate authority")
    _folder(init)
    init.add_argument("--site", default="edge-balancer site", help="its name (default: %(default)s)")
    init.add_argument("--years", type=int, default=25, help="how long it lives (default: %(default)s)")
    init.add_argument("--protect", action="store_true", help="ask for a passphrase that protects its key")

    issue = steps.add_parser("issue", help="make a certificate and its key")
    renew = steps.add_parser("renew", help="make another; the old one stays valid until it is revoked")
    for step in (issue, renew):
        _folder(step)
        _who(step)
        step.add_argument("--days", type=float, default=1826.0, help="how long it is valid (default: five years)")
        step.add_argument("--host", action="append", default=[], metavar="NAME", help="name or address of the broker")
        step.add_argument("--request", type=Path, metavar="FILE", help="a request of a device that keeps its own key")

    revoke = steps.add_parser("revoke", help="take back the certificates of a device")
    _folder(revoke)
    _who(revoke)
    revoke.add_argument("--superseded", action="store_true", help="only those that were renewed since")

    listing = steps.add_parser("list", help="what was issued, until when, what is revoked")
    _folder(listing)

    acl = steps.add_parser("acl", help="print the broker's access file for this site")
    acl.add_argument("--config", type=Path, default=argparse.SUPPRESS, help="configuration file")
    acl.add_argument(
        "--bridge", action="append", default=[], metavar="ID=HOUSE,...", help="a firmware-bridge and its houses"
    )
    acl.add_argument("--operator", action="append", default=[], metavar="NAME", help="a person who may give orders")
    acl.add_argument("--home", action="append", default=[], metavar="NAME", help="a Home Assistant")
    acl.add_argument("--viewer", action="append", default=[], metavar="NAME", help="a display")


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the authority's folder")


def _who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("role", choices=_WHO, metavar="ROLE", help=", ".join(_WHO))
    parser.add_argument("name", metavar="NAME", help="the house, the feeder, the bridge, the person")
