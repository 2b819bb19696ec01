"""The replay: the same engine over recorded readings, without a look ahead, the same every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.replay.commands import replay_command
from edge_balancer.replay.run import Replay, ReplayOptions
from edge_balancer.replay.score import Score
from edge_balancer.types.phases import Phase
from tests.replay.records import T0, config_of, skewed, write


def run(path: Path, decision: dict[str, Any] | None = None, **options: Any) -> Replay:
    replay = Replay(config_of(**(decision or {})), ReplayOptions(**options))
    replay.run(path)
    return replay


def test_a_skewed_feeder_is_balanced_and_the_gain_is_told(tmp_path: Path) -> None:
    replay = run(write(tmp_path / "r.csv", skewed(60)))
    moves = replay.moves()
    assert sorted((house[0], origin, target) for _, house, origin, target, _ in moves) == [
        ("h", "L1", "L2"),
        ("h", "L1", "L3"),
    ]
    assert [t for t, *_ in moves] == [T0 + 2.0] * 2, "two seconds after the first reading"
    summary = replay.summary()
    # 30 A at the first instant of sixty, nothing after it.
    assert summary["neutral_current"]["without_moves"] == {"mean_a": 30.0, "p95_a": 30.0}
    assert summary["neutral_current"]["with_moves"] == {"mean_a": 0.5, "p95_a": 0.0}
    assert (summary["operations"], summary["commands"], summary["failed_commands"]) == (2, 2, 0)
    assert summary["neutral_current_mean_reduction_pct"] == pytest.approx(98.33)
    assert summary["readings"] == 180
    assert summary["days"] == pytest.approx(59 / 1440, abs=1e-4)
    assert summary["operations_per_house_day"] == pytest.approx(2 / 3 / (59 / 1440), abs=1e-3)


def test_every_move_has_the_reason_that_was_given_for_it(tmp_path: Path) -> None:
    for _, house, _, target, reason in run(write(tmp_path / "r.csv", skewed(5))).moves():
        assert f"{house} L1->{target}" in reason


@pytest.mark.parametrize(("latency_s", "switch_time_s"), [(0.0, 0.0), (30.0, 2.0), (150.0, 5.0)])
def test_a_move_is_made_after_latency_and_switch_time(tmp_path: Path, latency_s: float, switch_time_s: float) -> None:
    path = write(tmp_path / "r.csv", skewed(10))
    replay = run(path, latency_s=latency_s, switch_time_s=switch_time_s)
    assert {t for t, *_ in replay.moves()} == {T0 + latency_s + switch_time_s}


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv.gz", skewed(120))
    for out in ("a", "b"):
        run(path, switch_failures=0.3, seed=5).write(tmp_path / out)
    for name in ("moves.csv", "summary.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "moves.csv").read_text().startswith("t,house,from,to,reason\n")
    assert json.loads((tmp_path / "a" / "summary.json").read_text())["options"]["switch_failures"] == 0.3


def _changing(minutes: int, power_of: Any) -> str:
    rows = ["t,house,p,q,v"]
    for minute in range(minutes):
        rows += [f"{T0 + 60 * minute},h{k},{power_of(minute, k)},0,230" for k in (1, 2, 3)]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("latency_s", [0.0, 45.0])
def test_the_future_of_the_record_changes_nothing_before_it(tmp_path: Path, latency_s: float) -> None:
    """Loads that make it move again and again; from minute 90 on everything is different."""

    def varied(minute: int, k: int) -> int:
        return ((5000, 5000, 5000), (5000, -5000, 0))[minute // 20 % 2][k - 1]

    one = write(tmp_path / "one.csv", _changing(180, varied))
    two = write(tmp_path / "two.csv", _changing(180, lambda m, k: varied(m, k) if m < 90 else 9000 * (k == m % 3 + 1)))
    turn = T0 + 90 * 60
    first, second = (run(path, {"dwell_s": 60}, latency_s=latency_s).moves() for path in (one, two))
    before = [move for move in first if move[0] < turn]
    assert len(before) >= 3, "the record must make it move for this to mean something"
    assert before == [move for move in second if move[0] < turn]
    assert first != second


def test_failing_switches_are_locked_out_until_the_technician_has_come(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", skewed(240))
    never = run(path, switch_failures=1.0, repair_h=24.0).summary()
    assert never["operations"] == 0
    assert never["failed_commands"] == never["commands"] == 3, "each house once, then it is locked out"
    assert never["neutral_current"]["with_moves"] == never["neutral_current"]["without_moves"]
    soon = run(path, switch_failures=1.0, repair_h=0.5).summary()
    assert soon["commands"] > 3


@pytest.mark.parametrize("mode", ["advise", "hold"])
def test_a_site_that_only_advises_sees_what_moving_would_do(tmp_path: Path, mode: str) -> None:
    replay = run(write(tmp_path / "r.csv", skewed(10)), {"mode": mode})
    assert len(replay.moves()) == 2


def test_rows_that_were_passed_over_are_in_the_summary(tmp_path: Path) -> None:
    summary = run(write(tmp_path / "r.csv", skewed(3, later=f"{T0 + 200},stranger,1,0,230\n"))).summary()
    assert summary["rows_refused"] == {"house not configured": 1}


def test_a_folder_that_cannot_be_written_is_named_before_the_replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[[houses]]\nid = "h1"\nphase = "L1"\n', encoding="utf-8")
    # Readings that are none would be told as soon as anybody looked at them.
    assert replay_command(config, tmp_path / "none.csv", config, ReplayOptions()) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        f"edge-balancer replay: {config} cannot be written: there is a file of this name; give --out"
    )


def test_a_record_without_a_row_is_no_trouble(tmp_path: Path) -> None:
    summary = run(write(tmp_path / "r.csv", "t,house,p\n")).summary()
    assert (summary["readings"], summary["operations"], summary["operations_per_house_day"]) == (0, 0, 0.0)


def test_the_score_is_what_a_hand_computes() -> None:
    """h1 on L1 draws 10 A, h2 (L1) 10 A lagging by 90 degrees; at 60 s h2 is moved to L2, at 180 s h1 feeds in."""
    config = config_of()
    score = Score(config, {"h1": Phase.L1, "h2": Phase.L1})
    score.measure(0.0, [("h1", 2300.0, 0.0, 230.0), ("h2", 0.0, 2300.0, 230.0)])
    score.moved("h2", Phase.L2)
    score.measure(60.0, [("h1", 2300.0, 0.0, float("nan"))])
    score.measure(180.0, [("h1", -2300.0, float("nan"), 230.0)])
    # Without: |10 - 10j| = 14.142 throughout. With: h2 turned by -120 degrees, -10j -> 10 at -210 degrees:
    # (10 - 8.660) + 5j = 5.176 A from 60 s on, (-10 - 8.660) + 5j = 19.319 A from 180 s on. They stand for 60, 120 and
    # (the last: the median of the others) 90 s.
    assert score.result() == {
        "without_moves": {"mean_a": 14.142, "p95_a": 14.142},
        "with_moves": {"mean_a": round((14.1421 * 60 + 5.1764 * 120 + 19.3185 * 90) / 270, 3), "p95_a": 19.319},
    }
    assert score.days == pytest.approx(180 / 86_400)


def test_a_silent_house_counts_no_longer_than_a_reading_may_be_old() -> None:
    score = Score(config_of(), {"h1": Phase.L1})
    score.measure(0.0, [("h1", 2300.0, 0.0, 230.0)])
    score.measure(2700.0, [])
    score.measure(2701.0, [])
    assert score._without == pytest.approx([10.0, 10.0, 0.0])
