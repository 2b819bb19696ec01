"""Charts say all they have to say within their frame."""

from __future__ import annotations

import re

import pytest

from edge_balancer.planning.svg import Line, line_chart


@pytest.mark.parametrize("count", [1, 4, 9])
def test_a_legend_that_is_too_long_goes_on_in_another_row(count: int) -> None:
    names = [f"a rather long name {k}" for k in range(count)]
    chart = line_chart("label", "x", "y", [Line(name, "red", [0, 1], [1, 2]) for name in names], x_ticks=[0, 1])
    box = re.search(r'viewBox="0 (-?\d+) (\d+) (\d+)"', chart)
    assert box is not None
    top, width = float(box[1]), float(box[2])
    places = {}
    for name in names:
        found = re.search(rf'x="(\d+)" y="(-?[\d.]+)">{name}<', chart)
        assert found is not None
        places[name] = (float(found[1]), float(found[2]))
    assert len(set(places.values())) == count, "no two on one place"
    for name, (x, y) in places.items():
        assert x + 7.5 * len(name) <= width
        assert y - 10 >= top
