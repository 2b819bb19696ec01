"""The broker's access file from the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_balancer.cli import main
from edge_balancer.pki.acl import acl_text, grants
from edge_balancer.settings.load import load
from tests.support.configuration import make_config

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config/mosquitto/acl"
ARGUMENTS = ("--operator", "anna", "--home", "home-assistant", "--viewer", "hall")


def test_the_shipped_file_is_that_of_the_example_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "acl", "--config", str(ROOT / "config/edge-balancer.toml"), *ARGUMENTS]) == 0
    assert SHIPPED.read_text(encoding="utf-8") == capsys.readouterr().out


def lines_of(user: str, text: str) -> list[str]:
    (block,) = [part for part in text.split("\n\n") if part.startswith(f"user {user}\n")]
    return block.splitlines()[1:]


def test_a_meter_that_speaks_another_format_has_its_own_topics() -> None:
    house = {"id": "h1", "phase": "L1", "meters": [{"topic": "shellies/one/", "format": "shelly1"}]}
    text = acl_text(config := make_config([house]), grants(config))
    assert lines_of("meter:h1", text) == ["topic write shellies/one", "topic write shellies/one/#"]
    assert "topic read shellies/one/#" in lines_of("controller:feeder", text)


def test_a_controller_speaks_for_the_houses_on_its_own_lines_alone() -> None:
    line = {
        "name": "street",
        "port": "/dev/ttyUSB0",
        "meters": [{"house": "h01", "model": "eastron_sdm120", "unit": 1}],
    }
    config = make_config(2, bridge={"lines": [line]})
    rules = lines_of("controller:feeder", acl_text(config, grants(config)))
    assert "topic write phase-balance/feeder/meter/h01" in rules
    assert not [rule for rule in rules if "h02" in rule]


def test_a_bridge_speaks_for_its_houses_alone() -> None:
    config = make_config(3)
    rules = lines_of("bridge:shed", acl_text(config, grants(config, bridges={"shed": ["h02", "transformer"]})))
    assert "topic read phase-balance/feeder/switch/h02/set" in rules
    assert "topic write phase-balance/feeder/meter/transformer" in rules
    assert not [rule for rule in rules if "h01" in rule or "switch/transformer" in rule or "+" in rule or "#" in rule]


def test_a_house_without_a_switch_has_no_user_for_one() -> None:
    houses = [{"id": "clinic", "phase": "L1", "critical": True}, {"id": "mill", "three_phase": True}]
    users = [grant.user for grant in grants(make_config(houses))]
    assert users == ["controller:feeder", "meter:clinic", "meter:mill", "meter:transformer"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--bridge", "shed"), "write the bridge's id and its houses"),
        (("--bridge", "shed=h99"), "h99 is no configured house"),
        (("--operator", "anna berg"), "is no name"),
        (("--viewer", "#"), "is no name"),
    ],
)
def test_what_cannot_be_is_told(arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "acl", "--config", str(ROOT / "config/edge-balancer.toml"), *arguments]) == 2
    assert told in capsys.readouterr().err


def test_the_example_configuration_loads() -> None:
    assert load(ROOT / "config/edge-balancer.toml", {}).feeder.id == "feeder-1"
