"""`edge-balancer replay`: runs it and prints what came of it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

from edge_balancer.errors import EdgeBalancerError
from edge_balancer.models.serving import loaded, registry_of
from edge_balancer.output import make_folder, unwritable
from edge_balancer.replay.readings_file import passed_over
from edge_balancer.replay.run import Replay, ReplayOptions
from edge_balancer.settings.load import load

GOOD: Final = 0
REFUSED: Final = 2


def replay_command(config: Path, readings: Path, out: Path, options: ReplayOptions) -> int:
    """Write `moves.csv` and `summary.json` into `out`; 2 where arguments, configuration or readings cannot be used."""
    wrong = _wrong(options)
    if wrong:
        print(f"edge-balancer replay: {wrong}", file=sys.stderr)
        return REFUSED
    started = time.monotonic()
    try:
        settings = load(config, os.environ)
        model = loaded(settings.forecast, registry_of(settings.storage.path), timed=False)
        make_folder(out)
        replay = Replay(settings, options, model)
        replay.run(readings)
        replay.write(out)
    except OSError as error:
        print(f"edge-balancer replay: {unwritable(error, out)}", file=sys.stderr)
        return REFUSED
    except EdgeBalancerError as error:
        print(f"edge-balancer replay: {error}", file=sys.stderr)
        return REFUSED
    s = replay.summary()
    current = s["neutral_current"]
    took_s = time.monotonic() - started
    print(f"{s['readings']} readings of {s['houses']} houses over {s['days']:.2f} days in {took_s:.1f} s")
    print(
        f"neutral current: mean {current['without_moves']['mean_a']:.1f} A -> {current['with_moves']['mean_a']:.1f} A, "
        f"95th percentile {current['without_moves']['p95_a']:.1f} A -> {current['with_moves']['p95_a']:.1f} A"
    )
    print(
        f"{s['operations']} operations, {s['operations_per_house_day']:.2f} per switchable house and day "
        f"(budget {s['budget_per_house_day']:g}); {s['failed_commands']} of {s['commands']} commands failed"
    )
    if (told := s["forecast"].get("model")) is not None:
        print(f"learned forecast {told['name']}: {told['use']}{': ' * bool(told['fault'])}{told['fault']}")
    for reason, count in s["rows_refused"].items():
        print(passed_over(count, reason, s["rows_refused_samples"][reason][0]))
    print(f"moves and summary are in {out}")
    return GOOD


def _wrong(options: ReplayOptions) -> str:
    if options.latency_s < 0 or options.switch_time_s < 0 or options.repair_h < 0:
        return "--latency, --switch-time and --repair-hours cannot be negative"
    if not 0.0 <= options.switch_failures <= 1.0:
        return f"--switch-failures {options.switch_failures:g} is a fraction: give a value from 0 to 1"
    return ""
