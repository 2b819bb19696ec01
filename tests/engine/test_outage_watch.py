"""When the feeder must be left alone because its supply or telemetry was away."""

from __future__ import annotations

import math

import pytest

from edge_balancer.analysis.outage import OutageWatch

INF = math.inf
# (now, coverage, share of dark houses) of each update, and until when the feeder must be left alone after it
CASES = [
    pytest.param([(0, 0.0, 0.0), (1, 0.3, 0.0), (2, 0.9, 0.0)], [-INF] * 3, id="a start is no outage"),
    pytest.param([(0, 1.0, 0.0), (1, 0.39, 0.0)], [-INF, INF], id="telemetry is away"),
    pytest.param([(0, 1.0, 0.0), (1, 0.41, 0.0)], [-INF, -INF], id="thin, but there"),
    pytest.param([(0, 1.0, 0.0), (1, 1.0, 0.6)], [-INF, INF], id="supply is away"),
    pytest.param([(0, 1.0, 0.0), (1, 1.0, 0.5)], [-INF, -INF], id="half of it is there"),
    pytest.param([(0, 1.0, 0.0), (1, 0.1, 0.0), (2, 0.6, 0.0), (3, 0.8, 0.0)], [-INF, INF, INF, 303.0], id="back"),
    pytest.param([(0, 1.0, 0.0), (1, 0.1, 0), (3, 1.0, 0), (9, 1.0, 0)], [-INF, INF, 303.0, 303.0], id="told once"),
    pytest.param([(0, 1, 0), (1, 0.1, 0), (3, 1, 0), (9, 0.1, 0), (20, 1, 0)], [-INF, INF, 303, INF, 320], id="again"),
]


@pytest.mark.parametrize(("updates", "until"), CASES)
def test_outage(updates: list[tuple[float, float, float]], until: list[float]) -> None:
    watch = OutageWatch(min_coverage=0.8, cooldown_s=300.0)
    seen = []
    for now, coverage, dark in updates:
        watch.update(now, coverage, dark)
        seen.append(watch.until)
    assert seen == until


def test_a_restart_after_an_outage_begins_with_the_cool_down() -> None:
    watch = OutageWatch(0.8, 300.0)
    watch.begin(50.0)
    watch.update(60.0, 0.0, 0.0)
    assert watch.until == 350.0
