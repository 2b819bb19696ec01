"""Frames cut out of what is heard on somebody else's line, and what they are told as. Checksums are pymodbus'."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from firmware_bridge.commands.overheard import PATIENCE_S, Frame, Overheard, describe, split

GAP_S = 0.004


def framed(text: str) -> bytes:
    body = bytes.fromhex(text)
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


READ = framed("01 04 00 0c 00 02")
READ_REPLY = framed("01 04 04 c4 76 60 00")
REFUSAL = framed("01 84 02")
COIL = bytes.fromhex("01 05 00 00 FF 00 8C 3A")


def cut(*heard: tuple[float, bytes]) -> list[Frame]:
    overheard, frames = Overheard(GAP_S), []
    for at_s, data in heard:
        frames += overheard.hear(data, at_s)
    return frames + overheard.over(1e9)


def test_silence_ends_a_frame() -> None:
    frames = cut((0.0, READ), (0.010, READ_REPLY))
    assert [(f.data, f.good) for f in frames] == [(READ, True), (READ_REPLY, True)]
    assert frames[0].gap_s is None
    assert frames[1].gap_s == pytest.approx(0.010)


def test_a_frame_that_comes_in_pieces_is_one() -> None:
    frames = cut((0.0, READ_REPLY[:3]), (0.016, READ_REPLY[3:7]), (0.017, READ_REPLY[7:]))
    assert [(f.at_s, f.data) for f in frames] == [(0.0, READ_REPLY)]


def test_request_and_reply_in_one_lump_are_two() -> None:
    frames = cut((0.0, READ + READ_REPLY))
    assert [(f.data, f.gap_s) for f in frames] == [(READ, None), (READ_REPLY, 0.0)]


def test_what_is_no_frame_is_shown_as_broken() -> None:
    spoiled = bytes([*READ_REPLY[:4], READ_REPLY[4] ^ 1, *READ_REPLY[5:]])
    frames = cut((0.0, READ), (0.010, spoiled), (0.100, READ))
    assert [(f.data, f.good) for f in frames] == [(READ, True), (spoiled, False), (READ, True)]


def test_noise_behind_a_good_frame_spoils_only_itself() -> None:
    assert split(READ + b"\x00\xff") == ([READ], b"\x00\xff")


def test_nothing_is_over_before_its_silence() -> None:
    overheard = Overheard(GAP_S)
    assert overheard.due_s is None
    overheard.hear(READ, 1.0)
    assert overheard.due_s == pytest.approx(1.0 + GAP_S)
    assert overheard.over(1.0 + GAP_S / 2) == []
    assert [f.data for f in overheard.over(1.0 + GAP_S)] == [READ]
    overheard.hear(READ[:4], 2.0)
    assert overheard.due_s == pytest.approx(2.0 + PATIENCE_S)
    assert overheard.over(2.0 + GAP_S) == []
    assert [f.good for f in overheard.over(2.0 + PATIENCE_S)] == [False]
    assert overheard.due_s is None


@pytest.mark.parametrize(
    ("data", "before", "said"),
    [
        (READ, None, "request  unit 1, FC04, registers 12 to 13"),
        (READ_REPLY, READ, "reply    unit 1, FC04, 4 bytes"),
        (REFUSAL, READ, "refusal  unit 1, FC04, exception 2 (address)"),
        (COIL, None, "request  unit 1, FC05, coil 0 = 0xff00"),
        (COIL, COIL, "reply    unit 1, FC05, coil 0 = 0xff00"),
        (framed("01 0f 00 00 00 08 01 ff"), None, "request  unit 1, FC15, coils 0 to 7 written"),
        (framed("01 0f 00 00 00 08"), None, "reply    unit 1, FC15, coils 0 to 7 written"),
        (framed("00 06 00 01 01 00"), None, "request  broadcast, FC06, register 1 = 0x0100"),
        (framed("02 01 00 00 00 18"), None, "request  unit 2, FC01, coils 0 to 23"),
        # As long as a request: only what went before tells.
        (framed("02 01 03 01 00 18"), framed("02 01 00 00 00 18"), "reply    unit 2, FC01, 3 bytes"),
        (framed("02 02 00 00 00 08"), None, "request  unit 2, FC02, inputs 0 to 7"),
        (framed("02 42"), None, "frame    unit 2, function 66"),
    ],
)
def test_frames_are_told_as_what_they_are(data: bytes, before: bytes | None, said: str) -> None:
    earlier = None if before is None else Frame(0.0, None, before, good=True)
    (frame,) = cut((0.0, data))
    assert frame.good
    assert describe(frame, earlier) == said


def test_a_broken_frame_is_not_interpreted() -> None:
    assert describe(Frame(0.0, None, READ[:-1], good=False), None) == "no whole frame"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.1), st.binary(min_size=1, max_size=40)), max_size=12))
def test_no_byte_is_lost_or_told_twice(pieces: list[tuple[float, bytes]]) -> None:
    now_s, heard = 0.0, []
    for pause_s, data in pieces:
        now_s += pause_s
        heard.append((now_s, data))
    assert b"".join(frame.data for frame in cut(*heard)) == b"".join(data for _, data in pieces)
