"""Houses that stand on their phases as electricians leave them; the medium voltage that no two feeders share."""

from __future__ import annotations

import numpy as np
import pytest

from edge_balancer.twin.crowding import crowded_phases
from edge_balancer.twin.medium_voltage import SWING, source_pu
from edge_balancer.twin.noise import keys


@pytest.mark.parametrize(
    ("houses", "roofs", "skew", "crowd"),
    [(30, 12, 0.75, 9), (30, 12, 1.0 / 3.0, 4), (30, 12, 0.0, 0), (30, 20, 1.0, 10), (9, 0, 0.7, 0), (1, 1, 1.0, 1)],
)
def test_roofs_crowd_on_one_phase_while_the_houses_stay_even(houses: int, roofs: int, skew: float, crowd: int) -> None:
    with_roof = np.arange(houses) < roofs
    everywhere = set()
    for seed in range(12):
        phase = crowded_phases(with_roof, np.ones(houses, dtype=bool), skew, np.random.default_rng(seed))
        count = np.bincount(phase, minlength=3)
        assert count.max() - count.min() <= 1
        on_roofs = np.bincount(phase[with_roof], minlength=3)
        # No phase has room for more than its share of the houses.
        assert crowd in on_roofs
        everywhere.add(int(np.argmax(on_roofs)))
    # Which phase it is, is drawn.
    assert len(everywhere) == 3 or 2 * crowd <= roofs


def test_houses_on_three_phases_take_no_place() -> None:
    single = np.arange(12) % 4 != 0
    phase = crowded_phases(np.zeros(12, dtype=bool), single, 0.5, np.random.default_rng(1))
    assert (phase[~single] == 0).all()
    assert np.bincount(phase[single], minlength=3).tolist() == [3, 3, 3]


def test_the_medium_voltage_wanders_slowly_and_within_its_swing() -> None:
    wall = np.arange(1.7e9, 1.7e9 + 14 * 86_400, 60.0)
    one, other = (source_pu(wall, keys(np.random.default_rng(seed), 1)) for seed in (1, 2))
    for level in (one, other):
        assert np.abs(level - 1.0).max() <= SWING / 2.0
        assert np.ptp(level) > 0.9 * SWING
        assert np.abs(np.diff(level)).max() < SWING / 40.0
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.3
    assert np.ptp(source_pu(wall, keys(np.random.default_rng(1), 1), 0.0)) == 0.0
