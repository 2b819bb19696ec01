"""The example flow for Node-RED: whole, on the topics of the contract, and its functions do what they say."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from edge_balancer.settings.root import Configuration
from edge_balancer.telemetry.intake import Intake
from edge_balancer.types.events import Alert, AlertState, Severity
from edge_balancer.types.snapshot import FeederState, PhaseState
from edge_balancer.types.switching import Mode
from edge_balancer.wire import alerts_payload, phases_payload
from tests.docs.contract_file import channel_complaints, channel_of, filter_of, fits, operations
from tests.support.configuration import make_config

ROOT: Final = Path(__file__).parents[2]
FLOW: Final[list[dict[str, Any]]] = json.loads((ROOT / "config/node-red/feeder-flow.json").read_text(encoding="utf-8"))
BASE: Final = "phase-balance/feeder-1"
"""What the example configuration gives."""
PHASE = PhaseState(p=100.0, q=0.0, i=1.0, v_min=None, v_mean=None, v_max=None, houses=1, export_w=0.0)
STATE = FeederState(t=1.8e9, l1=PHASE, l2=PHASE, l3=PHASE, i_n=14.6, imbalance=8.0, coverage=1.0, mode=Mode.AUTO)


def nodes(kind: str) -> list[dict[str, Any]]:
    return [node for node in FLOW if node["type"] == kind]


def named(name: str) -> dict[str, Any]:
    (found,) = [node for node in FLOW if node.get("name") == name]
    return found


def test_its_base_topic_is_that_of_the_example_configuration() -> None:
    example = tomllib.loads((ROOT / "config/edge-balancer.toml").read_text(encoding="utf-8"))
    assert Configuration.model_validate({"feeder": example["feeder"]}).base_topic == BASE


def test_every_id_is_unique_and_every_wire_and_reference_leads_somewhere() -> None:
    ids = {node["id"] for node in FLOW}
    assert len(ids) == len(FLOW)
    tab, broker = nodes("tab")[0]["id"], nodes("mqtt-broker")[0]["id"]
    for node in FLOW:
        assert node.get("z", tab) == tab
        assert node.get("broker", broker) == broker or node["type"] == "mqtt-broker"
        assert {target for output in node.get("wires", ()) for target in output} <= ids, node.get("name")


def test_its_topics_are_those_of_the_contract_for_the_example_configuration() -> None:
    heard = [filter_of(channel_of(o), BASE) for o in operations("send").values()]
    said = [filter_of(channel_of(o), BASE) for o in operations("receive").values()]
    for kind, filters in (("mqtt in", heard), ("mqtt out", said)):
        found = nodes(kind)
        assert found
        for node in found:
            assert any(fits(node["topic"], wanted) for wanted in filters), node["topic"]


def test_no_order_is_retained_and_each_is_what_its_channel_carries() -> None:
    by_id = {node["id"]: node for node in FLOW}
    orders = 0
    for inject in nodes("inject"):
        for target in inject["wires"][0]:
            out = by_id[target]
            assert out["retain"] == "false"
            channel = next(
                channel_of(o)
                for o in operations("receive").values()
                if fits(out["topic"], filter_of(channel_of(o), BASE))
            )
            assert channel_complaints(channel, inject["payload"].encode()) == []
            intake = Intake(make_config(2, feeder={"id": "feeder-1"}))
            intake.message(out["topic"], inject["payload"].encode(), False, 1.0, 1.8e9, True)
            assert intake.ledger.accepted == 1
            orders += 1
    assert orders == 4


def run(function: str, payloads: list[bytes]) -> list[Any]:
    """What a function node sends for each message, run by Node.js with a context that lasts."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    program = """
        const [code, payloads] = JSON.parse(require("fs").readFileSync(0, "utf8"));
        const kept = {};
        const context = { get: (k) => kept[k], set: (k, v) => { kept[k] = v; } };
        const work = new Function("msg", "context", code);
        console.log(JSON.stringify(payloads.map((payload) => work({ payload }, context) ?? null)));
    """
    given = json.dumps([named(function)["func"], [json.loads(p) for p in payloads]])
    done = subprocess.run(["node", "-e", program], input=given, capture_output=True, text=True, check=True)
    sent: list[Any] = json.loads(done.stdout)
    return sent


def test_the_feeder_is_put_into_one_line() -> None:
    (sent,) = run("one line", [phases_payload(msgspec.structs.replace(STATE, houses_fresh=3, houses_total=4))])
    assert sent["payload"] == "auto: L1 0.1 kW, L2 0.1 kW, L3 0.1 kW; neutral 15 A; 3 of 4 houses report"


def test_alerts_are_told_once_when_they_begin_and_once_when_they_end() -> None:
    def standing(*keys: str) -> bytes:
        return alerts_payload([Alert(k, Severity.WARNING, AlertState.ACTIVE, 1.0, "x") for k in keys])

    course = [standing(), standing("storage", "switch_locked/h3"), standing("storage", "switch_locked/h3")]
    sent = run("what is new", [*course, standing("storage"), standing("storage")])
    assert [s and s["payload"] for s in sent] == [
        None,
        "new: storage, switch_locked/h3",
        None,
        "over: switch_locked/h3",
        None,
    ]


def test_a_boiler_runs_after_five_minutes_of_sunshine_and_stops_when_it_ends() -> None:
    def at(minute: float, p: float) -> bytes:
        l2 = msgspec.structs.replace(PHASE, p=p)
        return phases_payload(msgspec.structs.replace(STATE, t=1.8e9 + 60 * minute, l2=l2))

    course = [at(0, -2000), at(3, 100), at(4, -2000), at(8, -1800), at(9, -1800), at(10, -600), at(11, -100)]
    sent = run("free sunshine", course)
    told = [[m["payload"] for m in turn[0]] for turn in sent]
    on, off = {"phase": "L2", "boiler": "on"}, {"phase": "L2", "boiler": "off"}
    assert told == [[], [], [], [], [on], [], [off]]
