"""`edge-balancer alerts`: what stands is listed, wishes reach the running controller, a test is really sent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from edge_balancer.cli import main
from edge_balancer.demo.broker import Broker
from tests.alerts.http_double import HttpDouble, Reply
from tests.daemon.daemon_cases import CALM, POSITIONS
from tests.daemon.field import field_at, fresh_base, until
from tests.daemon.service import service
from tests.messenger.test_daemon_tells import URL, config_file, of_switch


async def command(*words: str) -> int:
    return await asyncio.to_thread(main, ["alerts", *words])


async def test_an_alert_is_listed_acknowledged_by_its_number_and_silenced(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = fresh_base()
    config = config_file(tmp_path / "c.toml", broker.port, base, tmp_path / "eb.db")
    with HttpDouble() as web:
        monkeypatch.setenv(URL, web.url)
        async with field_at(broker.port, base) as field, service(config):
            await field.see("availability", lambda m: m.text == "online")
            field.present(*POSITIONS)
            field.loads(*CALM)
            await field.see("phases", lambda m: m.json["houses_fresh"] == 6)
            field.switch("h02", None, result="failed", reason="contact welded")
            await until(lambda: bool(of_switch(web)), "word of the lock-out")
            at = ["--config", str(config)]

            assert await command(*at, "list") == 0
            said = capsys.readouterr().out
            assert "critical switch locked out h02 (switch_locked/h02), active since" in said
            number = of_switch(web)[0]["ack"]
            assert f"number {number}" in said

            assert await command(*at, "ack", number, "--operator", "Ann") == 0
            assert "acknowledged: switch_locked/h02" in capsys.readouterr().out
            await field.see("alert/switch_locked/h02", lambda m: m.json["state"] == "acknowledged")

            assert await command(*at, "silence", "*/h02", "30", "--operator", "Ann") == 0
            seen = await field.see("diagnostics", lambda m: bool(m.json.get("telling", {}).get("silences")))
            assert [s["by"] for s in seen.json["telling"]["silences"]] == ["Ann"]

            assert await command(*at, "ack", "switch_locked/h05") == 1
            assert "no alert with the key or number switch_locked/h05 stands" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "code", "to", "printed"),
    [
        (["webhook"], 200, 0, ["desk"], "desk: delivered"),
        (["webhook", "--to", "elsewhere"], 200, 0, ["elsewhere"], "elsewhere: delivered"),
        (["webhook"], 404, 1, ["desk"], "desk: refused"),
        (["pigeon"], 200, 1, [], "no contact is reached on pigeon"),
        (["pigeon", "--to", "x"], 200, 1, [], "pigeon is no channel in use (webhook)"),
    ],
)
def test_a_test_is_really_sent(
    words: list[str],
    status: int,
    code: int,
    to: list[str],
    printed: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = config_file(tmp_path / "c.toml", 1883, "b", tmp_path / "eb.db")
    with HttpDouble(Reply(status)) as web:
        monkeypatch.setenv(URL, web.url)
        assert main(["alerts", "--config", str(config), "test", *words]) == code
        said = capsys.readouterr()
        assert printed in said.out + said.err
        bodies = [json.loads(posted.body) for posted in web.posted]
        assert [body["to"] for body in bodies] == to
        assert all("Nothing is wrong" in body["text"] for body in bodies)


def test_a_broker_that_is_not_there_is_said(
    tmp_path: Path, free_port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_file(tmp_path / "c.toml", free_port, "b", tmp_path / "eb.db")
    monkeypatch.setenv(URL, "http://127.0.0.1:1/x")
    assert main(["alerts", "--config", str(config), "silence", "storage", "5"]) == 1
    assert f"the broker 127.0.0.1:{free_port} cannot be reached" in capsys.readouterr().err


def test_a_store_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_file(tmp_path / "c.toml", 1883, "b", tmp_path / "eb.db")
    monkeypatch.setenv(URL, "http://127.0.0.1:1/x")
    assert main(["alerts", "list", "--config", str(config)]) == 2
    assert "eb.db" in capsys.readouterr().err
