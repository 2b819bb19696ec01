"""What holds for every shipped template, and how they are found."""

from __future__ import annotations

import itertools

import pytest

from firmware_bridge.contract import Phase
from firmware_bridge.meters.catalogue import list_meters, load_meter, meter_names
from firmware_bridge.meters.plan import plan
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.meters.template import Template

TEMPLATES = [load_meter(name) for name in meter_names()]

each = pytest.mark.parametrize("template", TEMPLATES, ids=[template.name for template in TEMPLATES])


@each
def test_registers_do_not_overlap(template: Template) -> None:
    for one, other in itertools.pairwise(template.registers):
        assert one.function != other.function or one.end <= other.address


@each
def test_every_point_can_be_read_within_the_meters_limit(template: Template) -> None:
    for points in (template.points, template.fast_points, template.slow_points, template.transformer_points):
        blocks = plan(template, points, transaction_s=0.03, register_s=0.0023)
        assert [register.point for block in blocks for register in block.registers] == [
            point for point in template.points if point in set(points)
        ]
        for block in blocks:
            assert 1 <= block.count <= template.max_registers
            assert all(block.address <= register.address < register.end <= block.end for register in block.registers)
            assert block.request(1).count == block.count


@each
def test_active_power_is_among_the_fast_points(template: Template) -> None:
    per_phase = {Point(Quantity.P, phase) for phase in Phase}
    fast = set(template.fast_points)
    assert Point(Quantity.P) in fast if template.phases == 1 or template.totals_only else per_phase <= fast
    assert not fast & set(template.slow_points)


@each
def test_it_says_where_its_facts_come_from(template: Template) -> None:
    assert len(template.source) > 60
    assert template.title


def test_no_two_models_claim_the_same_identity_as_sure() -> None:
    claims = [
        (template.name, identity.function, identity.address, identity.count, answer)
        for template in TEMPLATES
        for identity in template.identities
        if identity.proves == "sure"
        for answer in (*identity.codes, *identity.texts)
    ]
    assert len({claim[1:] for claim in claims}) == len(claims)


@pytest.mark.parametrize(
    ("name", "words", "matches"),
    [
        ("eastron_sdm120", (0x0020,), True),
        ("eastron_sdm630", (121,), True),
        ("eastron_sdm630", (0x0020,), False),
        ("eastron_sdm630", (121, 0), False),
        ("abb_b23", (0x4232, 0x3320), True),
        ("abb_b23", (0x4232, 0x3420), False),
        ("abb_b24", (0x4232, 0x3420), True),
        ("cg_em24", (72,), True),
        ("cg_em340", (341,), True),
        ("schneider_iem3155", (0x6945, 0x4D33, 0x3135, 0x3500, *(16 * (0,))), True),
        ("schneider_iem3155", (0x6945, 0x4D34, 0x3135, 0x3500, *(16 * (0,))), False),
        ("schneider_iem3155", (0xFFFF,) * 20, False),
    ],
)
def test_what_a_meter_says_of_itself(name: str, words: tuple[int, ...], matches: bool) -> None:
    assert any(identity.matches(words) for identity in load_meter(name).identities) is matches


def test_the_meters_that_cannot_show_export_are_these() -> None:
    unsigned = {template.name for template in TEMPLATES if not template.signed_power}
    assert unsigned == {"orno_we504", "orno_we514", "orno_we515", "pzem_004t", "pzem_016"}


def test_the_first_sdm72_tells_only_totals() -> None:
    assert [template.name for template in TEMPLATES if template.totals_only] == ["eastron_sdm72"]


@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("eastron_sdm120", [(0, 26)]),
        ("eastron_sdm630", [(0, 30)]),
        ("abb_b23", [(0x5B00, 36)]),
        ("cg_em340", [(0, 36)]),
        ("chint_dtsu666", [(0x2006, 28)]),
        ("janitza_umg", [(19000, 42)]),
        ("pzem_004t", [(0, 5)]),
    ],
)
def test_a_cycle_takes_one_read_where_the_map_allows_it(name: str, reads: list[tuple[int, int]]) -> None:
    template = load_meter(name)
    blocks = plan(template, template.fast_points, transaction_s=0.03, register_s=0.0023)
    assert [(block.address, block.count) for block in blocks] == reads


def test_an_em24_is_never_asked_for_more_than_eleven_registers_and_its_replies_differ_in_length() -> None:
    template = load_meter("cg_em24")
    blocks = plan(template, template.fast_points, transaction_s=0.03, register_s=0.0023)
    assert max(block.count for block in blocks) <= 11
    assert len({block.count for block in blocks}) == len(blocks)


def test_the_list_has_every_shipped_template_and_no_problem() -> None:
    listed = list_meters()
    assert tuple(entry.name for entry in listed) == meter_names()
    assert [entry.problem for entry in listed if entry.problem or entry.own or entry.template is None] == []
