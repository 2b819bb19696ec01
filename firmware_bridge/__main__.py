"""`python -m firmware_bridge`: the same as the command `firmware-bridge`."""

from __future__ import annotations

import sys

from firmware_bridge.cli import main

sys.exit(main())
