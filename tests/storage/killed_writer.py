"""A program for `test_storage_kill.py`: writes to a store as the daemon does until it is killed, and tells what it was
promised.

For each append that has returned it prints the last row's number and hash on a line, unbuffered.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.store import Store
from tests.storage.storage_cases import NOW, life, minute

START = int(NOW)


def main(path: Path, first: int) -> None:
    with Store.open(path, StorageSettings(minute_days=1)) as store:
        number = first
        while True:
            store.append(life(f"c{number}", f"h{number % 55}", number, at=number))
            os.write(1, f"{store.head()}\n".encode())
            store.write_minutes([minute(START + 60 * number, f"h{h}") for h in range(55)], [])
            if number % 5 == 0:
                store.thin(START + 60 * number + 86_400)
            number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
