"""The simulator's own framing, against literal frames from manuals and against pymodbus' checksum."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from firmware_bridge.simulator.wire import (
    Question,
    bits_body,
    checksum,
    confirmation,
    framed,
    intact,
    parse,
    refusal,
    registers_body,
    request_length,
)


@pytest.mark.parametrize(
    ("frame", "question"),
    [
        ("01 05 00 00 FF 00 8C 3A", Question(1, 5, 0, 1, (0xFF00,))),
        ("FF 05 00 00 FF 00 99 E4", Question(255, 5, 0, 1, (0xFF00,))),
        ("FF 05 00 00 00 00 D8 14", Question(255, 5, 0, 1, (0,))),
        ("FF 0F 00 00 00 08 01 FF 30 1D", Question(255, 15, 0, 8, (1,) * 8)),
        ("FF 0F 00 00 00 08 01 00 70 5D", Question(255, 15, 0, 8, (0,) * 8)),
        ("FF 02 00 00 00 08 6C 12", Question(255, 2, 0, 8)),
        ("01 06 00 00 00 01 48 0A", Question(1, 6, 0, 1, (1,))),
        ("01 04 00 0C 00 02 B1 C8", Question(1, 4, 12, 2)),
        ("11 10 00 01 00 02 04 00 0A 01 02 C6 F0", Question(17, 16, 1, 2, (10, 258))),
    ],
)
def test_understands_frames_out_of_manuals(frame: str, question: Question) -> None:
    assert parse(bytes.fromhex(frame)) == question


def test_an_unknown_function_is_understood_as_such() -> None:
    assert parse(framed(3, bytes.fromhex("2B 0E 01 00"))) == Question(3, 0x2B, 0, 0)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "01",
        "01 05 00 00 FF 00 8C 3B",
        "01 05 00 00 FF 00 8C",
        "00 01 05 00 00 FF 00 8C 3A",
        framed(1, bytes.fromhex("04 00 0C 00 02 00")).hex(),
        framed(1, bytes.fromhex("10 00 01 00 02 04 00 0A")).hex(),
    ],
    ids=["nothing", "one byte", "checksum", "short", "noise before", "long", "fewer bytes than it says"],
)
def test_what_is_no_frame_is_no_question(frame: str) -> None:
    assert parse(bytes.fromhex(frame)) is None


@pytest.mark.parametrize(
    ("begin", "length"),
    [
        ("01", None),
        ("01 04", 8),
        ("01 06 00", 8),
        ("01 0F 00 00 00", None),
        ("01 0F 00 00 00 08 01", 10),
        ("01 2B", None),
    ],
)
def test_tells_a_requests_length_as_soon_as_it_can(begin: str, length: int | None) -> None:
    assert request_length(bytes.fromhex(begin)) == length


@given(st.binary(max_size=300))
def test_checksum_agrees_with_pymodbus(data: bytes) -> None:
    assert int.from_bytes(checksum(data), "big") == FramerRTU.compute_CRC(data)
    assert intact(b"\x01\x02" + data + checksum(b"\x01\x02" + data))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (registers_body(4, (0x4366, 0x3334)), "04 04 43 66 33 34"),
        (bits_body(1, (1, 0, 1)), "01 01 05"),
        (bits_body(2, (0,) * 8 + (1,)), "02 02 00 01"),
        (confirmation(Question(1, 5, 2, 1, (0xFF00,))), "05 00 02 FF 00"),
        (confirmation(Question(1, 6, 2, 1, (0x0100,))), "06 00 02 01 00"),
        (confirmation(Question(1, 15, 0, 3, (1, 0, 0))), "0F 00 00 00 03"),
        (confirmation(Question(1, 16, 1, 2, (7, 8))), "10 00 01 00 02"),
        (refusal(4, 2), "84 02"),
    ],
)
def test_answers_are_laid_out_as_the_standard_says(body: bytes, expected: str) -> None:
    assert body == bytes.fromhex(expected)
