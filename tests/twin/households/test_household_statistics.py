"""The population's statistics stay within what is published, with margins that a mistake in the model would break."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge_balancer.twin.households import Fixed, Population, PopulationOptions, mini_grid
from edge_balancer.twin.households.published import HALF_HOUR_PEAK_100_W, Range, around
from edge_balancer.twin.households.report import (
    WINTER_DAY,
    Row,
    all_rows,
    car_rows,
    heat_pump_rows,
    load_rows,
    mini_grid_rows,
    table,
)
from edge_balancer.twin.households.statistics import LoadStatistics, device_statistics, load_statistics

DAYS = 7


@pytest.fixture(scope="module")
def load() -> LoadStatistics:
    return load_statistics(Population(PopulationOptions(houses=100, water_heater_share=0.0), 1), WINTER_DAY, DAYS)


def outside(rows: list[Row]) -> list[str]:
    return [f"{row.name}: {row.seen:.3g}, published {row.known}" for row in rows if not row.holds]


def test_loads_are_within_published_ranges(load: LoadStatistics) -> None:
    rows = load_rows(load)
    assert sum(row.known is not None for row in rows) >= 20
    assert not outside(rows)


def test_the_after_diversity_maximum_demand_is_named_and_explained(load: LoadStatistics) -> None:
    (row,) = (row for row in load_rows(load) if "ADMD" in row.name)
    assert (row.name, row.known) == ("ADMD, highest half hour, 100 houses", HALF_HOUR_PEAK_100_W)
    assert "after-diversity maximum demand" in table([row])
    assert "after-diversity" not in table([Row("alone", "h", 2.0, None)])


def test_peaks_fall_with_the_number_of_houses(load: LoadStatistics) -> None:
    peaks = [w for _, w in load.daily_peak_w]
    assert [n for n, _ in load.daily_peak_w] == [1, 2, 5, 10, 20, 50, 100]
    assert all(a > b for a, b in pairwise(peaks))
    # Diversity: a hundred houses need less than a third of a hundred times the peak of one.
    assert peaks[-1] < peaks[0] / 3.0


def test_memory_fades_with_the_lag(load: LoadStatistics) -> None:
    values = [x for _, x in load.autocorrelation]
    assert all(a > b for a, b in pairwise(values))


def test_cars_and_heat_pumps_are_within_published_ranges() -> None:
    both = Population(PopulationOptions(houses=50, ev_share=1.0, heat_pump_share=1.0), 1)
    cars = device_statistics(both, Fixed.CAR, WINTER_DAY, 10)
    pumps = device_statistics(both, Fixed.HEAT_PUMP, WINTER_DAY, 10)
    assert not outside(car_rows(cars) + heat_pump_rows(pumps))
    assert 17.0 < cars.peak_hour < 22.0


def test_a_mini_grid_is_within_the_published_range() -> None:
    seen = load_statistics(Population(mini_grid(50), 1), WINTER_DAY, DAYS)
    rows = mini_grid_rows(seen)
    assert not outside(rows)
    unpublished = [row.name for row in rows if row.known is None]
    assert sum("ramp" in name for name in unpublished) == 3
    assert sum("autocorrelation" in name for name in unpublished) == 5
    assert 18.5 < seen.peak_hour < 22.0


def test_a_population_without_cars_is_named() -> None:
    with pytest.raises(ValueError, match="has a car"):
        device_statistics(Population(PopulationOptions(houses=3), 1), Fixed.CAR, WINTER_DAY, 1)


def test_the_table_shows_both_sides_and_marks_what_is_outside() -> None:
    rows = [Row("inside", "W", 95.0, around(100, 0.1, "book A")), Row("alone", "h", 2.0, None)]
    rows.append(Row("outside", "W", 130.0, Range(90, 110, "book B")))
    text = table(rows).splitlines()
    marked = [line for line in text if line.endswith("*")]
    assert [line.split()[0] for line in marked] == ["outside"]
    assert "[1] book A" in text
    assert "[2] book B" in text
    assert "90.0 to 110" in text[1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everything_is_within_published_ranges_for_other_seeds(seed: int) -> None:
    rows = all_rows(seed)
    assert len(rows) > 35
    # One in twenty may fall out of its range by chance, never more.
    assert len(outside(rows)) <= 2, outside(rows)
    assert np.isfinite([row.seen for row in rows]).all()
