"""What is announced is what Home Assistant documents, and hangs together with the MQTT contract."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from edge_balancer.types.switching import Mode
from edge_balancer.wire import Topics
from tests.docs.contract_file import channel_of, filter_of, fits, operations
from tests.homeassistant.discovery_cases import TITLES, Message, announced, complaints, entities, feeder, schema
from tests.support.configuration import make_config

TOPIC = re.compile(r"homeassistant/device/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/config")
"""`<discovery_prefix>/<component>/[<node_id>/]<object_id>/config` in the characters that the documentation allows."""
ODD_HOUSES = [
    {"id": "house-21", "phase": "L1"},
    {"id": "a.b", "phase": "L2"},
    {"id": "a_b", "phase": "L3"},
    {"id": "feeder", "phase": "L1", "switch_topic": "garage/relay-7"},
    {"id": "clinic", "phase": "L2", "critical": True},
    {"id": "mill", "three_phase": True},
]


def test_every_message_fits_the_documented_schema() -> None:
    found = {topic: complaints(message) for topic, message in announced(feeder(ODD_HOUSES)).items()}
    assert len(found) == 5
    assert {topic: why for topic, why in found.items() if why} == {}


def _set(*path: str, to: Any) -> Callable[[Message], None]:
    def change(message: Message) -> None:
        for step in path[:-1]:
            message = message[step]
        message[path[-1]] = to

    return change


def _without(*path: str) -> Callable[[Message], None]:
    def change(message: Message) -> None:
        for step in path[:-1]:
            message = message[step]
        del message[path[-1]]

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        _without("origin"),
        _without("device"),
        _without("device", "identifiers"),
        _without("components", "i_n", "platform"),
        _without("components", "i_n", "unique_id"),
        _without("components", "i_n", "state_topic"),
        _without("components", "mode", "options"),
        _without("components", "mode", "command_topic"),
        _set("components", "i_n", "state_topic", to="phase-balance/+/phases"),
        _set("components", "i_n", "unit_of_measurement", to="W"),
        _set("components", "i_n", "device_clas", to="current"),
        _set("components", "i_n", "entity_category", to="config"),
        _set("components", "i_n", "options", to=["L1"]),
        _set("components", "l1_p", "state_class", to="gauge"),
        _set("components", "l1_p", "availability", to=[{"topic": "x"}]),
        _set("components", "reverse_power", "value_template", to="value_json.reverse_power"),
        _set("components", "mode", "retain", to=True),
        _set("origin", "support_url", to=7),
    ],
)
def test_the_schema_finds_what_home_assistant_would_refuse(spoil: Callable[[Message], None]) -> None:
    message = copy.deepcopy(next(iter(announced(feeder()).values())))
    assert complaints(message) == []
    spoil(message)
    assert complaints(message) != []


def test_the_schema_itself_is_sound() -> None:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    Draft202012Validator.check_schema(schema())


def test_topics_have_the_documented_form_and_are_all_different() -> None:
    config = feeder(ODD_HOUSES, feeder={"id": "Straße-4".replace("ß", "ss") + ".west"})
    topics = list(announced(config))
    assert [topic for topic in topics if not TOPIC.fullmatch(topic)] == []
    assert len(topics) == len(set(topics)) == 5


def test_unique_ids_are_unique_and_those_of_two_feeders_never_meet() -> None:
    one = feeder(ODD_HOUSES)
    other = feeder(ODD_HOUSES, mqtt={"base_topic": "site/feeder"})
    ids = [e["unique_id"] for c in (one, other) for m in announced(c).values() for e in m["components"].values()]
    assert len(ids) == len(set(ids))


def test_a_house_that_is_never_switched_is_not_announced() -> None:
    houses = [m["device"]["name"] for m in announced(feeder(ODD_HOUSES)).values()][1:]
    assert houses == ["House house-21", "House a.b", "House a_b", "House feeder"]


def test_houses_hang_on_the_feeder() -> None:
    hub, *houses = announced(feeder()).values()
    assert {m["device"]["via_device"] for m in houses} == set(hub["device"]["identifiers"])


def test_every_topic_that_home_assistant_hears_or_says_is_in_the_contract() -> None:
    config = feeder()
    base = Topics(config).availability.removesuffix("/availability")
    heard = [filter_of(channel_of(o), base) for o in operations("send").values()]
    # A switch's own topics are what the controller receives.
    heard += [filter_of(channel_of(o), base) for o in operations("receive").values() if "State" in str(o)]
    heard += [filter_of(channel_of(o), base) for o in operations("receive").values() if "switchAvail" in str(o)]
    said = [filter_of(channel_of(o), base) for o in operations("receive").values()]
    for entity in entities(config).values():
        for key, value in entity.items():
            if key.endswith("_topic"):
                among = said if key == "command_topic" else heard
                assert any(fits(value, wanted) for wanted in among), (entity["unique_id"], key, value)


def test_a_house_with_its_switch_elsewhere_is_heard_there() -> None:
    topics = {e["state_topic"] for uid, e in entities(feeder(ODD_HOUSES)).items() if "_house_feeder_" in uid}
    assert topics == {"garage/relay-7/state", "garage/relay-7/availability", "phase-balance/feeder/alerts"}


def test_there_is_a_binary_sensor_for_every_kind_of_alert() -> None:
    found = {uid.partition("_alert_")[2] for uid in entities(feeder()) if "_alert_" in uid}
    assert found == TITLES.keys()


def test_the_select_offers_the_modes() -> None:
    (select,) = [e for e in entities(feeder()).values() if e["platform"] == "select"]
    assert select["options"] == [str(mode) for mode in Mode]
    assert select["qos"] == 1
    assert "retain" not in select  # Home Assistant's default is false, and the controller refuses retained orders


def test_what_comes_from_phases_expires_and_what_comes_of_the_controller_goes_with_it() -> None:
    slow = feeder(mqtt={"publish_s": 30})
    for entity in entities(slow).values():
        if entity["state_topic"].endswith("/phases"):
            assert entity["expire_after"] == 300
            assert entity["availability_topic"] == "phase-balance/feeder/availability"
    assert {e["expire_after"] for e in entities(feeder()).values() if "expire_after" in e} == {60}


@pytest.mark.parametrize("key", ["prefix", "status_topic"])
@pytest.mark.parametrize("value", ["home/+", "#", "/home", "home/"])
def test_a_prefix_that_is_no_topic_is_an_error(key: str, value: str) -> None:
    with pytest.raises(ValueError, match="is no topic"):
        make_config(homeassistant={key: value})


def test_it_is_switched_off_by_default() -> None:
    assert make_config().homeassistant.enabled is False
