"""The page on the field side says what the code says: tables of models, steps and refusals, figures; its configurations
and templates can be used.
"""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Final

import pytest

from edge_balancer.demo.options import FASTEST_SERIAL
from firmware_bridge.contract import Phase
from firmware_bridge.errors import Fault
from firmware_bridge.lines import owner, timing
from firmware_bridge.meters import schedule
from firmware_bridge.meters.catalogue import list_meters, load_meter
from firmware_bridge.meters.decode import decode
from firmware_bridge.meters.plan import plan
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.meters.template import Kind, Template
from firmware_bridge.meters.template_grammar import UNITS, MeterFile
from firmware_bridge.service import standalone
from firmware_bridge.service.configuration import examine
from firmware_bridge.service.diagnostics import BridgeDiagnostics
from firmware_bridge.settings.devices import LineSwitch
from firmware_bridge.signature import LEAST_CHARACTERS
from firmware_bridge.switches import choice, mqtt_relays
from firmware_bridge.switches.authority import Distrust
from firmware_bridge.switches.catalogue import list_switches, load_switch
from firmware_bridge.switches.interlock_types import Refusal, Step
from firmware_bridge.switches.template import RelayTemplate, SwitchTemplate
from tests.docs.contract_file import DOCS
from tests.docs.walking import Block, blocks

FILE: Final = DOCS / "field.md"
TEXT: Final = FILE.read_text(encoding="utf-8")
FLAT: Final = re.sub(r"\s+", " ", TEXT)
NONE: Final = "\N{EN DASH}"
SECTIONS: Final = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", TEXT, re.MULTILINE))


def rows(section: str) -> dict[str, list[str]]:
    """The cells of a section's table after the first one, by the first one without its backticks."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first.strip("`"): others for first, *others in cells}


def toml(label: str) -> Block:
    return next(block for block in blocks(FILE) if (block.language, block.label) == ("toml", label))


def usable_meters() -> dict[str, Template]:
    return {listed.name: listed.template for listed in list_meters() if listed.template is not None}


def usable_switches() -> dict[str, SwitchTemplate]:
    return {listed.name: listed.template for listed in list_switches() if listed.template is not None}


def row_of_meter(meter: Template) -> list[str]:
    at_transformer = NONE
    if meter.phases == 3 and not meter.totals_only:
        quantities = (Quantity.V_LL, Quantity.I_N)
        beyond = [str(q).upper() for q in quantities if any(point.quantity is q for point in meter.points)]
        at_transformer = " ".join(["yes", *beyond])
    proofs = {identity.proves for identity in meter.identities}
    told_by_values = "by its values" if meter.fingerprint else "no"
    scan = next((proof for proof in ("sure", "likely") if proof in proofs), told_by_values)
    serial = meter.serial
    return [
        meter.title,
        str(meter.phases),
        "yes" if meter.signed_power else "**no**",
        at_transformer,
        str(meter.max_registers),
        f"{serial.baud} 8{serial.parity[0].upper()}{serial.stop_bits}",
        scan,
    ]


def test_the_table_of_meters_says_what_the_templates_say() -> None:
    shown = {model: cells[:-1] for model, cells in rows("Meters that are known").items()}
    assert shown == {name: row_of_meter(meter) for name, meter in usable_meters().items()}


def test_the_table_of_switches_says_what_the_templates_say() -> None:
    shown = {model: cells[:-1] for model, cells in rows("Phase switches that are known").items()}
    expected = {}
    for name, switch in usable_switches().items():
        channels, inputs = (switch.channels, switch.inputs) if isinstance(switch, RelayTemplate) else (0, 0)
        expected[name] = [switch.title, str(channels or NONE), str(inputs or NONE)]
    assert shown == expected


def test_every_template_with_an_unverified_fact_is_named_and_no_other() -> None:
    said = set(re.findall(r"`(\w+)`", SECTIONS["What is unverified"]))
    known = {**usable_meters(), **usable_switches()}
    doubtful = {name for name, each in known.items() if re.search("unverified|assumed", each.source, re.IGNORECASE)}
    assert said & known.keys() == doubtful


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("What the interlock does", Refusal),
        ("What the interlock does", Distrust),
        ("How a line is used", Fault),
        ("A meter of your own", Kind),
    ],
)
def test_a_table_names_every_word_of_the_code(section: str, words: type[enum.StrEnum]) -> None:
    assert [str(word) for word in words if f"`{word}`" not in SECTIONS[section]] == []


def test_every_step_of_the_interlock_is_in_its_table() -> None:
    assert [step.name for step in Step if f"| `{step.name}` |" not in SECTIONS["What the interlock does"]] == []


def test_every_part_of_the_diagnostics_is_described() -> None:
    said = SECTIONS["What it tells of itself"]
    fields = set(BridgeDiagnostics.__struct_fields__) - {"t"}
    assert [name for name in fields if not re.search(rf"`{name}(\[\])?`", said)] == []


def test_every_key_of_the_table_of_template_keys_exists() -> None:
    named = rows("A meter of your own").keys()
    assert named <= MeterFile.model_fields.keys()
    assert all(f"`{Point(q)}`" in TEXT or f"`{Point(q)}_l1`" in TEXT for q in Quantity)
    assert UNITS["mA"][0] * 1000 == 1.0


@pytest.mark.parametrize(
    "stated",
    [
        f"{timing.GAP_CHARACTERS:g} characters of silence",
        f"({1000 * timing.FAST_GAP_S:g} ms above {timing.FAST_BAUD} baud)",
        f"opened again after {owner.FIRST_RETRY_S:g} to {owner.LAST_RETRY_S:g} s",
        f"asked after {schedule.LEAST_BACKOFF_S:g} s, then ever more seldom up to every {schedule.MOST_BACKOFF_S:g} s",
        f"every {standalone.DIAGNOSTICS_S:g} s, counted since the start",
        f"at least {LEAST_CHARACTERS} characters",
        f"within {mqtt_relays.ANSWER_S:g} s is not known",
        f"{FASTEST_SERIAL:g} times as fast",
    ],
)
def test_a_figure_of_the_page_is_the_codes(stated: str) -> None:
    assert stated in FLAT


def test_figures_in_words_are_the_codes() -> None:
    assert "refused three times running is no longer asked" in FLAT
    assert schedule.REFUSALS == 3
    assert "fails twice running is *silent*" in FLAT
    assert schedule.SILENT_AFTER == 2


def test_the_bridges_own_configuration_on_the_page_is_good(tmp_path: Path) -> None:
    file = tmp_path / "firmware-bridge.toml"
    file.write_text(toml("bridge").text, encoding="utf-8")
    loaded = examine(file, {})
    assert [str(problem) for problem in loaded.problems] == []
    bridge = loaded.configuration.bridge
    assert [line.meters[0].house for line in bridge.lines] == ["house-3"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The templates of the page, as files."""
    for block in blocks(FILE):
        if block.language == "toml" and "/" in block.label:
            file = tmp_path / f"{block.label}.toml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    return tmp_path


def test_the_meter_of_your_own_reads_as_its_manual_says(folder: Path) -> None:
    meter = load_meter("acme_pm1", folder)
    assert meter.own
    assert [(i.address, i.codes, i.proves) for i in meter.identities] == [(0, (0x0A01,), "sure")]
    (fast,) = plan(meter, meter.fast_points, 0.03, 0.002)
    assert (fast.function, fast.address, fast.count) == (3, 0x0100, 6)
    # 230.1 V, 4.2 A, -966 W: low words first.
    told = decode(fast, (2301, 0, 4200, 0, 0x10000 - 966, 0xFFFF))
    assert told.values == {
        Point(Quantity.V): pytest.approx(230.1),
        Point(Quantity.I): pytest.approx(4.2),
        Point(Quantity.P): pytest.approx(-966.0),
    }
    (slow,) = plan(meter, meter.slow_points, 0.03, 0.002)
    assert decode(slow, (0xE240, 0x0001)).values == {Point(Quantity.E_IMPORT): pytest.approx(1_234_560.0)}
    # What the manual says of a value that is not available, and what the page says of one that cannot be true.
    doubtful = decode(fast, (0xFFFF, 0x7FFF, 0x86A0, 0x0001, 0, 0))
    assert doubtful.missing == (Point(Quantity.V),)
    assert [wrong.point for wrong in doubtful.implausible] == [Point(Quantity.I)]


def test_the_board_of_your_own_can_be_wired_and_is_written_as_its_list_says(folder: Path) -> None:
    board = load_switch("acme_relay_4ch", folder)
    assert isinstance(board, RelayTemplate)
    assert (board.channels, board.inputs) == (4, 4)
    assert (board.write.first, board.write.on, board.write.off) == (0, 0x0100, 0x0200)
    wired = LineSwitch(house="h1", model="acme_relay_4ch", unit=1, relays=(1, 2, 4), feedback=(1, 2, 4))
    assert list(choice.problems(wired, board)) == []
    beyond = LineSwitch(house="h1", model="acme_relay_4ch", unit=1, relays=(3, 4, 5))
    assert "has no relay 5" in next(choice.problems(beyond, board))


def test_the_interlocks_warning_stands_before_anything_else() -> None:
    warning = TEXT.index("Software is never the only interlock")
    assert warning < TEXT.index("\n## ")
    assert all(str(phase) in TEXT for phase in Phase)
