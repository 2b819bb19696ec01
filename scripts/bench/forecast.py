"""What a learned forecast costs: its features and its answer for 200 houses, the memory that it adds and the time until
it is loaded. The baseline of the same run is the survival blend's own forecast, and the controller without a model.

The model is the one of the package, where there is one; else, or with --stand-in, boosted trees trained on noise (needs
the extra `train`): of all kinds the slowest to answer, each tree costs the same. Times are judged by the processor's.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.features import FEATURES, features
from edge_balancer.forecast.horizon import BLOCK_MINUTES, horizon
from edge_balancer.forecast.interface import ModelCard, metadata_of
from edge_balancer.forecast.sun import Place
from edge_balancer.forecast.tracker import FeatureTracker
from edge_balancer.models.registry import GRAPH, PACKAGED
from edge_balancer.models.runtime import OnnxModel
from scripts.bench.common import ROOT, loads, machine, percentile, verdict

HOUSES: Final = 200
LIMIT_MS: Final = 2.0
LIMIT_MB: Final = 45.0
WALL: Final = 1_795_348_800.0
H: Final = horizon(25.0)
DEADLINE_S: Final = 0.02
ROUNDS: Final = 30
"""Of boosting, for each block: 180 trees of 31 leaves."""
PROBE: Final = """
import sys, time, uuid
from pathlib import Path
from edge_balancer.daemon import Daemon
from edge_balancer.engine import Engine
from edge_balancer.types.ports import Inputs, Restored
from edge_balancer.types.readings import Reading
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import SwitchReport
from scripts.bench.common import configuration, loads, names
import random
began = time.perf_counter()
model = None
if len(sys.argv) > 1:
    from edge_balancer.models.runtime import OnnxModel
    model = OnnxModel("bench", "bench", Path(sys.argv[1]).read_bytes(), 0.02)
loaded = time.perf_counter() - began
decision = {"mode": "auto", "dwell_s": 0, "smoothing_s": 0, "outage_cooldown_s": 0}
engine = Engine(configuration(200, decision=decision), uuid.UUID(int=1), Restored(1.8e9), 0.0, model=model)
engine.step(0.0, Inputs(1.8e9, reports=[SwitchReport(n, Phase(k % 3), 0.0) for k, n in enumerate(names(200))]))
chance = random.Random(1)
for k in range(1, 120):
    readings = [Reading(n, 60.0 * k, p, v=230.0) for n, p in zip(names(200), loads(200, chance))]
    engine.step(60.0 * k, Inputs(1.8e9 + 60.0 * k, readings=readings))
told = engine.forecast_report().get("model")
assert told is None or (told["calls"] > 20 and "failed" not in told["fault"]), told
kib = next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)
print(kib * 1024 / 1e6, loaded)
"""


def stand_in(rounds: int = ROUNDS) -> bytes:
    """Trees trained on noise."""
    # A second thread that waits for the first makes the training of small trees many times as long.
    os.environ["OMP_NUM_THREADS"] = "1"
    from sklearn.ensemble import HistGradientBoostingRegressor

    from edge_balancer.learning.graph import Graph

    chance = np.random.default_rng(0)
    x, y = chance.random((2000, len(FEATURES))), chance.random((2000, len(BLOCK_MINUTES)))
    ranges = np.stack([np.full(len(FEATURES), -100.0), np.full(len(FEATURES), 100.0)], axis=1)
    card = ModelCard("0", "stand-in of boosted trees", ranges=ranges)
    forests = [
        HistGradientBoostingRegressor(max_iter=rounds, early_stopping=False, random_state=0).fit(x, y[:, block])
        for block in range(len(BLOCK_MINUTES))
    ]
    graph = Graph()
    graph.add("Identity", [graph.trees("features", forests)], "correction")
    return graph.model(len(FEATURES), {"correction": len(BLOCK_MINUTES)}, metadata_of(card))


def a_day() -> tuple[SurvivalBlend, FeatureTracker]:
    """Blend and tracker after a day of readings, one a minute."""
    chance = random.Random(1)
    pv = np.where(np.arange(HOUSES) % 3 == 0, 5000.0, 0.0)
    blend, tracker = SurvivalBlend(HOUSES, 20.0), FeatureTracker(HOUSES, pv, None, Place(48.1, 11.6))
    everybody = np.arange(HOUSES)
    for minute in range(1440):
        now, at = 60.0 * minute, np.full(HOUSES, 60.0 * minute)
        load = np.array(loads(HOUSES, chance)) * (1.0 + 0.1j)
        blend.observe(everybody, load, at, WALL + now, 900.0)
        tracker.observe(everybody, load, at, 900.0)
        blend.learn(now, WALL + now, H)
        tracker.tick(now, WALL + now, blend.now.real)
    return blend, tracker


def timed(what: str, rounds: int, work: Callable[[], Any], baseline: float | None = None) -> float:
    """Milliseconds of processor of a call, the median of so many; printed with what the clock on the wall says."""
    wall, processor = [], []
    work()
    for _ in range(rounds):
        began, worked = time.perf_counter(), time.process_time()
        work()
        processor.append(1000.0 * (time.process_time() - worked))
        wall.append(1000.0 * (time.perf_counter() - began))
    median = statistics.median(processor)
    ratio = "" if baseline is None else f", {median / baseline:.1f} times the blend's forecast"
    shown = f"median {statistics.median(wall):.2f} ms, p95 {percentile(wall, 95):.2f} ms, processor {median:.2f} ms"
    print(f"  {what:38s} {shown}{ratio}")
    sys.stdout.flush()
    return median


def resident(model: Path | None, repeats: int) -> tuple[float, float]:
    """MB of a controller of 200 houses after two hours, and seconds to load its model: the median of some."""
    found = []
    for _ in range(repeats):
        line = subprocess.run(
            [sys.executable, "-c", PROBE, *([] if model is None else [str(model)])],
            check=True, capture_output=True, text=True, cwd=ROOT,
        ).stdout  # fmt: skip
        found.append(tuple(float(word) for word in line.split()))
    return statistics.median(mb for mb, _ in found), statistics.median(s for _, s in found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=500, help="calls that are timed (default: %(default)s)")
    parser.add_argument(
        "--repeats", type=int, default=3, help="processes of each kind for memory (default: %(default)s)"
    )
    parser.add_argument("--model", type=Path, help="a model's file, in place of the packaged one")
    parser.add_argument("--stand-in", action="store_true", help="boosted trees in place of a model")
    args = parser.parse_args()
    print(machine())
    path = args.model or PACKAGED / GRAPH
    onnx = stand_in() if args.stand_in or not path.exists() else path.read_bytes()
    model = OnnxModel("bench", "bench", onnx, DEADLINE_S)
    print(f"model: {model.card.kind} {model.card.version}, {len(onnx) / 1024.0:.0f} KB; {HOUSES} houses")
    blend, tracker = a_day()
    wall = WALL + 86_400.0
    usual = blend.usual(wall, H)
    base = blend.upon(usual)
    rounds = args.rounds
    baseline = timed("the blend's own forecast (baseline)", rounds, lambda: blend.forecast(wall, H))
    made = timed("features", rounds, lambda: features(blend, tracker, wall, H, usual, base), baseline)
    table = features(blend, tracker, wall, H)
    asked = timed("the model's answer, as the daemon asks", rounds, lambda: model(table), baseline)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / GRAPH
        file.write_bytes(onnx)
        without, _ = resident(None, args.repeats)
        with_, load_s = resident(file, args.repeats)
    print(f"  resident without a model (baseline)          {without:.1f} MB")
    print(f"  resident with it                             {with_:.1f} MB, {with_ / without:.2f} times")
    print(f"  loading it, onnxruntime included             {load_s:.2f} s, once, and only where one is configured")
    missed = verdict(f"features of {HOUSES} houses, processor", made, LIMIT_MS, "ms")
    missed += verdict(f"inference for {HOUSES} houses, processor", asked, LIMIT_MS, "ms")
    missed += verdict("resident memory added", with_ - without, LIMIT_MB, "MB")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
