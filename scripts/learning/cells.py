"""The cells of docs/learning.ipynb; `notebook.py` beside this file executes them. `# %%` begins a cell."""

# %% [markdown]
# # What a learned forecast gains
#
# The figures of [learning.md](learning.md), from the files that the commands left in `docs/learning/`:
#
#     edge-balancer dataset --out data --seeds 1001-1003
#     edge-balancer train --data data --out learning
#     edge-balancer bench balance --controllers blend,ours,persistence --model learning/model/model.onnx --out bench
#
# `loop.csv`, `errors.json` and `policy.json` are of `train`, `bench.csv` is `results.csv` of the bench.

# %%
import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from edge_balancer.benchmark.results import half_interval
from edge_balancer.learning.standings import BLEND, from_csv, standings

FOLDER = globals().get("FOLDER", Path("docs/learning"))
rows = from_csv((FOLDER / "loop.csv").read_text(encoding="utf-8"))
errors = json.loads((FOLDER / "errors.json").read_text(encoding="utf-8"))["errors"]
print(len(rows), "runs on", len({row.feeder for row in rows}), "held-out feeders")

# %% [markdown]
# ## Errors of the forecast
#
# On houses and days that nothing was trained on, relative to the blend.

# %%
blocks = ["5", "10", "15", "30", "60", "120"]
base = np.array(next(one["blocks"] for one in errors if one["name"] == BLEND))
figure, axes = plt.subplots(figsize=(7, 3.5))
for one in errors:
    if one["name"] not in ("persistence", "time of day"):
        axes.plot(blocks, np.array(one["blocks"]) / base, marker="o", label=one["name"])
axes.set_xlabel("length of the block, min, one after the other")
axes.set_ylabel("error over the blend's")
axes.legend()
for one in errors:
    print(f"{one['name']:16}", " ".join(f"{value:7.0f}" for value in one["blocks"]), "W")

# %% [markdown]
# ## The closed loop in small
#
# Each point is a feeder at a budget: the mean neutral current against the blend's on the very same minutes.

# %%
found = standings(rows)
names = [one.advisor for one in found if one.advisor not in ("persistence", "time of day")]
by_key = {(row.advisor, row.feeder, row.budget): row for row in rows}
figure, axes = plt.subplots(figsize=(7, 3.5))
for place, name in enumerate(names):
    for colour, budget in zip(("tab:blue", "tab:orange", "tab:green"), (1.0, 2.0, 4.0), strict=True):
        own = [row for row in rows if row.advisor == name and row.budget == budget]
        ratios = [100.0 * (row.mean_a / by_key[BLEND, row.feeder, budget].mean_a - 1.0) for row in own]
        axes.plot([place + 0.15 * np.log2(budget) - 0.15] * len(ratios), ratios, "o", color=colour, alpha=0.6)
axes.axhline(0.0, color="black", linewidth=0.8)
axes.set_xticks(range(len(names)), names)
axes.set_ylabel("neutral current, % of the blend's\n(1, 2, 4 operations from left to right)")
for one in found:
    half = "" if one.half is None else f" +/- {100 * one.half:.1f}"
    print(f"{one.advisor:16} {100 * one.change:+6.1f}{half} %, {one.pairs} feeders")

# %% [markdown]
# ## Operations that the same current takes

# %%
figure, axes = plt.subplots(figsize=(7, 3.5))
for name in (BLEND, *names):
    budgets = sorted({row.budget for row in rows})
    shared = {row.feeder for row in rows if row.advisor == name}
    ratio = [
        np.mean([by_key[name, feeder, k].mean_a / by_key[BLEND, feeder, 2.0].mean_a for feeder in shared])
        for k in budgets
    ]
    axes.plot(budgets, ratio, marker="o", label=name)
axes.axhline(1.0, color="black", linewidth=0.8)
axes.set_xlabel("operations per house and day")
axes.set_ylabel("neutral current over the blend's at two")
axes.legend()

# %% [markdown]
# ## The whole engine
#
# The bench in slots of ten seconds, two operations per house and day, paired by feeder.

# %%
path = FOLDER / "bench.csv"
bench = list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []
blend = {(one["scenario"], one["seed"]): float(one["mean_a"]) for one in bench if one["controller"] == "blend"}
for name in ("ours", "persistence"):
    runs = [one for one in bench if one["controller"] == name and (one["scenario"], one["seed"]) in blend]
    changes = []
    for one in runs:
        reference = blend[one["scenario"], one["seed"]]
        changes.append(math.log(float(one["mean_a"]) / reference))
        feeder = f"{one['scenario']:14} seed {one['seed']}"
        change = 100 * math.expm1(changes[-1])
        print(f"{feeder}: {name:12} {float(one['mean_a']):6.2f} A, blend {reference:6.2f} A: {change:+5.1f} %")
    width = half_interval(changes)
    if width is not None:
        mean = math.exp(np.mean(changes))
        wide = 100 * mean * math.sinh(width)
        print(f"{name} against the blend: {100 * (mean - 1):+.1f} +/- {wide:.1f} %, {len(changes)} feeders")
