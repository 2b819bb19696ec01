"""What the pages show can be used: configurations pass `check`, messages are understood, commands exist, links lead
somewhere, and tables name everything that the code knows.
"""

from __future__ import annotations

import enum
import itertools
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final, get_args

import pytest

from edge_balancer import cli
from edge_balancer.alerts.catalogue import AlertKind
from edge_balancer.settings.check import examine
from edge_balancer.settings.houses import MeterFormat
from edge_balancer.telemetry.intake import Intake
from edge_balancer.telemetry.refusals import Reason
from edge_balancer.types.decisions import VetoReason
from edge_balancer.types.events import EventKind
from firmware_bridge import cli as bridge_cli
from tests.docs.contract_file import DOCS, channel_complaints, contract
from tests.docs.walking import Block, blocks

ROOT: Final = DOCS.parent
PAGES: Final = sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])
WRITTEN: Final = [page for page in PAGES if page.name != "configuration.md"]
MQTT: Final = DOCS / "mqtt.md"


def of_language(language: str) -> list[tuple[Path, Block]]:
    return [(page, block) for page in WRITTEN for block in blocks(page) if block.language == language]


def ids(found: list[tuple[Path, Block]]) -> list[str]:
    return [f"{page.name}-{n}" for n, (page, _) in enumerate(found)]


def configurations() -> list[tuple[Path, Block]]:
    """Those of the controller; what else is in TOML has a label."""
    return [(page, block) for page, block in of_language("toml") if not block.label]


@pytest.mark.parametrize(("page", "block"), configurations(), ids=ids(configurations()))
def test_a_configuration_on_a_page_passes_the_check(page: Path, block: Block, tmp_path: Path) -> None:
    file = tmp_path / "example.toml"
    file.write_text(block.text, encoding="utf-8")
    found = examine(file, {})
    assert [str(problem) for problem in found.problems if problem.severity == "error"] == []


def conversations() -> list[tuple[str, str]]:
    """Each configuration that is followed by messages, with them."""
    page = blocks(MQTT)
    return [
        (block.text, follower.text)
        for block, follower in itertools.pairwise(page)
        if (block.language, follower.language) == ("toml", "messages")
    ]


@pytest.mark.parametrize(("configuration", "messages"), conversations())
def test_the_messages_of_a_meter_become_readings_of_every_house_or_of_the_transformer(
    configuration: str, messages: str, tmp_path: Path
) -> None:
    file = tmp_path / "example.toml"
    file.write_text(configuration, encoding="utf-8")
    config = examine(file, {}).configuration
    assert config is not None
    intake = Intake(config)
    subscribed = [filter_ for filter_, _ in intake.subscriptions()]
    for n, line in enumerate(messages.splitlines()):
        topic, _, payload = line.partition(" ")
        assert any(_fits(topic, filter_) for filter_ in subscribed), topic
        # Apart in time: the same device may say one thing twice within two seconds.
        intake.message(topic, payload.encode(), False, 1000.0 + 3 * n, 1e9 + 3 * n, True)
    assert dict(intake.refusals) == {}
    batch = intake.drain()
    heard = {reading.house for reading in batch.readings} | {reading.house for reading in batch.three_phase}
    mapped = {house.id for house in config.houses if house.meters}
    assert heard == mapped | ({"transformer"} if config.transformer_meters else set())


def _fits(topic: str, filter_: str) -> bool:
    return re.fullmatch(re.escape(filter_).replace(r"\+", "[^/]+").replace(r"\#", ".*"), topic) is not None


def test_every_meter_format_has_an_example() -> None:
    shown = " ".join(block.text for block in blocks(MQTT) if block.language == "toml")
    assert [name for name in get_args(MeterFormat) if f'format = "{name}"' not in shown] == []


@pytest.mark.parametrize("block", [b for b in blocks(MQTT) if b.language == "json"], ids=lambda block: block.label)
def test_a_payload_on_the_mqtt_page_fits_its_channel(block: Block) -> None:
    assert channel_complaints(contract()["channels"][block.label], block.text.strip().encode()) == []


def test_every_channel_that_carries_more_than_a_word_has_a_payload_on_the_mqtt_page() -> None:
    shown = {block.label for block in blocks(MQTT) if block.language == "json"}
    # Said in words, or the same as another channel.
    assert contract()["channels"].keys() - shown == {
        "availability",
        "switchAvailability",
        "bridgeAvailability",
        "alert",
        "subjectAlertAck",
    }


def shell_lines() -> list[tuple[str, str]]:
    """Commands of the program in blocks for the shell, whole lines without variables."""
    found = []
    for page, block in of_language("bash") + of_language("sh"):
        for line in block.text.splitlines():
            command = re.split(r"\s[|>&#]", line.strip())[0].removeprefix("sudo ").removeprefix("./scripts/demo ")
            if re.match(r"(firmware-bridge|edge-balancer|(\.venv/bin/|/opt/\S+/)edge-balancer) ", command):
                found.append((page.name, command))
    return found


@pytest.mark.parametrize(("page", "command"), shell_lines())
def test_a_command_on_a_page_exists_with_its_options(page: str, command: str) -> None:
    parser = bridge_cli.parser() if command.startswith("firmware-bridge") else cli._parser()
    arguments = parser.parse_args(shlex.split(command)[1:])
    assert callable(arguments.run)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        there = page.parent / file if file else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("operations.md", AlertKind),
        ("architecture.md", VetoReason),
        ("architecture.md", EventKind),
        ("mqtt.md", Reason),
    ],
)
def test_a_page_names_everything_that_the_code_knows(page: str, words: type[enum.StrEnum]) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [str(word) for word in words if not re.search(rf"`{word}(/[^`]*)?`", text)] == []


def test_every_folder_of_the_program_is_described() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    for package in ("edge_balancer", "firmware_bridge"):
        folders = [folder.name for folder in (ROOT / package).iterdir() if (folder / "__init__.py").exists()]
        assert [name for name in folders if f"`{name}/`" not in text] == []


def test_the_picture_of_the_demo_is_whole_and_fetches_nothing() -> None:
    text = (DOCS / "images" / "demo.svg").read_text(encoding="utf-8")
    words = " ".join(ET.fromstring(text).itertext()).replace("\xa0", " ")  # noqa: S314 - our own file
    assert "url(" not in text.replace("url(#", "")
    for expected in ("Neutral current", "without moves", "Last moves, and why"):
        assert expected in words
