"""Figures that the pages on architecture and control state are the code's own: a constant that changes takes its
sentence along."""

from __future__ import annotations

import re
from typing import Final

import pytest

from edge_balancer import daemon, engine
from edge_balancer.analysis import distance
from edge_balancer.decision import desk, price, triggers
from edge_balancer.decision.search import REFINEMENTS
from edge_balancer.decision.squares import MOST_TRIPLES, STARTS
from edge_balancer.forecast import levels, sessions, survival, usual
from edge_balancer.settings import policy
from edge_balancer.settings.root import Configuration
from edge_balancer.storage import backlog, thread
from edge_balancer.switching import evidence, flights, transformer_witness, voltage_witness
from edge_balancer.telemetry import strangers
from edge_balancer.telemetry.intake import MOST_BYTES
from edge_balancer.telemetry.rings import memory_bytes
from firmware_bridge.host import link
from tests.docs.contract_file import DOCS

PAGE: Final = re.sub(
    r"\s+", " ", "".join((DOCS / name).read_text(encoding="utf-8") for name in ("architecture.md", "control.md"))
)
RINGS: Final = Configuration().telemetry


def half_lives() -> str:
    *most, last = (f"{half_life / 60:g}" for half_life in levels.HALF_LIVES_S)
    return f"{', '.join(most)} and {last}"


def ring_mb(houses: int) -> float:
    return memory_bytes(houses, RINGS.ring_hours, RINGS.grid_s) / 1e6


@pytest.mark.parametrize(
    "stated",
    [
        f"a factor that starts at {price.START:g} / (operations per house and day)^{price.CHEAPER:g}",
        f"the budget ({100 * price.MARGIN:g} % of it)",
        f"begins {price.RESERVE_DAYS:g} days' budget in debt",
        f"moving means of {half_lives()} min half-life",
        f"memory about {usual.MEMORY_DAYS:g} days",
        f"count as {survival.FEELS_PRIOR:,.0f} samples, one every {survival.STEP_S:g} s and house",
        f"feeder's count as {survival.FEELS_FEEDER:,.0f}), memory {survival.MEMORY_DAYS:g} days",
        f"least {sessions.LEAST_W / 1000:g} kW above what the house drew before, for {sessions.CONFIRM_S / 60:g} min",
        f"steps of at least {distance.LEAST_STEP_W:g} W between readings at most {distance.LONGEST_S:g} s apart",
        f"Below {distance.ENOUGH_KW2:g} kW² of steps",
        f"`distance_weight` ({100 * policy.DecisionSettings().distance_weight:g} %)",
        f"changed by {100 * desk.CHANGE:g} %",
        f"after {desk.REVIEW_S:g} s with new readings",
        f"more than {desk.SPACED_HOUSES} houses",
        f"| {triggers.VOLTAGE_RELEASE_V:g} V back inside |",
        f"voltages further apart than {voltage_witness.TELLING_VOLTS:g} V",
        f"load is above {transformer_witness.TELLING_WATTS:g} W",
        f"({backlog.MAX_EVENTS:,} events",
        f"back off from {thread.FIRST_RETRY_S:g} to {thread.LAST_RETRY_S:g} s",
        f"does not answer within {daemon.JOURNAL_PATIENCE_S:g} s counts as failed",
        f"record took longer than {daemon.COMMAND_AGE_S:g} s is given up",
        f"every {daemon.LEARNED_EVERY_S / 60:g} min, and at the end",
        f"at most {link.BURST} packets",
        f"backs off from {link.FIRST_RETRY_S:g} to {link.LAST_RETRY_S:g} s",
        f"{MOST_BYTES // 1024} KiB a message",
        f"{strangers.MOST_STRANGERS} unknown houses",
        f"{ring_mb(55):.1f} MB for 55 houses, {ring_mb(200):.1f} MB for 200, {ring_mb(1000):.0f} MB for 1000",
    ],
)
def test_a_figure_on_the_page_is_the_codes(stated: str) -> None:
    assert stated in PAGE


@pytest.mark.parametrize(
    ("stated", "actual"),
    [
        ("at least every second", engine.TICK_S == 1.0),
        ("greedily from eight starts", STARTS == 8),
        ("at most half a million triples", MOST_TRIPLES == 1 << 19),
        ("at most three times, and the set that is best by the cost itself", REFINEMENTS == 3),
        ("until it falls to half", sessions.OVER == 0.5),
        ("locked out after three in a row", flights.REJECTIONS == 3),
        ("two readings in a row contradict", evidence.CONTRADICTIONS == 2),
        (
            "transformer needs twice as much",
            transformer_witness.ACCUSE_WANDERS == 2 * transformer_witness.AGREE_WANDERS,
        ),
        (
            "half a day's budget is saved, at most three days' owed",
            (price.MOST_SAVED_DAYS, price.MOST_OWED_DAYS) == (0.5, 3.0),
        ),
    ],
)
def test_a_figure_in_words_is_the_codes(stated: str, actual: bool) -> None:
    assert stated in PAGE
    assert actual
