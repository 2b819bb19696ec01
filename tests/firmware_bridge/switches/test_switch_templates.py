"""Switch templates: those shipped hold together, those of a user add and replace, and every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.errors import TemplateError
from firmware_bridge.switches.catalogue import list_switches, load_switch, switch_names
from firmware_bridge.switches.template import RelayTemplate, RpcTemplate, TextTemplate

GOOD = """
kind = "relays"
title = "Acme, 4 channels"
source = "Acme's manual"
channels = 4
write = { function = "coil", first = 0 }
read = { function = "coils", first = 0 }
"""


def own(folder: Path, text: str, name: str = "acme") -> Path:
    (folder / "switches").mkdir(exist_ok=True)
    (folder / "switches" / f"{name}.toml").write_text(text)
    return folder


@pytest.mark.parametrize("name", switch_names())
def test_each_shipped_template_loads_and_names_its_source(name: str) -> None:
    template = load_switch(name)
    assert template.name == name
    assert len(template.source.strip()) > 40
    if isinstance(template, RelayTemplate):
        assert template.channels >= 3
        assert str(template.channels) in name


def test_every_kind_of_switch_is_shipped() -> None:
    kinds = {load_switch(name).kind for name in switch_names()}
    assert kinds == {"relays", "device", "mqtt", "mqtt-rpc"}
    assert isinstance(load_switch("tasmota"), TextTemplate)
    assert isinstance(load_switch("shelly2"), RpcTemplate)


def test_a_users_template_adds_and_replaces(tmp_path: Path) -> None:
    own(tmp_path, GOOD)
    own(tmp_path, GOOD.replace("Acme, 4", "Ours, 4"), "lc_relay_8ch")
    assert set(switch_names(tmp_path)) == {*switch_names(), "acme"}
    assert load_switch("acme", tmp_path).title == "Acme, 4 channels"
    assert load_switch("lc_relay_8ch", tmp_path).title == "Ours, 4 channels"
    assert load_switch("lc_relay_8ch").title != "Ours, 4 channels"
    assert {each.name for each in list_switches(tmp_path) if each.own} == {"acme", "lc_relay_8ch"}


def test_a_broken_file_is_an_error_where_it_is_used_and_listed_otherwise(tmp_path: Path) -> None:
    own(tmp_path, "kind = ")
    assert load_switch("tasmota", tmp_path).name == "tasmota"
    with pytest.raises(TemplateError, match=r"acme\.toml: not TOML"):
        load_switch("acme", tmp_path)
    (listed,) = [each for each in list_switches(tmp_path) if each.problem]
    assert (listed.name, listed.own, listed.template) == ("acme", True, None)


def test_an_unknown_name_says_which_is_near() -> None:
    with pytest.raises(TemplateError, match="did you mean tasmota"):
        load_switch("Tasmotta")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD.replace('kind = "relays"', ""), "kind is missing"),
        (GOOD.replace('"relays"', '"relay"'), 'kind = "relay": no such kind: did you mean relays?'),
        (GOOD + "chanels = 3", "chanels = 3: unknown key: did you mean channels?"),
        (GOOD + 'name = "x"', "name: unknown key"),
        (GOOD.replace("channels = 4", ""), "channels is missing: add it"),
        (GOOD.replace("channels = 4", 'channels = "4"'), 'channels = "4"'),
        (GOOD.replace("channels = 4", "channels = true"), "channels: is true or false, where a number belongs"),
        (GOOD.replace('source = "Acme\'s manual"', ""), "source is missing"),
        (GOOD.replace('"coils", first = 0', '"coils", frist = 0'), "read.frist = 0: unknown key: did you mean first?"),
        (GOOD.replace('"coil", first = 0', '"coil", first = 0, on = 256'), "a coil takes 1 and 0"),
        (GOOD.replace('"coil", first = 0', '"register", first = 0, on = 2, off = 2'), "on and off are both 2"),
        (GOOD.replace('"coil", first = 0', '"register", first = 0, together = true'), "together = true is for coils"),
        (GOOD.replace('"coil", first = 0', '"coil", first = 65534'), "write.first = 65534: 4 channels"),
    ],
)
def test_mistakes_name_file_key_value_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(TemplateError) as caught:
        load_switch("acme", own(tmp_path, text))
    assert expected in str(caught.value)
    assert str(tmp_path / "switches" / "acme.toml") in str(caught.value)


DEVICE = """
kind = "device"
title = "Acme"
source = "manual"
want = { address = 0, l1 = 1, l2 = 2, l3 = 3 }
position = { function = "holding", address = 1, l1 = 1, l2 = 2, l3 = 3, moving = [9] }
"""
TEXTS = """
kind = "mqtt"
title = "Acme"
source = "manual"
first = 0
command = { topic = "do/{device}/{channel}", on = "1", off = "0", answers = true }
ask = { topic = "ask/{device}/{channel}" }
answer = { topic = "is/{device}/{channel}", on = ["1"], off = ["0"] }
presence = { topic = "lwt/{device}", offline = "0" }
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEVICE, ""),
        (DEVICE.replace("[9]", "[3]"), "3 stands for two positions"),
        (TEXTS, ""),
        (TEXTS.replace('"do/{device}/{channel}"', '"do/{channel}"'), 'command = "do/{channel}" has no {device}'),
        (TEXTS.replace('"is/{device}/{channel}"', '"is/{device}"'), "has no {channel}"),
        (TEXTS.replace('"ask/{device}', '"ask/{house}/{device}'), "only {device} and {channel} are filled in"),
        (TEXTS.replace('"is/{device}/', '"+/{device}/'), "no wildcards"),
    ],
)
def test_devices_and_mqtt_relays_are_judged_too(tmp_path: Path, text: str, expected: str) -> None:
    folder = own(tmp_path, text)
    if not expected:
        assert load_switch("acme", folder).title == "Acme"
        return
    with pytest.raises(TemplateError) as caught:
        load_switch("acme", folder)
    assert expected in str(caught.value)
