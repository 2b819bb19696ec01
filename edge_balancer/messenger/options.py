"""The arguments of `edge-balancer alerts`. Nothing is done here, and nothing heavy is imported."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_alerts_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    steps.add_parser("list", help="the alerts that stand, and the short numbers that acknowledge them")
    ack = steps.add_parser("ack", help="say that an alert has been seen: it is escalated and reminded of no longer")
    ack.add_argument("what", metavar="KEY|NUMBER", help="key of the alert, or the short number of a message")
    _add_operator(ack)
    test = steps.add_parser("test", help="really send a test message")
    test.add_argument("channel", metavar="CHANNEL", help="name of a channel, such as twilio, modem, email")
    test.add_argument("--to", metavar="ADDRESS", help="instead of all contacts that are reached on this channel")
    silence = steps.add_parser("silence", help="tell contacts nothing of some alerts for a while (maintenance)")
    silence.add_argument("keys", metavar="KEYS", help="a kind, a whole key, or a pattern such as '*/h12'")
    silence.add_argument("minutes", type=float, metavar="MINUTES", help="how long, at most a week; 0 ends it")
    _add_operator(silence)
    for step in steps.choices.values():
        # As with every other command it may stand at the end; what stands before the step counts where it does not.
        step.add_argument("--config", type=Path, default=argparse.SUPPRESS, help="configuration file")


def _add_operator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--operator", metavar="NAME", help="who does this, for the record (default: your user name)")
