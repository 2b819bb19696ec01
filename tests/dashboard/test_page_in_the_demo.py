"""`edge-balancer demo` serves the page of its own daemon: live, readable without a login, in the demo's own time."""

from __future__ import annotations

import argparse
import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.clock import Clock
from edge_balancer.daemon import Daemon
from edge_balancer.demo.commands import add_demo_arguments
from edge_balancer.demo.configuration import zone_of
from edge_balancer.demo.options import DemoOptions
from edge_balancer.demo.session import Controller, View, run_demo
from edge_balancer.demo.watch import Watch
from edge_balancer.settings.root import Configuration
from edge_balancer.twin.options import TwinOptions
from tests.daemon.field import WITHIN_S


class Unseen:
    """A view that shows nothing."""

    def open(self) -> None: ...

    def refresh(self) -> None: ...

    def close(self) -> None: ...


def view(_watch: Watch, _twin: TwinOptions, _title: str) -> View:
    return Unseen()


def daemon(configuration: Configuration, clock: Clock, database: Path) -> Controller:
    return Daemon(configuration, clock, database)


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=WITHIN_S) as answer:  # noqa: S310 -- our own
        return json.loads(answer.read())


async def test_the_address_is_told_once_and_shows_the_feeder_live_with_its_past() -> None:
    told: list[str] = []
    stop = asyncio.Event()
    options = DemoOptions(houses=12, speed=300.0, page=True)
    running = asyncio.create_task(run_demo(options, view, daemon, stop, announce=told.append))
    try:
        async with asyncio.timeout(WITHIN_S):
            while not told:
                assert not running.done(), running.result()
                await asyncio.sleep(0.05)
            api = f"{told[0]}api/v1"
            while (status := await asyncio.to_thread(fetch, f"{api}/status"))["houses_fresh"] < 12:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            while not any((await asyncio.to_thread(fetch, f"{api}/history/feeder"))["series"]["i_n"]):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert status["feeder"]["timezone"].startswith("Etc/GMT")
        assert status["t"] < 1_760_000_000, "the demo's own day"
        session = await asyncio.to_thread(fetch, f"{api}/session")
        assert (session["role"], session["reading_free"], session["accounts"]) == ("viewer", True, False)
    finally:
        stop.set()
        await asyncio.wait_for(running, WITHIN_S)
    assert len(told) == 1
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(fetch, f"{api}/status")


@pytest.mark.parametrize(("words", "served"), [([], True), (["--no-page"], False)])
def test_it_is_served_unless_switched_off(words: list[str], served: bool) -> None:
    parser = argparse.ArgumentParser()
    add_demo_arguments(parser)
    assert (not parser.parse_args(words).no_page) is served


@pytest.mark.parametrize(("hours", "zone"), [(1.0, "Etc/GMT-1"), (-5.0, "Etc/GMT+5"), (0.0, "Etc/GMT+0"), (5.5, "")])
def test_the_demos_zone_has_a_name(hours: float, zone: str) -> None:
    assert zone_of(hours) == zone
