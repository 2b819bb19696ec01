"""The page on channels says what the code says: configurations, secrets, codes, and how a signature is checked."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from edge_balancer.alerts.channels.channel import Outcome
from edge_balancer.alerts.channels.modem.answers import ModemError, fault_of
from edge_balancer.alerts.channels.twilio_codes import CODES
from edge_balancer.alerts.channels.webhook import SIGNATURE, Body, signature
from edge_balancer.settings.channel_rules import secret_keys
from edge_balancer.settings.channels import ChannelsSettings
from edge_balancer.settings.check import examine
from tests.docs.contract_file import DOCS
from tests.docs.walking import blocks

FILE: Final = DOCS / "channels.md"
TEXT: Final = FILE.read_text(encoding="utf-8")
BASE: Final = '[feeder]\ntransformer_kva = 9\n[[houses]]\nid = "h1"\nphase = "L1"\n'


def test_the_configurations_on_the_page_are_good_together(tmp_path: Path) -> None:
    parts = [block.text for block in blocks(FILE) if (block.language, block.label) == ("toml", "fragment")]
    assert len(parts) == 3
    file = tmp_path / "c.toml"
    file.write_text("\n".join([BASE, *parts]))
    found = examine(file, {"EDGE_BALANCER_CHANNELS__TWILIO__AUTH_TOKEN": "x"})
    assert found.configuration is not None, found.problems
    assert found.configuration.channels.in_use == ("twilio", "modem", "email")


def test_every_channel_and_every_secret_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ", TEXT, re.MULTILINE)
    assert set(ChannelsSettings.model_fields) <= set(rows)
    assert re.findall(r"^\| `(channels\.[\w.]+)` \| `(\w+)` \|$", TEXT, re.MULTILINE) == [
        (key.dotted, key.environment) for key in secret_keys()
    ]


def test_the_service_looks_for_every_secret() -> None:
    unit = (DOCS.parent / "systemd" / "edge-balancer.service").read_text(encoding="utf-8")
    missing = [
        key.dotted for key in secret_keys() if f"\nLoadCredential={key.dotted}:edge-balancer.{key.dotted}\n" not in unit
    ]
    assert missing == []


def code_rows() -> list[tuple[str, str, str]]:
    return re.findall(r"^\| ([\d, `+A-Z:]*?\d{2,5}[^|]*) \| `(\w+)`[^|]* \| `(\w+)` \|", TEXT, re.MULTILINE)


def test_twilios_codes_mean_what_the_page_says() -> None:
    told = 0
    for codes, why, outcome in code_rows():
        for code in re.findall(r"\b\d{5}\b", codes):
            meaning = CODES[int(code)]
            assert (meaning.why, str(meaning.outcome)) == (why, outcome), code
            told += 1
    assert told > 20
    whys = {meaning.why for meaning in CODES.values()} - {"carrier", "invalid_service", "invalid_text"}
    assert whys == {why for codes, why, _ in code_rows() if re.search(r"\b\d{5}\b", codes)}


def test_the_modems_errors_mean_what_the_page_says() -> None:
    told = 0
    for line in TEXT.splitlines():
        if not line.startswith("| `+CMS ERROR"):
            continue
        said, _, outcome, _ = (cell.strip() for cell in line.strip("|").split("|"))
        family = "CMS"
        for new, code in re.findall(r"(?:\+(\w+) ERROR: )?(\d+)", said):
            family = new or family
            assert str(fault_of(ModemError(family, int(code))).outcome) == outcome.strip("`"), (family, code)
            told += 1
    assert told > 15


def test_the_outcomes_are_all_explained() -> None:
    assert [str(each) for each in Outcome if f"| `{each}` |" not in TEXT] == []


def test_the_message_on_the_page_is_what_is_posted() -> None:
    (block,) = [block for block in blocks(FILE) if (block.language, block.label) == ("json", "webhook")]
    body = msgspec.json.decode(block.text, type=Body, strict=True)
    assert msgspec.json.decode(msgspec.json.encode(body)) == msgspec.json.decode(block.text)


@pytest.mark.parametrize(
    ("key", "aged_s", "changed", "genuine"),
    [
        (b"k" * 16, 0, b"", True),
        (b"other" * 4, 0, b"", False),
        (b"k" * 16, 400, b"", False),
        (b"k" * 16, 0, b"x", False),
    ],
)
def test_the_check_of_a_signature_works(key: bytes, aged_s: float, changed: bytes, genuine: bool) -> None:
    (block,) = [block for block in blocks(FILE) if (block.language, block.label) == ("python", "signature")]
    names: dict[str, Any] = {}
    exec(block.text, names)  # noqa: S102 - our own page
    body = b'{"id": "m-1"}'
    header = signature(b"k" * 16, body, time.time() - aged_s)
    assert names["is_genuine"](key, header, body + changed) is genuine
    assert f"`{SIGNATURE}`" in block.text
