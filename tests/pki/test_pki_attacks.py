"""The attacks of docs/security.md, tried from another machine: a network namespace with a line to the broker's. By a
stranger, and by a thief who has a meter's or a switch's certificate. No switch is moved; control goes on.

Each attack is printed with who tried it, what came of it, and how long orders took meanwhile. Floods are in
`test_pki_flood`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from edge_balancer.pki.roles import Role
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import recorded
from tests.pki.attacked_site import BASE, HOUSES, MOST_P99_MS, Elsewhere, Feeder, at_work, busy, elsewhere
from tests.pki.broker_site import make_site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and ip"),
]

__all__ = ["elsewhere"]

LEAST_ASKED: Final = 12
LIE: Final = json.dumps({"p": 60_000, "v": 200.0})
ORDER: Final = json.dumps(
    {"mode": "hold", "operator": "anna", "phase": "L1", "reason": "x", "minutes": 60, "keys": "*"}
)
Message = tuple[str, str, bool]


@dataclass
class Trials:
    """The attacks of one attacker on one site; `moves` were made before, by right."""

    feeder: Feeder
    attacker: str
    moves: int
    told: pytest.CaptureFixture[str]
    lines: list[str] = field(default_factory=list)

    async def tried(self, attack: str, attempt: Awaitable[str], expected: str) -> None:
        """Orders are given for as long as it lasts. Nothing moves by it."""
        during = asyncio.ensure_future(attempt)
        mark = f"{self.attacker}.{len(self.lines)}".replace(" ", "-")
        p50, p99, count = await self.feeder.latencies(mark, least=LEAST_ASKED, during=during)
        outcome = await during
        self.lines.append(
            f"{self.attacker:18} | {attack:44} | {outcome:28} | p50 {p50:5.1f} ms, p99 {p99:6.1f} ms of {count} orders"
        )
        with self.told.disabled():
            print(self.lines[-1])  # noqa: T201 - the list is for people
        assert outcome == expected, attack
        assert p99 < MOST_P99_MS, attack
        self.feeder.nothing_moved(self.moves)

    async def said(self, elsewhere: Elsewhere, thief: dict[str, Any], messages: list[Message]) -> str:
        """What became of messages that nobody but others may say: whether the broker passed one on."""
        since = len(self.feeder.seen.messages)
        await elsewhere.run(kind="say", messages=messages, **thief)
        # Whatever passed has passed by now: this comes after it.
        await asyncio.to_thread(self.feeder.ask, "h01", "L1", f"{self.attacker}.after.{len(self.lines)}")
        passed = set(self.feeder.seen.messages[since:])
        return "passed on" if any((t, text.encode()) in passed for t, text, _ in messages) else "not passed on"


async def test_a_stranger_gets_no_further_than_the_door(
    elsewhere: Elsewhere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with at_work(tmp_path, elsewhere.host) as feeder:
        site, trials = feeder.site, Trials(feeder, "stranger", 0, capsys)
        other = make_site(_folder(tmp_path / "other"), [(Role.CONTROLLER, "feeder")])
        ca, run = str(site.folder / "ca/ca.pem"), elsewhere.run
        stolen = {"ca": ca, "papers": str(other.papers("controller:feeder"))}
        with capsys.disabled():
            print(f"\n(load {busy()})")  # noqa: T201
        await trials.tried("no certificate", run(kind="handshake", port=site.devices_port, ca=ca), "refused")
        await trials.tried(
            "another authority's certificate", run(kind="handshake", port=site.devices_port, **stolen), "refused"
        )
        await trials.tried("in the clear", run(kind="plain", port=site.devices_port), "refused")
        await trials.tried("the tools' listener", run(kind="plain", port=site.tools_port), "refused")
        async with elsewhere.during(kind="idle", port=site.devices_port, count=900) as held:
            await trials.tried("900 connections that say nothing", _told(f"{held['holding']} held"), "900 held")


def thieves(feeder: Feeder, command: str) -> dict[str, dict[str, list[Message]]]:
    """User -> attack -> messages that it tries. `command` is a real one that was heard."""
    forged = json.dumps({**json.loads(command), "id": "0", "seq": 2**40, "phase": "L1", "from": "L3", "expires": 4e9})

    def commands(text: str, *, kept: bool) -> list[Message]:
        return [(f"{BASE}/switch/{house}/set", text, kept) for house in HOUSES]

    everybodys: dict[str, list[Message]] = {
        "replays a command": commands(command, kept=False),
        "replays a command, retained": commands(command, kept=True),
        "forges a command": commands(forged, kept=False),
        "forges a command, retained": commands(forged, kept=True),
        "forges readings of others": [(f"{BASE}/meter/{house}", LIE, False) for house in ("h02", "h03", "transformer")],
        "forges reports of others": [(f"{BASE}/switch/{h}/state", '{"phase":"L1"}', True) for h in ("h01", "h02")],
        "sets the mode": [(f"{BASE}/mode/set", ORDER, False)],
        "silences alerts": [(f"{BASE}/silence/set", ORDER, False), (f"{BASE}/alert/storage/ack", ORDER, False)],
        "asks for moves and releases": [
            (f"{BASE}/switch/{house}/{leaf}", ORDER, False) for house in HOUSES for leaf in ("request", "clear")
        ],
        "says that the controller is gone": [(f"{BASE}/availability", "offline", True)],
        "announces to Home Assistant": [("homeassistant/device/edge_balancer_feeder/feeder/config", "{}", True)],
    }
    return {"meter:h01": everybodys, "switch:h03": everybodys}


async def test_a_thief_speaks_for_the_stolen_devices_and_for_nothing_else(
    elsewhere: Elsewhere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The true one would come back under the same name and throw the thief off.
    async with at_work(tmp_path, elsewhere.host, stolen="switch:h03") as feeder:
        site = feeder.site
        # A real command first, to be replayed.
        await asyncio.to_thread(feeder.ask, "h02", "L3", "anna")
        await recorded(feeder.database, EventKind.VERIFIED)
        (command,) = [payload.decode() for payload in feeder.commands["h02"]]
        with capsys.disabled():
            print(f"\n(load {busy()})")  # noqa: T201
        for user, attacks in thieves(feeder, command).items():
            trials = Trials(feeder, f"thief of {user.replace(':', ' ')}", 1, capsys)
            thief = {
                "ca": str(site.folder / "ca/ca.pem"),
                "papers": str(site.papers(user)),
                "port": site.devices_port,
            }
            for attack, messages in attacks.items():
                await trials.tried(attack, trials.said(elsewhere, thief, messages), "not passed on")
            # By the controller's own names, which this listener does not heed.
            for name in ("edge-balancer-feeder", "edge-balancer-feeder-readings", "edge-balancer-feeder-orders"):
                enter = elsewhere.run(kind="say", messages=[], client_id=name, **thief)
                await trials.tried(f"comes as {name}", enter, "said")
            own = f"{BASE}/meter/h01" if user.startswith("meter") else f"{BASE}/switch/h03/state"
            since = len(feeder.seen.messages)
            large = elsewhere.run(kind="large", topic=own, sizes=(65_537, 120_000), **thief)
            await trials.tried("says more than a message may hold", large, "said")
            assert max((len(p) for t, p in feeder.seen.messages[since:] if t == own), default=0) < 65_537
            rubbish = elsewhere.run(kind="rubbish", topic=own, count=400, **thief)
            await trials.tried("says 400 payloads that are none", rubbish, "said")


async def _told(what: str) -> str:
    return what


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
