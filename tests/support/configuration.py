"""Configurations for tests: small feeders with all else at its default. Reading files is `settings.load`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_balancer.settings.houses import HouseSettings
from edge_balancer.settings.root import Configuration
from edge_balancer.types.phases import Phase


def make_config(houses: int | Sequence[HouseSettings | dict[str, Any]] = 6, **sections: Any) -> Configuration:
    """A valid configuration.

    `houses` is how many (`h01`, `h02`, ... on L1, L2, L3 in turn), or the houses themselves, as models or as in TOML.
    `sections` are the other top-level keys: `make_config(3, decision={"dwell_s": 60})`.
    """
    listed = (
        [{"id": f"h{n:02d}", "phase": str(Phase((n - 1) % 3))} for n in range(1, houses + 1)]
        if isinstance(houses, int)
        else list(houses)
    )
    return Configuration.model_validate({"houses": listed, **sections})
