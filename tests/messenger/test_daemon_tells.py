"""The daemon tells its contacts over a real webhook, once over restarts and kills; a channel that hangs holds up
nothing."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

from edge_balancer.demo.broker import Broker
from edge_balancer.messenger.queue_file import beside
from edge_balancer.settings.root import Configuration
from tests.alerts.http_double import HttpDouble, Reply
from tests.daemon.daemon_cases import CALM, POSITIONS, running, sections, small_feeder
from tests.daemon.field import Field, field_at, fresh_base, until
from tests.daemon.service import service, write_config
from tests.docs.contract_file import complaints, contract
from tests.support.configuration import make_config

CONTACT = {"name": "anna", "ways": [{"channel": "webhook", "to": "desk"}]}
QUICK = {"gather_s": 0, "gather_calm_s": 0, "ends_within_s": 0}
URL = "EDGE_BALANCER_CHANNELS__WEBHOOK__URL"


def bodies(web: HttpDouble) -> list[dict[str, Any]]:
    return [json.loads(posted.body) for posted in web.posted]


def of_switch(web: HttpDouble) -> list[dict[str, Any]]:
    return [body for body in bodies(web) if "switch_locked/h02" in body["keys"]]


def config_file(path: Path, port: int, base: str, database: Path) -> Path:
    write_config(path, sections(port, base, database))
    with path.open("a") as file:
        file.write("\n[alerts.telling]\ngather_s = 0\ngather_calm_s = 0\nends_within_s = 0\n")
        file.write('\n[[contacts]]\nname = "anna"\n[[contacts.ways]]\nchannel = "webhook"\nto = "desk"\n')
    return path


def told_feeder(broker: Broker, base: str, folder: Path, web: HttpDouble) -> Configuration:
    keys: dict[str, Any] = sections(broker.port, base, folder / "eb.db", alerts={"telling": QUICK})
    return make_config(6, **keys, channels={"webhook": {"url": web.url}}, contacts=[CONTACT])


async def lock_out(field: Field) -> None:
    await field.see("availability", lambda m: m.text == "online")
    field.present(*POSITIONS)
    field.loads(*CALM)
    await field.see("phases")
    field.switch("h02", None, result="failed", reason="contact welded")
    await field.see("alert/switch_locked/h02")


async def test_a_lock_out_is_told_once_over_a_kill_and_its_end_once(broker: Broker, tmp_path: Path) -> None:
    base, database = fresh_base(), tmp_path / "eb.db"
    config = config_file(tmp_path / "c.toml", broker.port, base, database)
    with HttpDouble() as web:
        async with field_at(broker.port, base) as field:
            async with service(config, {URL: web.url}) as daemon:
                await lock_out(field)
                await until(lambda: bool(of_switch(web)), "word of the lock-out")
                await daemon.end(signal.SIGKILL)
            told = of_switch(web)
            assert [(body["to"], body["severity"], body["ack"]) for body in told] == [("desk", "critical", "1")]
            assert "contact welded" in told[0]["text"]
            assert beside(database).exists()

            here = field.now()
            async with service(config, {URL: web.url}) as daemon:
                await field.see("availability", lambda m: m.text == "online", since=here)
                # That it was killed is news; that the switch is locked out is none.
                await until(lambda: any("restarted" in body["keys"] for body in bodies(web)), "word of the restart")
                field.say("switch/h02/clear", {"operator": "Ann", "reason": "replaced"})
                await until(lambda: len(of_switch(web)) > 1, "word of the end")
                await daemon.end()
        assert ["Over: switch locked out h02" in body["text"] for body in of_switch(web)] == [False, True]
        assert len({body["id"] for body in bodies(web)}) == len(bodies(web))


async def test_diagnostics_count_and_a_silence_is_kept(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    with HttpDouble() as web:
        config = told_feeder(broker, base, tmp_path, web)
        async with field_at(broker.port, base) as field, running(config):
            await field.see("phases")
            field.say("silence/set", {"keys": "switch_locked", "minutes": 60, "operator": "Ann"})
            await field.see("diagnostics", lambda m: bool(m.json.get("telling", {}).get("silences")))
            await lock_out(field)
            field.say("silence/set", {"keys": "storage", "minutes": 60, "operator": "Ann"})
            seen = await field.see("diagnostics", lambda m: m.json.get("telling", {}).get("held", {}).get("silence"))
            telling = seen.json["telling"]
            assert [silence["pattern"] for silence in telling["silences"]][:1] == ["switch_locked"]
            assert (telling["fault"], telling["held"]["silence"]) == ("", 1)
            assert complaints(contract()["components"]["messages"]["diagnostics"], seen.payload) == []
            assert of_switch(web) == []
            field.say("silence/set", {"keys": "switch_locked", "minutes": 0, "operator": "Ann"})
            await until(lambda: len(of_switch(web)) == 1, "the alert, once the silence is over")
            field.say("silence/set", {"keys": "storage", "minutes": 0, "operator": "Ann"})
            seen = await field.see(
                "diagnostics", lambda m: m.json.get("telling", {}).get("counts", {}).get("delivered")
            )
            assert complaints(contract()["components"]["messages"]["diagnostics"], seen.payload) == []
            assert seen.json["telling"]["channels"]["webhook"]["delivered"] >= 1


async def test_a_webhook_that_hangs_holds_up_neither_control_nor_the_end(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    with HttpDouble(*[Reply(how="hang")] * 3) as web:
        config = told_feeder(broker, base, tmp_path, web)
        async with field_at(broker.port, base) as field, running(config):
            await lock_out(field)
            await until(lambda: bool(web.posted), "the message under way")
            await field.see("phases", since=field.now())


async def test_without_contacts_nothing_of_it_runs(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    config = small_feeder(broker.port, base, tmp_path / "eb.db")
    async with field_at(broker.port, base) as field, running(config):
        await field.see("phases")
        names = {thread.name for thread in threading.enumerate()}
        assert not {name for name in names if name.startswith("alerts")}
    assert not beside(tmp_path / "eb.db").exists()
