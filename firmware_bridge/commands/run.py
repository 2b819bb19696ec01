"""`firmware-bridge run`: serve the lines, meters and switches of a configuration, until it is told to end.

Exit codes: 0 after SIGTERM or Ctrl-C, 1 for a failure, 2 for a configuration that cannot be used.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from firmware_bridge.commands.configured import add_config_argument
from firmware_bridge.commands.line_access import USAGE
from firmware_bridge.errors import BridgeError, format_problems
from firmware_bridge.service import logs
from firmware_bridge.service.configuration import examine
from firmware_bridge.service.standalone import serve

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--verbose", action="store_true", help="say more")


def command(args: argparse.Namespace) -> int:
    loaded = examine(args.config, os.environ)
    if not loaded.sound:
        print(format_problems(loaded.problems), file=sys.stderr)
        return USAGE
    logs.set_up(os.environ, verbose=args.verbose)
    for warning in loaded.problems:
        _log.warning("%s", " ".join(str(warning).removeprefix("warning: ").split()))
    try:
        asyncio.run(serve(loaded.configuration, os.environ))
    except BridgeError as error:
        print(f"firmware-bridge run: {error}", file=sys.stderr)
        return 1
    except Exception:  # noqa: BLE001 - the journal gets all of it, systemd the exit code
        _log.exception("the bridge ends: this should not have happened")
        return 1
    return 0
