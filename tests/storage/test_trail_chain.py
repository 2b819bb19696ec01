"""The audit row: one text for one value, one hash for one row."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.storage.chain import GENESIS_HASH, Head, canonical_json, digest, link
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.phases import Phase
from tests.storage.storage_cases import planned

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

SAMPLE = Event(
    kind=EventKind.VERIFIED,
    mono=5009.25,
    wall=1_763_829_609.0,
    synced=True,
    house="h1",
    command="c1",
    body={"phase": "L2", "evidence": {"volt": 0.1, "note": "Straße"}},
)


def test_the_hash_of_a_known_row_never_changes() -> None:
    row = link(SAMPLE, Head())
    assert row.body == r'{"evidence":{"note":"Stra\u00dfe","volt":0.1},"phase":"L2"}'
    assert row.hash == "edfb237f137377d3442c2e1f8dd72cc113f4046bc07f9b3feb086863e43b793f"


def test_the_hash_is_what_the_documentation_says() -> None:
    row = link(SAMPLE, Head())
    fields = [
        "edge-balancer/trail/1",
        "0" * 64,
        "1",
        "41da4879da400000",
        "40b3914000000000",
        "1",
        "verified",
        "h1",
        "c1",
        row.body,
    ]
    text = "".join(f"{len(field.encode())}:{field}," for field in fields)
    assert row.hash == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2.0}, '{"a":2.0,"b":1}'),
        ({"x": math.nan, "y": [math.inf, -math.inf]}, '{"x":null,"y":[null,null]}'),
        ({"phase": Phase.L3}, '{"phase":2}'),
        ({"v": np.float64(0.1), "n": np.int64(3), "f": np.bool_(True)}, '{"f":true,"n":3,"v":0.1}'),
        ({"t": (1, 2)}, '{"t":[1,2]}'),
        ({"s": "é\n\ud800"}, r'{"s":"\u00e9\n\ud800"}'),
    ],
)
def test_one_value_has_one_text(value: Any, text: str) -> None:
    assert canonical_json(value) == text


@given(json_values)
def test_the_text_of_a_value_that_was_read_back_is_the_same(value: Any) -> None:
    text = canonical_json(value)
    assert text.isascii()
    assert canonical_json(json.loads(text)) == text


@given(st.data())
def test_every_field_is_covered_and_no_boundary_can_be_shifted(data: st.DataObject) -> None:
    row = link(planned("c1", "h1"), Head(7, "ab" * 32))
    changed = msgspec.structs.replace(
        row,
        **data.draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "seq": st.integers(1, 99),
                    "wall": st.floats(allow_nan=False),
                    "mono": st.floats(allow_nan=False),
                    "synced": st.booleans(),
                    "kind": st.sampled_from(["planned", "plannedh", "planne"]),
                    "house": st.sampled_from(["h1", "h", "1c1", ""]),
                    "command": st.sampled_from(["c1", "h1c1", "", "1"]),
                    "body": st.text(),
                    "prev_hash": st.sampled_from(["ab" * 32, GENESIS_HASH]),
                },
            )
        ),
    )
    same = [msgspec.structs.replace(r, hash="") for r in (row, changed)]
    # -0.0 equals 0.0 and yet is another double.
    equal = same[0] == same[1] and math.copysign(1, changed.wall) == 1 and math.copysign(1, changed.mono) == 1
    assert (digest(changed) == row.hash) == equal


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"wall": math.nan}, "finite"),
        ({"mono": math.inf}, "finite"),
        ({"house": "\ud800"}, "Unicode"),
        ({"body": {"x": object()}}, "JSON"),
    ],
)
def test_an_event_that_cannot_be_written_down_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        link(msgspec.structs.replace(SAMPLE, **changes), Head())


def test_negative_zero_is_recorded_as_the_database_will_give_it_back() -> None:
    assert math.copysign(1, link(msgspec.structs.replace(SAMPLE, mono=-0.0), Head()).mono) == 1
