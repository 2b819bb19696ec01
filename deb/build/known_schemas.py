"""The records that a version of the program knows: application id, newest schema, what the file is; one a line.

    known_schemas.py SOURCE

Imports the program's own words on it from SOURCE; these modules need nothing but the standard library.
"""

from __future__ import annotations

import sys
from pathlib import Path


def known(source: Path) -> str:
    sys.path.insert(0, str(source))
    from edge_balancer.messenger import queue_file
    from edge_balancer.storage import migrations
    from firmware_bridge.switches import memory_schema

    rows = (
        (migrations.APPLICATION_ID, migrations.latest_version(), "the controller's store"),
        (queue_file.APPLICATION_ID, queue_file.VERSION, "alerts to be told"),
        (memory_schema.APPLICATION_ID, memory_schema.NEWEST, "memory of the phase switches"),
    )
    return "\n".join(f"{application:#x} {newest} {what}" for application, newest, what in rows)


if __name__ == "__main__":
    print(known(Path(sys.argv[1])).replace("'", "'\\''"))
