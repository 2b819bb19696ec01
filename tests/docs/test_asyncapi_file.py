"""docs/asyncapi.yaml is a sound AsyncAPI 3 document, and says what the code's own types and tables say."""

from __future__ import annotations

import copy
import enum
import json
import re
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from edge_balancer.alerts.catalogue import AlertKind
from edge_balancer.telemetry.formats import native
from edge_balancer.telemetry.refusals import Reason, RefusedSample
from edge_balancer.telemetry.strangers import SeenHouse
from edge_balancer.types.decisions import BlockForecast, Candidate, Decision, Move, Trigger, Veto, VetoReason
from edge_balancer.types.events import Alert, AlertState, Severity
from edge_balancer.types.phases import Phase
from edge_balancer.types.snapshot import FeederState, PhaseState
from edge_balancer.types.switching import Mode, SwitchResult
from firmware_bridge.contract import SetCommand, State
from firmware_bridge.errors import Fault
from firmware_bridge.lines.tally import LineFigures, UnitFigures
from firmware_bridge.meters.health import MeterHealth
from firmware_bridge.meters.points import SinglePhase, ThreePhase
from firmware_bridge.service.diagnostics import BridgeDiagnostics, LineDiagnostics, SwitchDiagnostics
from firmware_bridge.switches.interlock_types import Refusal
from tests.docs.contract_file import complaints, contract, references, resolve, schema_complaints

SUBSET: Final = yaml.safe_load((Path(__file__).parent / "asyncapi3_subset.yaml").read_text(encoding="utf-8"))
CHANNELS: Final = contract()["channels"]
SCHEMAS: Final = contract()["components"]["schemas"]


def structure_errors(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(SUBSET).iter_errors(document)]


def test_the_structure_is_that_of_asyncapi_3() -> None:
    assert structure_errors(contract()) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(asyncapi="2.6.0"),
        lambda d: d["channels"]["mode"].pop("address"),
        lambda d: d["channels"]["mode"].update(publish={}),
        lambda d: d["channels"]["mode"].update(address="base/+"),
        lambda d: d["operations"]["sendMode"].update(action="publish"),
        lambda d: d["operations"]["sendMode"]["bindings"]["mqtt"].pop("retain"),
        lambda d: d["operations"]["receiveModeSet"].pop("x-retained"),
        lambda d: d["components"]["messages"]["mode"].pop("payload"),
        lambda d: d["components"]["schemas"]["mode"].update(type="objekt"),
    ],
)
def test_a_mistake_in_the_structure_is_found(spoil: Any) -> None:
    document = copy.deepcopy(contract())
    spoil(document)
    assert structure_errors(document)


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    used = set(references(contract()))
    for reference in used:
        resolve(reference)
    components = {f"#/components/{kind}/{name}" for kind, parts in contract()["components"].items() for name in parts}
    assert components - used == set()


def test_references_lead_to_the_right_kind_of_thing() -> None:
    for channel in CHANNELS.values():
        assert all(m["$ref"].startswith("#/components/messages/") for m in channel["messages"].values())
        assert all(p["$ref"].startswith("#/components/parameters/") for p in channel["parameters"].values())
    for operation in contract()["operations"].values():
        assert operation["channel"]["$ref"].startswith("#/channels/")
    for message in contract()["components"]["messages"].values():
        assert message["payload"]["$ref"].startswith("#/components/schemas/")


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channels_parameters_are_those_of_its_address(name: str) -> None:
    channel = CHANNELS[name]
    assert re.findall(r"\{(\w+)\}", channel["address"]) == list(channel["parameters"])
    for parameter, reference in channel["parameters"].items():
        assert reference["$ref"] == f"#/components/parameters/{parameter}"


def test_addresses_differ_and_every_channel_has_an_operation() -> None:
    assert len({channel["address"] for channel in CHANNELS.values()}) == len(CHANNELS)
    used = {operation["channel"]["$ref"] for operation in contract()["operations"].values()}
    assert used == {f"#/channels/{name}" for name in CHANNELS}


@pytest.mark.parametrize("name", contract()["components"]["messages"])
def test_the_examples_of_a_message_fit_its_schema(name: str) -> None:
    message = contract()["components"]["messages"][name]
    for example in message.get("examples", []):
        assert schema_complaints(message["payload"]["$ref"], example["payload"]) == []


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        ("command", {"id": "x", "seq": 1, "phase": "L4", "from": "L1", "issued": 1.0, "expires": 2.0}),
        ("command", {"id": "x", "seq": 1, "phase": "L2", "issued": 1.0, "expires": 2.0}),
        ("phases", {"t": 1.0}),
        ("houseReading", {"q": 1}),
        ("houseReading", {"p": "950"}),
        ("houseReading", {"p": [1, 2, 3]}),
        ("threePhaseReading", {"p": [1, 2]}),
        ("switchState", {"phase": "L1", "result": "maybe"}),
        ("switchClear", {"operator": " "}),
        ("availability", "on"),
    ],
)
def test_what_the_contract_forbids_does_not_fit(schema: str, wrong: Any) -> None:
    assert schema_complaints(f"#/components/schemas/{schema}", wrong)


def test_a_value_that_is_no_json_does_not_fit() -> None:
    assert complaints(contract()["components"]["messages"]["mode"], b'{"mode":"auto","by":NaN}')


@pytest.mark.parametrize(
    ("listed", "known"),
    [
        (contract()["components"]["parameters"]["kind"]["enum"], AlertKind),
        (SCHEMAS["modeName"]["enum"], Mode),
        (SCHEMAS["switchState"]["properties"]["result"]["anyOf"][1]["enum"], SwitchResult),
        (SCHEMAS["veto"]["properties"]["reason"]["enum"], VetoReason),
        (SCHEMAS["decision"]["properties"]["trigger"]["enum"], Trigger),
        (SCHEMAS["alert"]["properties"]["severity"]["enum"], Severity),
        (SCHEMAS["refusalReason"]["enum"], Reason),
        (SCHEMAS["faultKind"]["enum"], Fault),
        (SCHEMAS["switchRefusal"]["enum"], Refusal),
    ],
)
def test_listed_words_are_those_of_the_code(listed: list[str], known: type[enum.StrEnum]) -> None:
    assert listed == [str(word) for word in known]


def test_phases_and_alert_states_are_those_of_the_code() -> None:
    assert SCHEMAS["phase"]["enum"] == [phase.name for phase in Phase]
    # An alert that is over is an empty payload, not a state.
    assert SCHEMAS["alert"]["properties"]["state"]["enum"] == [str(s) for s in AlertState if s != AlertState.RESOLVED]


@pytest.mark.parametrize(
    ("schema", "struct", "without"),
    [
        ("phases", FeederState, set()),
        ("phaseState", PhaseState, set()),
        ("decision", Decision, set()),
        ("move", Move, set()),
        ("candidate", Candidate, set()),
        ("veto", Veto, set()),
        ("block", BlockForecast, set()),
        ("alert", Alert, {"key"}),
        ("refusedSample", RefusedSample, set()),
        ("seenHouse", SeenHouse, set()),
        ("command", SetCommand, set()),
        ("switchState", State, set()),
        ("bridge", BridgeDiagnostics, set()),
        ("bridgeLine", LineDiagnostics, set()),
        ("lineFigures", LineFigures, set()),
        ("unitFigures", UnitFigures, set()),
        ("bridgeMeter", MeterHealth, set()),
        ("bridgeSwitch", SwitchDiagnostics, set()),
    ],
)
def test_a_schema_describes_every_field_of_its_type(
    schema: str, struct: type[msgspec.Struct], without: set[str]
) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(struct)} - without
    assert set(SCHEMAS[schema]["properties"]) == fields


@pytest.mark.parametrize(
    ("schema", "read", "measured"),
    [("houseReading", native._Scalars, SinglePhase), ("threePhaseReading", native._Lists, ThreePhase)],
)
def test_a_reading_has_what_the_controller_reads_and_what_a_bridge_measures(
    schema: str, read: type[msgspec.Struct], measured: type[msgspec.Struct]
) -> None:
    assert set(SCHEMAS[schema]["properties"]) == {*read.__struct_fields__, *measured.__struct_fields__}


def test_the_file_is_also_plain_json() -> None:
    # Tools convert it; dates and other YAML types would not survive.
    assert json.loads(json.dumps(contract())) == contract()
