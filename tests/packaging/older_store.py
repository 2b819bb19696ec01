"""A chapter of the package's story: an upgrade from a program whose store had an older schema."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge_balancer.storage.migrations import latest_version
from tests.packaging.builds import Built
from tests.packaging.looks import head, install, state
from tests.packaging.machine import Machine

VERSION_1: Final = Path(__file__).parents[1] / "storage" / "data" / "version_1.sql"


def an_upgrade_brings_an_older_store_up_to_date(machine: Machine, before: Built, now: Built) -> None:
    """Schema version 1, which no package can be built of any more. What stands in the place of the program that wrote
    it runs until it is stopped, and is gone then."""
    folder, dropin = "/var/lib/edge-balancer", "/run/systemd/system/edge-balancer.service.d"
    machine.put(VERSION_1, "/packages/version_1.sql")
    dump = "open('/packages/version_1.sql').read()"
    script = f"import sqlite3; sqlite3.connect('edge-balancer.db').executescript({dump})"
    machine.run(
        f"set -e; systemctl stop edge-balancer; mkdir /root/aside; mv {folder}/edge-balancer.db* /root/aside/; "
        f'cd {folder}; python3 -c "{script}"; chown edge-balancer: edge-balancer.db; mkdir -p {dropin}'
    )
    noted, was = head(machine), trail_length(machine)
    assert (schema(machine), was > 0) == (1, True)
    machine.run(
        f"printf '[Service]\\nType=exec\\nWatchdogSec=0\\nExecStart=\\nExecStart=/bin/sleep infinity\\n"
        f"ExecStopPost=+/bin/rm {dropin}/older.conf\\n' >{dropin}/older.conf; systemctl daemon-reload; "
        "systemctl start edge-balancer"
    )
    assert schema(machine) == 1
    install(machine, now)
    assert state(machine, "edge-balancer", "ActiveState") == "active"
    assert schema(machine) == latest_version() > 1
    machine.run(f"edge-balancer audit verify --expected-head {noted}")
    assert trail_length(machine) > was
    # The story goes on with the site's own records.
    machine.run(
        f"systemctl stop edge-balancer; rm {folder}/edge-balancer.db*; mv /root/aside/* {folder}/; rmdir /root/aside"
    )
    install(machine, before)
    # Starts within an hour are counted, and this story has many.
    machine.run("systemctl reset-failed edge-balancer; systemctl start edge-balancer")


def schema(machine: Machine) -> int:
    return int(of_the_store(machine, "PRAGMA user_version"))


def trail_length(machine: Machine) -> int:
    return int(of_the_store(machine, "SELECT count(*) FROM trail"))


def of_the_store(machine: Machine, question: str) -> str:
    file = "file:/var/lib/edge-balancer/edge-balancer.db?mode=ro"
    asked = f"print(sqlite3.connect('{file}', uri=True).execute('{question}').fetchone()[0])"
    return machine.said(f'python3 -c "import sqlite3; {asked}"')
