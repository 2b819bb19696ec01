"""Whatever happens to the page's server, control goes on; it is told once, with what to do, and tried again."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from edge_balancer.dashboard.server import Dashboard
from tests.daemon.daemon_cases import POSITIONS, SKEWED, running, small_feeder
from tests.daemon.field import field_at, fresh_base, until
from tests.dashboard.page_site import page_site
from tests.dashboard.stream_ear import listening

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_balancer.dashboard.server.FIRST_RETRY_S", 0.05)
    monkeypatch.setattr("edge_balancer.dashboard.server.LAST_RETRY_S", 0.1)


@pytest.mark.usefixtures("quick_retries")
async def test_a_busy_port_is_told_once_and_taken_when_it_is_free(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    with socket.socket() as other, structlog.testing.capture_logs() as log:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        page = {"enabled": True, "port": port, "accounts": str(tmp_path / "a.json")}
        async with field_at(broker.port, base) as field:
            field.present(*POSITIONS)
            async with running(small_feeder(broker.port, base, tmp_path / "eb.db", dashboard=page)) as daemon:
                await field.see("availability", lambda m: m.text == "online")
                await until(lambda: diagnosed(daemon)["restarts"] >= 3, "it is tried again")
                fault = diagnosed(daemon)["fault"]
                assert f"port {port} of 127.0.0.1 is taken by another program" in fault
                assert "dashboard.port" in fault
                assert daemon.page_address == ""
                field.loads(*SKEWED)
                await field.see("switch/*/set")
                other.close()
                await until(lambda: daemon.page_address == f"http://127.0.0.1:{port}/", "it is served")
                assert diagnosed(daemon)["fault"] == ""
    told = [entry for entry in log if entry["event"].startswith("the page is")]
    assert [entry["event"] for entry in told] == [
        "the page is not served; control goes on",
        "the page is served again",
    ]


def diagnosed(daemon: Any) -> dict[str, Any]:
    found: dict[str, Any] = daemon._showing.diagnostics()
    return found


@pytest.mark.parametrize(
    ("certificate", "why"),
    [(None, "No such file"), ("not a certificate", "PEM files")],
    ids=["missing", "nonsense"],
)
def test_a_certificate_that_cannot_be_used_names_the_file_and_what_is_wanted(
    tmp_path: Path, certificate: str | None, why: str
) -> None:
    file = tmp_path / "page.pem"
    if certificate is not None:
        file.write_text(certificate)
    tls = {"tls_certificate": str(file), "tls_key": str(file)}
    dashboard = Dashboard(
        small_feeder(1, "b", tmp_path / "x.db", dashboard={"enabled": True, "port": 0, **tls}), tmp_path / "x.db"
    )
    dashboard.start()
    try:
        wait_for(lambda: bool(dashboard.diagnostics()["fault"]))
        fault = dashboard.diagnostics()["fault"]
    finally:
        dashboard.close()
    assert why in fault
    assert str(file) in fault
    assert "dashboard.tls_certificate" in fault


def wait_for(condition: Any) -> None:
    async def wait() -> None:
        await until(condition, "the condition")

    asyncio.run(wait())


def test_the_page_is_served_over_tls_with_certificate_files(tmp_path: Path) -> None:
    certificate, key = tmp_path / "page.pem", tmp_path / "page.key"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    command = [
        *made.split(),
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run(command, check=True, capture_output=True)
    tls = {"tls_certificate": str(certificate), "tls_key": str(key), "accounts": str(tmp_path / "a.json")}
    config = small_feeder(1, "b", tmp_path / "x.db", dashboard={"enabled": True, "port": 0, **tls})
    dashboard = Dashboard(config, tmp_path / "x.db")
    dashboard.start()
    try:
        address = dashboard.wait_up(30.0)
        assert address.startswith("https://127.0.0.1:"), dashboard.diagnostics()
        context = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(f"{address}api/v1/session", context=context, timeout=30) as answer:  # noqa: S310 -- ours
            assert answer.status == 200
            assert "max-age" in answer.headers["Strict-Transport-Security"]
    finally:
        dashboard.close()


async def test_a_stop_lets_readers_go_and_the_next_server_takes_the_port_at_once(
    broker: Broker, tmp_path: Path
) -> None:
    async with page_site(broker, tmp_path) as site:
        assert site.daemon._showing is not None
        async with listening(site) as ear:
            await ear.until("snapshot")
            await site.daemon._showing.close()
            with pytest.raises(EOFError):
                await ear.until("an event that never comes")
        page = {"enabled": True, "port": site.port, "accounts": str(tmp_path / "accounts.json")}
        again = Dashboard(small_feeder(1, "b", site.database, dashboard=page), site.database)
        again.start()
        try:
            address = await asyncio.to_thread(again.wait_up, 30.0)
            assert address == f"{site.url}/"
            assert again.diagnostics()["restarts"] == 0
            refused = await site.post("/mode", {"mode": "hold"}, "operator")
            assert (refused.status, refused.headers["retry-after"]) == (503, "2"), "there is no controller behind it"
            assert (await site.get("/status")).status == 503
        finally:
            await asyncio.to_thread(again.close)


async def test_a_store_that_cannot_be_read_hides_nothing_of_the_present(broker: Broker, tmp_path: Path) -> None:
    async with page_site(broker, tmp_path) as site:
        site.database.rename(tmp_path / "gone.db")
        for path in ("/decisions", "/history/feeder", "/alerts/history", "/export?what=trail", "/commissioning"):
            reply = await site.get(path)
            assert (reply.status, reply.media) == (503, "application/problem+json"), path
            assert "does not exist" in reply.json["detail"] or "No such file" in reply.json["detail"]
        house = (await site.get("/houses/h01")).json
        assert (house["p"], house["moves"]) == (0.0, [])
        assert (await site.get("/phases")).status == (await site.get("/alerts")).status == 200
        assert site.page["errors"] == 0


async def test_a_defect_in_a_route_is_one_answer_of_500_and_counted(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with page_site(broker, tmp_path) as site:

        def broken(*_: object) -> None:
            raise ZeroDivisionError("a defect")

        with structlog.testing.capture_logs() as log, monkeypatch.context() as patch:
            patch.setattr("edge_balancer.dashboard.stream.hub.Hub.phases", broken)
            reply = await site.get("/phases")
        assert (reply.status, reply.media) == (500, "application/problem+json")
        assert b"ZeroDivisionError" not in reply.body
        assert site.page["errors"] == 1
        assert [entry["error"] for entry in log if entry["event"] == "a route failed"] == [
            "ZeroDivisionError('a defect')"
        ]
        assert (await site.get("/phases")).status == 200


@pytest.mark.usefixtures("quick_retries")
async def test_a_hub_that_falls_is_set_up_again(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with page_site(broker, tmp_path) as site:

        def broken(*_: object) -> None:
            raise ZeroDivisionError("a defect")

        with monkeypatch.context() as patch:
            patch.setattr("edge_balancer.dashboard.stream.hub.Hub._hear", broken)
            site.field.meter("h01", 77.0)
            await until(lambda: "ZeroDivisionError" in site.page["fault"], "the fault is seen")
        await until(lambda: site.daemon.page_address != "", "it is served again")
        site.move_to(site.daemon.page_address)
        assert (await site.post("/switches/h01/move", {"phase": "L2"}, "operator")).status == 202
        await site.field.see("switch/h01/set")


@pytest.mark.parametrize("wanted", [False, True])
def test_nothing_of_the_server_is_loaded_where_the_page_is_switched_off(tmp_path: Path, wanted: bool) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from edge_balancer.clock import SystemClock
from edge_balancer.daemon import Daemon
from tests.support.configuration import make_config

async def main():
    config = make_config(3, mqtt={{"host": "127.0.0.1", "port": 9}}, storage={{"path": {str(tmp_path / "x.db")!r}}},
                         dashboard={{"enabled": {wanted}, "port": 0, "accounts": {str(tmp_path / "a.json")!r}}})
    stop = asyncio.Event()
    daemon = Daemon(config, SystemClock(), config.storage.path)
    running = asyncio.create_task(daemon.run(stop))
    while {wanted} and not daemon.page_address:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    stop.set()
    await running

asyncio.run(main())
print(sorted({{"uvicorn", "starlette", "argon2", "prometheus_client", "h11"}} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    loaded = done.stderr.strip().splitlines()[-1]
    assert ("uvicorn" in loaded) is wanted
    assert "prometheus_client" not in loaded, "not before it is asked for"
