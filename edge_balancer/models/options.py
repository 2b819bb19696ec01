"""The arguments of `edge-balancer models`. Nothing heavy is imported: every call of the program builds its parser."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_models_arguments(models: argparse.ArgumentParser) -> None:
    models.add_argument(
        "--database", type=Path, metavar="FILE", help="the store beside which the models lie (default: the configured)"
    )
    steps = models.add_subparsers(required=True, metavar="STEP", dest="step")
    steps.add_parser("list", help="which models there are, which one is active, and whether one was set aside")
    verify = steps.add_parser("verify", help="read, check and try models")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    activate = steps.add_parser("activate", help="use a model from the controller's next reload on")
    activate.add_argument("name", metavar="NAME", help="as `models list` shows it; `default` is the one in the package")
    steps.add_parser("rollback", help="go back to the model that was active before")
