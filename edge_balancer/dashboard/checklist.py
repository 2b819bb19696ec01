"""What is still to be done before a feeder may be left to the controller. Judged from what is seen, not from ticks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from edge_balancer.dashboard.api.model import House
from edge_balancer.dashboard.api.setup_model import Step
from edge_balancer.dashboard.board import View
from edge_balancer.settings.root import Configuration
from edge_balancer.types.switching import Mode

_MOST_NAMES: Final = 8


def checklist(
    config: Configuration, view: View, houses: Sequence[House], moved: frozenset[str], operators: int
) -> Iterator[Step]:
    """The steps in the order in which one does them. `moved`: houses of which a move was ever verified."""
    yield _step("broker", view.connected, "The broker is connected", f"the connection is {view.broker}")
    yield _step("clock", view.synced, "The clock is synchronised", "check the network and systemd-timesyncd")
    yield _step("store", not view.storage_fault, "The store can save", view.storage_fault)
    yield from _meters(config, view, houses)
    yield from _switches(houses, moved, view.mode, automatic=config.decision.automatic)
    yield _step(
        "records",
        not view.doubts,
        "The phases on record agree with the voltages",
        _listed((doubt.house for doubt in view.doubts), "in doubt"),
        warn=True,
    )
    yield _step(
        "signatures",
        bool(config.bridge.command_keys.get_secret_value()),
        "Commands to switches are signed",
        "anybody on the broker could move houses: give bridge.command_keys to both sides",
        warn=True,
    )
    yield _step(
        "contacts",
        bool(config.contacts),
        "Somebody is told of alerts",
        "no [[contacts]] are configured: alerts are on MQTT and here alone",
        warn=True,
    )
    yield _step(
        "accounts",
        operators > 0,
        "There is an account to give orders with",
        "make one with: edge-balancer account add NAME --role operator",
        warn=True,
    )
    yield _step(
        "mode",
        view.mode is Mode.AUTO and config.decision.automatic,
        "The controller may move houses by itself",
        f"the mode is {view.mode}: set it to auto when the rest is done"
        if view.mode is not Mode.AUTO
        else "decision.automatic is false: when the rest is done, take it out of the configuration and reload",
    )


def _meters(config: Configuration, view: View, houses: Sequence[House]) -> Iterator[Step]:
    silent = [house.id for house in houses if house.t is None]
    yield _step("meters", not silent, "Every meter was heard", _listed(silent, "never heard"))
    stale = [house.id for house in houses if house.t is not None and not house.fresh]
    yield _step("fresh", not stale, "Every meter that was heard reports still", _listed(stale, "silent now"), warn=True)
    without = [house.id for house in houses if house.t is not None and house.v is None]
    yield _step(
        "voltages",
        not without,
        "Meters report voltages",
        _listed(without, "without: their limits cannot be watched, nor their phases checked"),
        warn=True,
    )
    strangers = [seen.id for seen in view.strangers]
    yield _step(
        "strangers",
        not strangers,
        "Every meter that speaks is configured",
        _listed(strangers, "speak and are not configured"),
        warn=True,
    )
    yield _step(
        "transformer",
        view.transformer is not None,
        "The transformer's own meter is heard",
        "without it, loads that no meter shows are not counted"
        + ("" if not config.transformer_meters else ": it is configured, and silent"),
        warn=True,
    )


def _switches(houses: Sequence[House], moved: frozenset[str], mode: Mode, *, automatic: bool) -> Iterator[Step]:
    movable = [house for house in houses if house.switchable and not house.three_phase and not house.critical]
    unknown = [house.id for house in movable if not house.known]
    yield _step("switches", not unknown, "Every switch has said where it stands", _listed(unknown, "have not"))
    offline = [house.id for house in movable if house.offline]
    yield _step("online", not offline, "Every switch is online", _listed(offline, "offline"))
    locked = [house.id for house in movable if house.locked is not None]
    yield _step("locked", not locked, "No switch is locked out", _listed(locked, "locked out"))
    untried = [house.id for house in movable if house.id not in moved]
    yield _step(
        "tested",
        not untried,
        "Every switch has made a move that its meter showed",
        _listed(untried, f"untried. {_how_to_test(mode, automatic=automatic)}"),
    )


def _how_to_test(mode: Mode, *, automatic: bool) -> str:
    """What stands between the switches and a test of them alone: `advise` and `hold` command nothing, and `auto` moves
    houses by itself, unless it is told not to."""
    hold_back = "write automatic = false under [decision] and reload"
    if mode is not Mode.AUTO:
        alone = f"{hold_back}, so that nothing else moves; " if automatic else ""
        return (
            f"In the mode {mode} nothing is commanded: {alone}set the mode to auto, then move them one by one, and back"
        )
    if automatic:
        return f"Move them one by one, and back. The controller moves houses meanwhile; to prevent that, {hold_back}"
    return "Move them one by one, and back: nothing else moves meanwhile"


def _step(key: str, good: bool, text: str, otherwise: str, *, warn: bool = False) -> Step:
    state: Any = "done" if good else "warn" if warn else "open"
    return Step(key, state, text, "" if good else otherwise)


def _listed(names: Iterable[str], what: str) -> str:
    """`h1, h2 and 30 more: what`"""
    found = list(names)
    more = len(found) - _MOST_NAMES
    shown = ", ".join(found[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    return f"{shown}: {what}"
