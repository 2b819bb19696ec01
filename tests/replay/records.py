"""Small recordings for the tests of the replay."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from edge_balancer.replay.readings_file import Refusals, Row, instants
from edge_balancer.settings.root import Configuration
from tests.support.configuration import make_config

T0 = 1_760_000_400


def config_of(**decision: Any) -> Configuration:
    return make_config(
        [{"id": f"h{k}", "phase": "L1"} for k in (1, 2, 3)],
        decision={"operations_per_house_day": 20, "max_operations_per_house_day": 20, "neutral_trigger_a": 5.0}
        | decision,
    )


def write(path: Path, text: str) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def skewed(minutes: int, header: str = "t,house,p,q,v", later: str = "") -> str:
    """Three equal houses, all on L1, once a minute; `later` is appended."""
    rows = [header]
    for minute in range(minutes):
        rows += [f"{T0 + 60 * minute},h{k},2300,0,230" for k in (1, 2, 3)]
    return "\n".join(rows) + "\n" + later


def read(path: Path) -> tuple[list[tuple[float, list[Row]]], Refusals]:
    refusals = Refusals()
    return list(instants(path, config_of(), refusals)), refusals
