"""How long the twin's power flow takes for a day of minutes on the European feeder, and how long OpenDSS does.

The feeder is that of pandapower where it is installed, else one of 906 buses and 55 houses of the same make: a trunk
with branches in metre-long pieces. Loads are drawn from a seed. OpenDSS gets the same powers as daily shapes and
solves them in its own daily mode, without monitors, at its default tolerance of 1e-4; it is left out where it is not
installed.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
import warnings
from typing import Any

import numpy as np

from edge_balancer.twin.grid.cables import four_core
from edge_balancer.twin.grid.errors import FeederError
from edge_balancer.twin.grid.from_pandapower import european_lv
from edge_balancer.twin.grid.impedance import Complexes
from edge_balancer.twin.grid.model import Feeder, Houses, Lines
from edge_balancer.twin.grid.power_flow import PowerFlow
from edge_balancer.twin.grid.to_opendss import commands
from edge_balancer.twin.grid.transformer import Transformer
from scripts.bench.common import machine, verdict

MINUTES = 1440
BUSES, HOUSES = 906, 55
TARGET_S = 1.0


def feeder() -> tuple[Feeder, str]:
    """The feeder, and whose it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return european_lv().with_derived_neutrals(), "IEEE European LV feeder of pandapower"
    except FeederError:
        return look_alike(), "a feeder of the European one's size (pandapower is not installed)"


def look_alike() -> Feeder:
    rng = np.random.default_rng(1)
    up = np.array([k - 1 if rng.uniform() < 0.9 else int(rng.integers(max(0, k - 60), k)) for k in range(1, BUSES)])
    return Feeder(
        buses=tuple(f"b{k}" for k in range(BUSES)),
        root=0,
        codes=(four_core("Al", 150),),
        lines=Lines(
            tuple(f"l{k}" for k in range(1, BUSES)),
            up.astype(np.int64),
            np.arange(1, BUSES),
            np.zeros(BUSES - 1, dtype=np.int64),
            rng.uniform(0.1, 3.0, BUSES - 1),
        ),
        transformer=Transformer(800.0, 0.4, 4.0, rated_v=416.0, source_pu=1.05),
        houses=Houses(
            tuple(f"house{k}" for k in range(HOUSES)),
            rng.choice(BUSES, HOUSES, replace=False).astype(np.int64),
            rng.integers(0, 3, HOUSES),
            np.zeros(HOUSES, dtype=bool),
        ),
    )


def day(houses: int) -> Complexes:
    """[minutes, houses] VA: spiky loads, and sun on half the roofs."""
    rng = np.random.default_rng(2)
    sun = 3000.0 * np.clip(np.sin(np.linspace(-np.pi / 2, 3 * np.pi / 2, MINUTES)), 0.0, None)[:, None]
    p = rng.gamma(0.4, 1500.0, (MINUTES, houses)) - sun * (np.arange(houses) % 2)
    return np.asarray(p + 0.1j * np.abs(p))


def ours(net: Feeder, s: Complexes, *, explicit: bool, moving: bool) -> float:
    """Seconds of a solution, the making of the impedance matrix included."""
    phases = np.random.default_rng(3).integers(0, 3, s.shape) if moving else None
    began = time.perf_counter()
    found = PowerFlow(net, explicit).solve(s, phases)
    took = time.perf_counter() - began
    if not found.converged.all():
        sys.exit("the power flow did not converge in every minute")
    return took


def opendss(dss: Any, net: Feeder, s: Complexes, *, explicit: bool) -> float:
    """Seconds of OpenDSS's daily mode alone; building the circuit is not counted."""
    for command in commands(net, np.full(s.shape[1], 1000.0 + 1000.0j), explicit_neutral=explicit):
        dss.Text.Command(command)
    for k in range(s.shape[1]):
        p, q = (" ".join(f"{x:.6g}" for x in part[:, k] / 1000.0) for part in (s.real, s.imag))
        dss.Text.Command(f"new loadshape.s{k} npts={MINUTES} minterval=1 mult=({p}) qmult=({q})")
        dss.Text.Command(f"load.h{k}.daily=s{k}")
    dss.Text.Command(f"set mode=daily stepsize=1m number={MINUTES} maxiterations=100")
    began = time.perf_counter()
    dss.Text.Command("solve")
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="the median of them counts (default %(default)s)")
    rounds = range(max(1, parser.parse_args().rounds))
    net, whose = feeder()
    s = day(len(net.houses))
    try:
        dss: Any = importlib.import_module("opendssdirect")
    except ImportError:
        dss = None
    print(machine())
    print(
        f"{whose}: {len(net.buses)} buses, {len(net.houses)} houses, {MINUTES} minutes, median of {len(rounds)} rounds"
    )
    worst = 0.0
    for explicit, label in ((False, "three-wire"), (True, "explicit neutral")):
        theirs = statistics.median(opendss(dss, net, s, explicit=explicit) for _ in rounds) if dss else None
        for moving in (False, True):
            took = statistics.median(ours(net, s, explicit=explicit, moving=moving) for _ in rounds)
            worst = max(worst, took)
            name = f"{label}, {'other phases every minute' if moving else 'phases at rest'}"
            against = f"; OpenDSS {theirs * 1000:.0f} ms at rest: {theirs / took:.0f} times" if theirs else ""
            print(f"  {name:45s} {took * 1000:7.1f} ms{against}")
    if dss is None:
        print("  OpenDSS is not installed (opendssdirect.py): no baseline")
    return verdict(f"slowest of {MINUTES} minutes", worst, TARGET_S, "s")


if __name__ == "__main__":
    sys.exit(main())
