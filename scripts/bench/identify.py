"""How many houses `edge-balancer identify` puts on their real phase, on feeders of the twin with meters as they are.

Every tenth record is wrong. Meters round to 0.1 V, are noisy, lose one minute in a hundred, and their clocks are up to
a minute off; the medium voltage drifts, flickers and is tapped six times a day. Right, unknown and wrong are counted
apart: after a day, and after all days. The European feeder is that of pandapower, left out where it is not installed.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import dataclass

import numpy as np

from edge_balancer.analysis.phases.window import Bools, Floats, Phases, Verdict, Window
from edge_balancer.identification.history import identify
from edge_balancer.twin.grid.errors import FeederError
from edge_balancer.twin.grid.from_pandapower import european_lv
from edge_balancer.twin.grid.generate import Style, generate
from edge_balancer.twin.grid.model import Feeder
from edge_balancer.twin.grid.power_flow import PowerFlow
from edge_balancer.twin.households import Population, PopulationOptions, mini_grid
from edge_balancer.twin.weather import PvFleet, draw_roofs
from scripts.bench.common import machine, verdict

EUROPEAN = "european"
TARGET = 0.99
DAY = 1440
SPRING = 1_743_984_000
"""2025-04-07; each seed has another month."""
TAPS_A_DAY = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Minutes of a feeder. `load` [T, H] VA, `source` [T] of the no-load voltage."""

    feeder: Feeder
    load: np.ndarray[tuple[int, int], np.dtype[np.complex128]]
    source: Floats
    seed: int

    @property
    def houses(self) -> tuple[str, ...]:
        return self.feeder.houses.names


@dataclass(frozen=True, slots=True)
class Tally:
    """Houses, and the wrong records among them: how many were found wrong, and how many right ones were so called."""

    right: int
    unknown: int
    wrong: int
    bad: int
    found: int
    false: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def share(self) -> float:
        return self.right / (self.right + self.unknown + self.wrong)

    def __str__(self) -> str:
        return (
            f"right {self.right}, unknown {self.unknown}, wrong {self.wrong} ({100.0 * self.share:.1f} %); "
            f"wrong records {self.bad}: found {self.found}, falsely {self.false}"
        )


def feeder_of(style: str, houses: int, seed: int) -> Feeder:
    if style != EUROPEAN:
        return generate(style, houses, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return european_lv().with_derived_neutrals()


def draw(feeder: Feeder, seed: int, days: int, *, of_mini_grid: bool = False, pv_share: float = 0.3) -> Case:
    """Households, roofs on a third of them, cars at a fifth, and a medium voltage."""
    count = len(feeder.houses)
    people = Population(mini_grid(count) if of_mini_grid else PopulationOptions(count, ev_share=0.2), seed)
    start, seconds = SPRING + seed * 30 * 86_400, days * 86_400
    drawn = people.power(start, seconds, 60)
    p = drawn.p.copy()
    roofs = draw_roofs(count, 0.0 if of_mini_grid else pv_share, seed)
    made = PvFleet(people.weather, roofs, seed).power(start, seconds, 60)
    for k, roof in enumerate(roofs):
        p[:, roof.house] -= made[:, k]
    return Case(feeder, p + 1j * drawn.q, _medium_voltage(days * DAY, np.random.default_rng([seed, 5])), seed)


def _medium_voltage(minutes: int, rng: np.random.Generator) -> Floats:
    steps = 0.0004 * rng.normal(0.0, 1.0, minutes)
    # A slow walk that returns within half a day, by its impulse response.
    walk = np.convolve(steps, 0.999 ** np.arange(minutes))[:minutes]
    tapped = np.cumsum(rng.random(minutes) < TAPS_A_DAY / DAY) % 2
    return np.asarray(0.98 + walk + 0.0005 * rng.normal(0.0, 1.0, minutes) + 0.015 * tapped)


def wrong_records(phases: Phases, rng: np.random.Generator, share: float = 0.1) -> Phases:
    """The phases [H] with so many of them, one at least, written down wrong."""
    recorded = phases.copy()
    bad = rng.choice(len(phases), max(1, round(share * len(phases))), replace=False)
    recorded[bad] = (recorded[bad] + rng.integers(1, 3, len(bad))) % 3
    return recorded


def metered(case: Case, real: Phases, recorded: Phases, *, transformer: bool, noise_v: float = 0.05) -> Window:
    """What the meters make of it. `real` and `recorded` [T, H] or [H]."""
    shape = case.load.shape
    solved = PowerFlow(case.feeder, explicit_neutral=True).solve(case.load, real.astype(np.int64), case.source)
    rng = np.random.default_rng([case.seed, 6])
    off = rng.uniform(-1.0, 1.0, shape[1])
    lost = rng.random(shape) < 0.01

    def read(values: Floats, resolution: float, noise: Floats) -> Floats:
        t = np.arange(shape[0])
        seen = np.stack([np.interp(t + off[h], t, values[:, h]) for h in range(shape[1])], axis=1)
        return np.where(lost, np.nan, np.round((seen + noise) / resolution) * resolution)

    volts = read(np.abs(solved.house_v), 0.1, rng.normal(0.0, noise_v, shape))
    power = read(case.load.real, 1.0, np.zeros(shape))
    reactive = read(case.load.imag, 1.0, np.zeros(shape))
    bus = np.round((np.abs(solved.bus_v) + rng.normal(0.0, noise_v, solved.bus_v.shape)) / 0.1) * 0.1
    grid = np.broadcast_to(recorded, shape).astype(np.int8)
    return Window(60.0, volts, power, reactive, grid, bus if transformer else None)


def tally(verdicts: tuple[Verdict, ...], real: Phases, recorded: Phases) -> Tally:
    said = np.array([-1 if one.phase is None else int(one.phase) for one in verdicts])
    called: Bools = np.array([one.wrong for one in verdicts])
    bad, right = recorded != real, said == real
    counts = (right, said < 0, ~right & (said >= 0), bad, called & bad & right, called & ~(bad & right))
    return Tally(*(int(count.sum()) for count in counts))


def measure(style: str, houses: int, seed: int, days: int, *, transformer: bool) -> tuple[Tally, Tally]:
    """After the first day, and after all."""
    feeder = feeder_of(style, houses, seed)
    case = draw(feeder, seed, days, of_mini_grid=style == Style.MINI_GRID)
    real = feeder.houses.phase.astype(np.int8)
    recorded = wrong_records(real, np.random.default_rng([seed, 9]))
    window = metered(case, real, recorded, transformer=transformer)
    day, whole = (identify(window.part(0, end), case.houses) for end in (DAY, days * DAY))
    return tally(day, real, recorded), tally(whole, real, recorded)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=4, help="of each feeder (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=11, help="default: %(default)s")
    args = parser.parse_args()
    print(machine())
    feeders = [(EUROPEAN, 55), ("rural", 13), ("rural", 40), ("suburban", 60), ("urban", 80), ("mini-grid", 40)]
    code = 0
    for style, houses in feeders:
        for transformer in (False, True):
            day, whole = Tally(0, 0, 0, 0, 0, 0), Tally(0, 0, 0, 0, 0, 0)
            try:
                for seed in range(args.first_seed, args.first_seed + max(1, args.seeds)):
                    first, all_days = measure(style, houses, seed, max(1, args.days), transformer=transformer)
                    day, whole = day + first, whole + all_days
            except FeederError as error:
                print(f"{style}: left out: {error}")
                continue
            beside = "with" if transformer else "without"
            print(f"{style}, {houses} houses x {args.seeds} seeds, {beside} the transformer's meter")
            print(f"  after 1 day:  {day}\n  after {args.days} days: {whole}", flush=True)
            if style == EUROPEAN:
                code |= verdict(
                    f"right after {args.days} days", 100.0 * whole.share, 100.0 * TARGET, "%", at_least=True
                )
                code |= verdict("wrong records found in a day", day.found, day.bad, "", at_least=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
