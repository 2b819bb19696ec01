"""The bench's extra controllers: a learned model in the engine, and a forecast that nothing changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.benchmark.learned import learned
from edge_balancer.benchmark.ledger import fingerprint
from edge_balancer.benchmark.options import BenchOptions
from edge_balancer.benchmark.ours import configuration, run_engine
from edge_balancer.benchmark.persistence import Persistence
from edge_balancer.benchmark.scenarios import Meters, Switches, scenario
from edge_balancer.forecast.horizon import horizon
from edge_balancer.forecast.interface import ModelCard
from edge_balancer.learning.export import drawn
from edge_balancer.learning.policy import INPUTS, Policy
from tests.benchmark.bench_cases import small_case

LOOKING = horizon(25.0)


def model_file(folder: Path, weight: float) -> str:
    path = folder / f"{weight}.onnx"
    path.write_bytes(drawn(None, Policy((weight,) * len(INPUTS)), ModelCard("1", "policy")))
    return str(path)


def test_persistence_says_the_last_whole_slot_and_knows_its_error_from_the_history_alone() -> None:
    case = small_case(4, 400, 1, history=400)
    told = Persistence(case)
    for slot in (1, 7, 500):
        wall = case.start + slot * case.step_s
        for later in (0.0, 1.0, case.step_s - 1.0):
            forecast = told.forecast(wall + later, LOOKING)
            np.testing.assert_allclose(forecast, np.repeat(case.power[slot - 1][:, None], 6, axis=1))
    power = case.power.copy()
    power[case.judged :] *= 10.0
    np.testing.assert_array_equal(Persistence(replace(case, power=power)).error_va(1.0), told.error_va(1.0))
    # Houses that draw anything: a slot says as little of the next five as of the next hundred.
    assert (told.error_va(1.0) > 3000.0).all()
    assert Persistence(small_case(4, 50, 1)).error_va(1.0).tolist() == [0.0] * 6


def test_a_model_file_is_asked_in_the_engine_and_changes_what_it_does(tmp_path: Path) -> None:
    case = small_case(6, 600, 3)
    runs = []
    for weight in (0.0, 0.0, 0.3):
        model = learned(model_file(tmp_path, weight))
        run = run_engine(
            case, configuration(case, 8.0), Meters(period_s=60.0), Switches(), 3, lambda _: None, model=model
        )
        runs.append(run.schedule.phase)
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_a_result_hangs_on_the_models_file(tmp_path: Path) -> None:
    what = scenario("houses-20")
    first, other = (BenchOptions(model=model_file(tmp_path, weight)) for weight in (0.0, 0.2))
    assert fingerprint(what, "ours", first) != fingerprint(what, "ours", other)
    assert fingerprint(what, "ours", first) != fingerprint(what, "ours", BenchOptions(model="none"))
    assert fingerprint(what, "blend", first) == fingerprint(what, "blend", other)


def test_a_file_that_is_missing_or_none_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--model .*none\.onnx: No such file"):
        learned(str(tmp_path / "none.onnx"))
    (tmp_path / "odd.onnx").write_bytes(b"odd")
    with pytest.raises(ValueError, match=r"--model .*odd\.onnx: onnxruntime cannot read it"):
        learned(str(tmp_path / "odd.onnx"))
