"""Learned forecasts in the real daemon on a real broker: broken ones, a reload with a new one, and what is not paid."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.cli import main
from edge_balancer.clock import SystemClock
from edge_balancer.daemon import Daemon
from edge_balancer.demo.broker import Broker
from edge_balancer.models.ordeal import FILE, MOST
from edge_balancer.models.registry import GRAPH, Registry
from edge_balancer.models.serving import registry_of
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.database import open_reader
from edge_balancer.types.events import EventKind
from firmware_bridge.host.sd_notify import Notifier
from tests.daemon.daemon_cases import POSITIONS, SKEWED, sections, small_feeder, trail
from tests.daemon.field import field_at, fresh_base, until
from tests.daemon.service import ROOT, Service, write_config
from tests.forecast_model import onnx_files as made
from tests.support.configuration import make_config


class TrueClock(SystemClock):
    """A model is asked only where the time of day is known, which a machine of tests does not say."""

    def synced(self) -> bool:
        return True


ENTRY = """
import sys
from edge_balancer.cli import main
from edge_balancer.clock import SystemClock
SystemClock.synced = lambda self: True
sys.exit(main())
"""


@asynccontextmanager
async def running(config: Configuration) -> AsyncIterator[Daemon]:
    stop = asyncio.Event()
    daemon = Daemon(config, TrueClock(), config.storage.path, Notifier({}))
    task = asyncio.create_task(daemon.run(stop))
    try:
        yield daemon
    finally:
        stop.set()
        await asyncio.wait_for(task, timeout=90.0)


@asynccontextmanager
async def service(config: Path) -> AsyncIterator[Service]:
    """The program as a process, with that clock."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ENTRY,
        "run",
        "--config",
        str(config),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    running_service = Service(process)
    try:
        yield running_service
    finally:
        await running_service.clean_up()


NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def nothing(registry: Registry) -> None:
    """No such model."""


def cut(registry: Registry) -> None:
    made.put(registry, "site", made.good())
    path = registry.place("site") / GRAPH
    path.write_bytes(path.read_bytes()[:-100])


def bad(maker: Callable[[], bytes]) -> Callable[[Registry], None]:
    def put(registry: Registry) -> None:
        made.put(registry, "site", maker())

    return put


BROKEN: dict[str, tuple[Callable[[Registry], None], str]] = {
    "missing": (nothing, "is missing"),
    "truncated": (cut, "it is damaged or was altered"),
    "corrupt": (bad(lambda: b"no model"), "onnxruntime cannot read it"),
    "wrong interface": (bad(lambda: made.with_metadata(interface="9")), "it has interface 9, this program 1"),
    "NaN": (bad(made.not_a_number), "its output `correction` has NaN"),
    "failing": (bad(made.failing), "it failed: Fail"),
    "hanging": (bad(made.hanging), "it hangs: no answer within"),
}


@pytest.mark.parametrize(("prepare", "told"), BROKEN.values(), ids=BROKEN)
async def test_a_broken_model_costs_no_decision_and_people_are_told(
    prepare: Callable[[Registry], None], told: str, broker: Broker, tmp_path: Path
) -> None:
    base, database = fresh_base(), tmp_path / "eb.db"
    prepare(registry_of(database))
    config = small_feeder(broker.port, base, database, forecast={"model": "site"}, decision={"mode": "auto"})
    async with field_at(broker.port, base) as field, running(config) as daemon:
        await field.see("availability", lambda m: m.text == "online")
        field.present(*POSITIONS)
        await field.sync()
        field.loads(*SKEWED)
        command = await field.see("switch/*/set")
        field.answer(command)
        decision = await field.see("decision")
        assert decision.json["advice"] == "survival blend"
        alert = await field.see("alert/model_demoted", lambda m: bool(m.payload))
        assert told in alert.json["text"]
        assert told in daemon.engine.forecast_fault
    assert len(trail(database, EventKind.PLANNED)) >= 1
    kept = _learned(database).get("model", {})
    assert told in kept.get("fault", "") or prepare in {nothing, cut} or "identity" not in kept


def _learned(database: Path) -> dict[str, Any]:
    with open_reader(database) as connection:
        row = connection.execute("SELECT value FROM state WHERE key = 'learned'").fetchone()
    return {} if row is None else dict(json.loads(row[0]))


async def test_that_a_model_was_set_aside_is_on_disk_at_once(broker: Broker, tmp_path: Path) -> None:
    """A crash must not bring it back."""
    base, database = fresh_base(), tmp_path / "eb.db"
    made.put(registry_of(database), "site", made.not_a_number())
    config = small_feeder(
        broker.port, base, database, forecast={"model": "site"}, decision={"mode": "auto"}, storage={"batch_s": 900}
    )
    async with field_at(broker.port, base) as field, running(config) as daemon:
        await field.see("availability", lambda m: m.text == "online")
        field.present(*POSITIONS)
        await field.sync()
        field.loads(*SKEWED)
        await field.see("switch/*/set")
        assert daemon.engine.forecast_fault
        await until(lambda: bool(_learned(database).get("model", {}).get("fault")), "the fault on disk")


async def test_who_says_nothing_of_models_is_advised_by_the_one_in_the_package(broker: Broker, tmp_path: Path) -> None:
    """And an orderly end is no crash, however often."""
    base, database = fresh_base(), tmp_path / "eb.db"
    keys = sections(broker.port, base, database, decision={"mode": "auto"})
    del keys["forecast"]
    config = make_config(6, **keys)
    mark = tmp_path / FILE
    for _ in range(MOST + 1):
        async with field_at(broker.port, base) as field, running(config) as daemon:
            await field.see("availability", lambda m: m.text == "online")
            assert daemon.engine.forecast_fault == ""
            assert mark.exists()
        assert not mark.exists()
    async with field_at(broker.port, base) as field, running(config) as daemon:
        await field.see("availability", lambda m: m.text == "online")
        field.present(*POSITIONS)
        await field.sync()
        field.loads(*SKEWED)
        await field.see("decision")
        assert daemon.engine.advice.startswith("model default ")
        diagnostics = await field.see("diagnostics", lambda m: "model" in m.json["forecast"])
        assert diagnostics.json["forecast"]["model"]["name"] == "default"
        assert (await field.see("decision")).json["advice"].startswith("model default ")


async def test_a_reload_takes_up_what_was_activated(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, database = fresh_base(), tmp_path / "eb.db"
    registry = registry_of(database)
    made.put(registry, "one", made.not_a_number())
    made.put(registry, "two", made.good(0.1))
    registry.activate("one", NOON)
    keys = sections(broker.port, base, database, forecast={"model": "active"}, decision={"mode": "auto"})
    config = write_config(tmp_path / "c.toml", keys)
    async with field_at(broker.port, base) as field, service(config) as daemon:
        assert (await daemon.says("learned forecast"))["model"] == "one"
        await field.see("availability", lambda m: m.text == "online")
        field.present(*POSITIONS)
        await field.sync()
        field.loads(*SKEWED)
        command = await field.see("switch/*/set")
        field.answer(command)
        await field.see("alert/model_demoted", lambda m: bool(m.payload))
        daemon.signal(signal.SIGHUP)
        await daemon.says("reload: nothing to apply")
        here = field.now()
        assert main(["models", "--config", str(config), "activate", "two"]) == 0
        assert "two is active" in capsys.readouterr().out
        daemon.signal(signal.SIGHUP)
        assert (await daemon.says("reloading"))["sections"] == ["learned model"]
        assert (await daemon.says("learned forecast", 2))["model"] == "two"
        await field.see("alert/model_demoted", lambda m: not m.payload, since=here)
        told = await field.see("diagnostics", lambda m: "model" in m.json["forecast"], since=here)
        assert told.json["forecast"]["model"]["name"] == "two"
        assert (told.json["forecast"]["model"]["use"], told.json["forecast"]["model"]["fault"]) == ("advises", "")
        assert (await daemon.end()).code == 0


PROBE = """
import asyncio, sys
from pathlib import Path
from edge_balancer.cli import main
from edge_balancer.clock import SystemClock
from edge_balancer.daemon import Daemon
from edge_balancer.settings.load import load
config = load(Path(sys.argv[1]), {})
daemon = Daemon(config, SystemClock(), config.storage.path)
async def run():
    stop = asyncio.Event()
    task = asyncio.create_task(daemon.run(stop))
    while daemon._engine is None and not task.done():
        await asyncio.sleep(0.01)
    stop.set()
    await task
asyncio.run(run())
print(",".join(sorted(m for m in ("onnxruntime", "onnx", "sklearn", "scipy") if m in sys.modules)))
"""


@pytest.mark.parametrize(("model", "loaded"), [("none", ""), ("site", "onnxruntime")])
def test_the_runtime_is_not_paid_for_without_a_model(model: str, loaded: str, free_port: int, tmp_path: Path) -> None:
    database = tmp_path / "eb.db"
    made.put(registry_of(database), "site", made.good())
    keys = sections(free_port, "test/alone", database, forecast={"model": model})
    config = write_config(tmp_path / "c.toml", keys)
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == loaded
