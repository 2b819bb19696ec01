"""Answered by SMS, from end to end: a daemon of its own, a modem on a pseudo terminal, a broker, and the alert stands
as acknowledged, over a restart too."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

from edge_balancer.demo.broker import Broker
from tests.alerts.modem_double import Modem, delivered
from tests.daemon.daemon_cases import CALM, POSITIONS, sections
from tests.daemon.field import field_at, fresh_base, retained, until
from tests.daemon.service import service, write_config

ANNA, STRANGER = "+4915112345678", "+4915199999999"


def config_with_modem(path: Path, port: int, base: str, database: Path, modem: Modem) -> Path:
    write_config(path, sections(port, base, database))
    with path.open("a") as file:
        file.write(f'\n[channels.modem]\nport = "{modem.path}"\n[alerts.telling]\ngather_s = 0\n')
        file.write(f'[[contacts]]\nname = "anna"\n[[contacts.ways]]\nchannel = "modem"\nto = "{ANNA}"\n')
        file.write('severity = "critical"\n')
    return path


async def test_an_answer_by_sms_acknowledges_the_alert_after_a_kill_too(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    with Modem() as modem:
        config = config_with_modem(tmp_path / "c.toml", broker.port, base, tmp_path / "eb.db", modem)
        async with field_at(broker.port, base) as field:
            async with service(config) as daemon:
                await field.see("availability", lambda m: m.text == "online")
                field.present(*POSITIONS)
                field.loads(*CALM)
                await field.see("phases", lambda m: m.json["houses_fresh"] == 6)
                field.switch("h02", None, result="failed", reason="contact welded")
                await field.see("alert/switch_locked/h02", lambda m: m.json["state"] == "active")
                await until(lambda: bool(modem.sent), "the SMS")
                await daemon.end(signal.SIGKILL)
            (sms,) = modem.sent
            assert (sms.number, "contact welded" in sms.text) == (ANNA, True)
            number = re.search(r"Reply ACK (\d+)\.$", sms.text)
            assert number is not None

            # The answer came while nobody was there; a stranger's counts for nothing.
            modem.memory |= {1: delivered(STRANGER, f"ACK {number[1]}"), 2: delivered(ANNA, f"ACK {number[1]}")}
            here = field.now()
            async with service(config) as daemon:
                seen = await field.see(
                    "alert/switch_locked/h02", lambda m: m.json["state"] == "acknowledged", since=here
                )
                assert "Acknowledged by anna" in seen.json["text"]
                await until(lambda: modem.memory == {}, "the emptied card")
                await daemon.says("an answer was passed over")
                await daemon.end()
        left = json.loads((await retained(broker.port, base))["alert/switch_locked/h02"])
        assert left["state"] == "acknowledged"
    again = [one.text for one in modem.sent if "contact welded" in one.text][1:]
    # Killed before the modem's word was on disk: then it cannot know, and says so.
    assert len(again) <= 1
    assert all(text.startswith("Perhaps told before:") for text in again)
