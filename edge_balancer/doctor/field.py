"""Meters and phase switches, as far as they can be heard on the broker without switching anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from edge_balancer.doctor.findings import Finding, fail, names, ok, warn
from edge_balancer.doctor.listening import Heard
from edge_balancer.settings.root import Configuration
from edge_balancer.types.phases import Phase
from edge_balancer.wire import Topics


def controller(config: Configuration, heard: Heard) -> Iterator[Finding]:
    """Whether one is there, and what it says of itself."""
    topics = Topics(config)
    if heard.retained.get(topics.availability) != b"online":
        yield warn("controller", "none is on the broker", "systemctl status edge-balancer; journalctl -u edge-balancer")
        return
    mode = _object(heard.retained.get(topics.mode)).get("mode", "unknown")
    yield ok("controller", f"it runs, in the mode {mode}")
    said = _object(heard.retained.get(topics.diagnostics))
    if fault := _object(said.get("storage")).get("fault"):
        yield fail("controller", f"its store cannot save: {fault}", "look at the disk; docs/operations.md, Trouble")
    if halted := _object(said.get("switches")).get("halted"):
        yield fail("controller", f"automatic switching is halted: {halted}", "look at the switches, then release them")
    if strangers := [str(_object(one).get("id")) for one in said.get("seen_not_configured") or []]:
        yield warn("meters", f"heard and not configured: {names(strangers)}", "add them to the houses, or silence them")


def meters(config: Configuration, heard: Heard, seconds: float) -> Iterator[Finding]:
    """Who spoke within the time that was listened, and what the controller holds for fresh."""
    everyone = [house.id for house in config.houses]
    silent = [house for house in everyone if house not in heard.spoke]
    least = config.decision.min_coverage
    feeder = _object(heard.retained.get(Topics(config).phases))
    running = heard.retained.get(Topics(config).availability) == b"online"
    coverage = feeder.get("coverage") if running else None
    says = f"{len(everyone) - len(silent)} of {len(everyone)} spoke within {seconds:g} s"
    if isinstance(coverage, (int, float)):
        says += f"; the controller holds {100 * coverage:.0f} % for fresh"
    if not silent:
        yield ok("meters", says)
    elif isinstance(coverage, (int, float)) and coverage >= least:
        yield ok("meters", f"{says}; not yet: {names(silent)}")
    else:
        heard_share = (len(everyone) - len(silent)) / len(everyone)
        level = fail if max(heard_share, float(coverage or 0.0)) < least else warn
        yield level(
            "meters",
            f"{says}; silent: {names(silent)}",
            f"look at their supply, their topics and the broker's access rules, or listen longer (--listen); below "
            f"{100 * least:.0f} % nothing is switched by itself",
        )
    if heard.refused:
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(heard.refused.items()))
        yield warn(
            "meters", f"messages that are refused: {counts}", "B/diagnostics shows the last ones and their remedies"
        )


def switches(config: Configuration, heard: Heard) -> Iterator[Finding]:
    """Where each says it stands. That it also moves, only a move can tell: docs/field.md, Commissioning."""
    topics = Topics(config)
    movable = [house.id for house in config.houses if house.movable]
    if not movable:
        yield warn("switches", "no house may be moved", "set switchable for those with a phase switch")
        return
    mute, unsure, offline = [], [], []
    for house in movable:
        state = heard.retained.get(topics.switch_state(house))
        if heard.retained.get(topics.switch_availability(house)) == b"offline":
            offline.append(house)
        elif state is None:
            mute.append(house)
        elif not _has_phase(state):
            unsure.append(house)
    locked = _object(_object(_object(heard.retained.get(topics.diagnostics)).get("switches")).get("locked"))
    for houses, says, remedy in (
        (offline, "offline", "look at their supply and their network"),
        (
            mute,
            "have said nothing",
            "a switch says where it stands, retained, at its start: look at its topic, and restart it",
        ),
        (unsure, "do not know where they stand", "look at their contacts: such a house is locked out"),
        (sorted(locked), "locked out", "look at each, then release it with your name: docs/operations.md"),
    ):
        if houses:
            yield warn("switches", f"{says}: {names(houses)}", remedy)
    good = len(movable) - len({*offline, *mute, *unsure, *locked})
    if good == len(movable):
        yield ok("switches", f"all {good} say where they stand")
    elif not good:
        yield fail("switches", f"none of {len(movable)} can be used", "see above")


def _has_phase(state: bytes) -> bool:
    said = _object(state).get("phase")
    try:
        return said is not None and Phase.parse(str(said)) is not None
    except ValueError:
        return False


def _object(said: Any) -> dict[str, Any]:
    """A JSON object, given as such or as its text; empty where it is none."""
    if isinstance(said, bytes):
        try:
            said = json.loads(said)
        except ValueError:
            return {}
    return said if isinstance(said, dict) else {}
