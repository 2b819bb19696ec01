"""What a scenario describes is what is built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.twin.grid.csv_files import save
from edge_balancer.twin.grid.errors import FeederError
from edge_balancer.twin.grid.generate import generate
from tests.simulation.small import world


def test_a_feeder_from_csv_files_is_simulated_under_its_own_names(tmp_path: Path) -> None:
    feeder = generate("rural", 5, 3)
    save(feeder, tmp_path)
    built = world(feeder={"source": "csv", "folder": tmp_path}, sun={"pv_skew": None})
    assert built.names == feeder.houses.names
    assert built.phases.tolist() == feeder.houses.phase.tolist()
    assert built.config.feeder.transformer_kva == feeder.transformer.kva


def test_a_house_that_the_controller_cannot_name_is_told(tmp_path: Path) -> None:
    feeder = generate("rural", 2, 3)
    save(replace(feeder, houses=replace(feeder.houses, names=("house 1", "house-2"))), tmp_path)
    with pytest.raises(FeederError, match="house 1"):
        world(feeder={"source": "csv", "folder": tmp_path})


@pytest.mark.parametrize(("skew", "expected"), [(1.0, 7), (0.5, 5), (0.0, 0)])
def test_roofs_are_spread_as_asked_and_houses_evenly(skew: float, expected: int) -> None:
    built = world(feeder={"houses": 21}, sun={"pv_share": 0.48, "pv_skew": skew})
    assert np.bincount(built.phases).tolist() == [7, 7, 7]
    roofs = np.bincount(built.phases[built.roof_house], minlength=3)
    assert roofs.sum() == 10
    assert expected in roofs.tolist()


def test_only_single_phase_houses_get_switches_and_as_many_as_asked() -> None:
    built = world(feeder={"houses": 20, "three_phase_share": 0.2}, switches={"share": 0.5})
    assert built.switchable.sum() == 8
    assert not (built.switchable & built.three_phase).any()
    movable = [house.movable for house in built.config.houses]
    assert movable == built.switchable.tolist()


def test_the_controllers_own_settings_reach_it_and_ratings_are_the_twins() -> None:
    built = world(controller={"decision": {"dwell_s": 1234.0}, "feeder": {"neutral_limit_pct": 33.0}})
    assert built.config.decision.dwell_s == 1234.0
    assert built.config.feeder.neutral_limit_pct == 33.0
    assert built.config.feeder.transformer_kva == built.feeder.transformer.kva
    other = world(controller={"feeder": {"transformer_kva": 77.0}})
    assert other.config.feeder.transformer_kva == 77.0
