"""What the shared fixtures promise to the other tests."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from edge_balancer.settings.houses import HouseSettings
from edge_balancer.types.phases import Phase
from tests.support.configuration import make_config

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker


def test_a_number_of_houses_is_spread_over_the_phases_in_turn() -> None:
    config = make_config(4, decision={"dwell_s": 60})
    assert [(house.id, house.phase) for house in config.houses] == [
        ("h01", Phase.L1),
        ("h02", Phase.L2),
        ("h03", Phase.L3),
        ("h04", Phase.L1),
    ]
    assert config.decision.dwell_s == 60


def test_houses_may_be_given_as_models_or_as_written_in_toml() -> None:
    config = make_config([HouseSettings(id="a", phase=Phase.L2), {"id": "b", "phase": "L3", "critical": True}])
    assert [house.movable for house in config.houses] == [True, False]


def test_a_wrong_configuration_is_refused_as_anywhere_else() -> None:
    with pytest.raises(ValidationError, match="dwell"):
        make_config(decision={"dwell": 60})


def test_a_free_port_can_be_listened_on(free_port: int) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port))
        assert listener.getsockname()[1] == free_port


def test_the_shared_broker_accepts_connections(broker: Broker) -> None:
    with socket.create_connection((broker.host, broker.port), timeout=30) as link:
        assert link.getpeername()[1] == broker.port
