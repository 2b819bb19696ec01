"""`edge-balancer doctor`: 0 where nothing is wrong, warnings included; 1 where something is."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Final

from edge_balancer.clock import SystemClock
from edge_balancer.doctor.bundle import write_bundle
from edge_balancer.doctor.credentials import service_credentials
from edge_balancer.doctor.examine import examine
from edge_balancer.doctor.findings import Level, worst
from edge_balancer.doctor.report import as_json, as_text

_LONGEST_S: Final = 3600.0


def doctor_command(args: argparse.Namespace) -> int:
    """Raises BundleError where the archive cannot be written."""
    seconds = min(max(args.listen, 0.0), _LONGEST_S)
    if sys.stderr.isatty():
        print(f"Listening for up to {seconds:g} s ...", file=sys.stderr)
    with service_credentials(os.environ) as credentials:
        examination = examine(args.config, os.environ, SystemClock(), listen_s=seconds, credentials=credentials)
        sys.stdout.write((as_json if args.json else as_text)(examination.findings))
        if args.bundle is not None:
            files = write_bundle(args.bundle, examination)
            print(f"{args.bundle}: {len(files)} files. Look into it before you send it.", file=sys.stderr)
    return int(worst(examination.findings) is Level.FAIL)
