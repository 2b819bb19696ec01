"""Did the house really move? What the meters say about a switch that reports it is done.

Three witnesses: the house's meter still measures (supply is back); the house's voltage now keeps company with its new
phase; the transformer's phases changed by the house's load. The last two speak only where the phases differ by more
than the feeder errs and wanders by itself at this hour, and more clearly still before they accuse a switch: a false
accusation locks a good switch out and sends a person there, while a switch that lies in silence is found by the check
of the records within hours. Where nothing tells, a living meter must do; the strength of the evidence is recorded.
Pure.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.switching.picture import Before, Finding, Move, Picture, Testimony
from edge_balancer.switching.transformer_witness import TransformerLog
from edge_balancer.switching.voltage_witness import ALIVE, ask_voltage, reaches
from edge_balancer.switching.voltage_witness import SILENT as NO_VOLTAGE

CONTRADICTIONS: Final = 2
"""One odd reading may be a load that changed with the move; two in a row are not."""


def before_move(picture: Picture, house: int) -> Before:
    """Take down what the witnesses say while the house is still on its old phase."""
    return Before(at=picture.now, p=float(picture.p[house]), reach=reaches(picture))


def testify(
    picture: Picture, move: Move, before: Before, transformer: TransformerLog, *, use_voltage: bool
) -> Testimony:
    """What the meters say about a move that the switch reported done."""
    at = own = float(picture.at[move.house])
    if not at >= move.since:
        return Testimony(Finding.NOTHING, "no reading since the switch reported", at)
    v, p = float(picture.v[move.house]), float(picture.p[move.house])
    if v < ALIVE * picture.nominal_v:
        return Testimony(Finding.DEAD, f"the meter shows {v:.0f} V", at)
    if np.isnan(v) and p == 0.0 and abs(before.p) > 20.0:
        return Testimony(Finding.DEAD, f"the meter shows no load where there were {before.p:.0f} W", at)
    reading = picture.transformer
    if reading is not None and reading.at >= move.since:
        at = max(at, reading.at)
    voltage = ask_voltage(picture, move, before) if use_voltage else NO_VOLTAGE
    if voltage.finding is not None:
        # A second accusation must rest on a second reading of the house itself.
        return Testimony(voltage.finding, voltage.words, own if voltage.finding is Finding.CONTRADICTS else at)
    load = transformer.ask(picture, move, before)
    if load.finding is Finding.AGREES:
        return Testimony(load.finding, load.words, at)
    # Of two witnesses that contradict each other neither is believed.
    if load.finding is Finding.CONTRADICTS and voltage.fits_old is not False:
        return Testimony(load.finding, load.words, own)
    alive = f"supply is back at {v:.0f} V" if not np.isnan(v) else f"the meter measures {p:.0f} W"
    return Testimony(Finding.ALIVE, alive, at, better_expected=load.waiting)
