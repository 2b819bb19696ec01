"""Frames by published vectors, and by pymodbus as a second opinion."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from firmware_bridge.errors import Fault
from firmware_bridge.lines.frames import Judge, crc16, encode, reply_length, request_length
from firmware_bridge.lines.requests import Function, Request
from tests.firmware_bridge.lines.device_on_pty import refused, registers, sealed

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

REQUESTS = {
    "05 01 00 00 00 08": Request(5, Function.READ_COILS, 0, 8),
    "11 02 00 C4 00 16": Request(0x11, Function.READ_INPUTS, 0xC4, 0x16),
    "11 03 00 6B 00 03": Request(0x11, Function.READ_HOLDING, 0x6B, 3),
    "01 04 00 0C 00 02": Request(1, Function.READ_REGISTERS, 12, 2),
    "01 05 00 00 FF 00": Request(1, Function.WRITE_COIL, 0, values=(1,)),
    "01 05 00 00 00 00": Request(1, Function.WRITE_COIL, 0, values=(0,)),
    "01 05 00 00 55 00": Request(1, Function.WRITE_COIL, 0, values=(0x5500,)),
    "11 06 00 01 00 03": Request(0x11, Function.WRITE_REGISTER, 1, values=(3,)),
    "11 0F 00 13 00 0A 02 CD 01": Request(0x11, Function.WRITE_COILS, 0x13, values=(1, 0, 1, 1, 0, 0, 1, 1, 1, 0)),
    "11 10 00 01 00 02 04 00 0A 01 02": Request(0x11, Function.WRITE_REGISTERS, 1, values=(10, 0x102)),
}
"""By the application protocol's own examples, without checksum."""


def test_a_relay_is_closed_by_the_frame_in_its_makers_manual() -> None:
    assert encode(REQUESTS["01 05 00 00 FF 00"]) == bytes.fromhex("01 05 00 00 FF 00 8C 3A")


@pytest.mark.parametrize("wire", REQUESTS)
def test_a_request_is_the_bytes_of_the_specification_and_its_length_is_foretold(wire: str) -> None:
    frame = encode(REQUESTS[wire])
    assert frame == sealed(bytes.fromhex(wire))
    assert len(frame) == request_length(REQUESTS[wire])


@UNHURRIED
@given(st.binary(max_size=260))
def test_the_checksum_is_pymodbuss_and_zero_over_a_whole_frame(data: bytes) -> None:
    assert crc16(data).to_bytes(2, "little") == FramerRTU.compute_CRC(data).to_bytes(2, "big")
    assert crc16(data + crc16(data).to_bytes(2, "little")) == 0


@pytest.mark.parametrize(
    ("unit", "function", "address", "count", "values", "wrong"),
    [
        (256, Function.READ_COILS, 0, 1, (), "unit = 256"),
        (0, Function.READ_COILS, 0, 1, (), "unit = 0"),
        (1, Function.READ_HOLDING, 0, 126, (), "1 to 125"),
        (1, Function.READ_INPUTS, 0, 2001, (), "1 to 2000"),
        (1, Function.READ_HOLDING, 65535, 2, (), "address = 65535"),
        (1, Function.WRITE_COIL, 0, 1, (), "0 values"),
        (1, Function.WRITE_COIL, 0, 1, (1, 0), "2 values"),
        (1, Function.WRITE_REGISTER, 0, 1, (65536,), "0 to 65535"),
        (1, Function.WRITE_COILS, 0, 1, (2,), "0 to 1"),
        (1, Function.WRITE_REGISTERS, 0, 1, (0,) * 124, "1 to 123"),
        (1, Function.WRITE_COILS, 0, 1, (0,) * 1969, "1 to 1968"),
    ],
)
def test_what_cannot_be_put_on_the_wire_is_refused(
    unit: int, function: Function, address: int, count: int, values: tuple[int, ...], wrong: str
) -> None:
    with pytest.raises(ValueError, match=wrong):
        Request(unit, function, address, count, values)


def test_the_longest_requests_and_replies_fit_a_frame() -> None:
    assert request_length(Request(1, Function.WRITE_REGISTERS, 0, values=(0,) * 123)) == 255
    assert request_length(Request(1, Function.WRITE_COILS, 0, values=(0,) * 1968)) == 255
    assert reply_length(Request(1, Function.READ_HOLDING, 0, 125)) == 255


@pytest.mark.parametrize("cut", range(9))
def test_a_reply_is_none_before_its_last_byte(cut: int) -> None:
    whole = registers(1, 4, 7, 8)
    judge = Judge(Request(1, Function.READ_REGISTERS, 0, 2))
    assert judge.look(whole[:cut]) is None
    assert not judge.stray(whole[:cut])
    judged = judge.look(whole)
    assert judged is not None
    assert (judged.reply, judged.fault, judged.used) == ((7, 8), None, 9)


def requests() -> st.SearchStrategy[Request]:
    reads = st.builds(
        Request,
        st.integers(1, 247),
        st.sampled_from([f for f in Function if f.reads]),
        st.integers(0, 60_000),
        st.integers(1, 40),
    )
    writes = st.builds(
        Request,
        st.integers(1, 247),
        st.sampled_from([Function.WRITE_COIL, Function.WRITE_REGISTER]),
        st.integers(0, 60_000),
        values=st.tuples(st.integers(0, 0xFFFF)),
    )
    return reads | writes


def true_reply(request: Request, filling: bytes) -> bytes:
    """A device's reply whose values are taken from `filling`."""
    if not request.function.reads:
        value = request.values[0]
        if request.function is Function.WRITE_COIL and value == 1:
            value = 0xFF00
        body = bytes((request.unit, request.function)) + request.address.to_bytes(2, "big") + value.to_bytes(2, "big")
        return sealed(body)
    size = (request.count + 7) // 8 if request.function.of_bits else 2 * request.count
    data = (filling * size)[:size]
    return sealed(bytes((request.unit, request.function, size)) + data)


@st.composite
def mangled(draw: st.DrawFn, whole: bytes) -> bytes:
    """Damage of the kinds a line does: bytes changed, lost, put in, repeated, moved, others' frames before it."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["change", "lose", "put", "cut", "repeat", "swap", "foreign"])):
            case "change" if at < len(data):
                data[at] ^= draw(st.integers(1, 255))
            case "lose":
                del data[at : at + draw(st.integers(1, 8))]
            case "put":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "cut":
                del data[at:]
            case "repeat":
                data[at:at] = data[:at]
            case "swap":
                data = data[at:] + data[:at]
            case "foreign":
                data[0:0] = registers(draw(st.integers(1, 247)), draw(st.sampled_from([3, 4])), *range(at % 9))
            case _:
                pass
    return bytes(data)


@UNHURRIED
@given(st.data(), requests(), st.binary(min_size=1, max_size=80))
def test_damage_never_makes_another_value_or_a_refusal(data: st.DataObject, request: Request, filling: bytes) -> None:
    whole = true_reply(request, filling)
    judge = Judge(request)
    truth = judge.look(whole)
    assert truth is not None
    assert truth.fault is None
    received = data.draw(mangled(whole))
    # A frame that is right in its head and its checksum is a reply, whoever made it: that is what a checksum can do.
    assume(received[: len(whole)] == whole or not _rightly_made(received, request, len(whole)))
    judged = judge.look(received)
    if judged is not None and judged.fault in (None, Fault.EXCEPTION):
        assert received.startswith(whole)
        assert judged == truth
    # However it is cut into pieces: earlier looks say nothing else.
    for cut in range(len(received)):
        early = judge.look(received[:cut])
        assert early is None or early == judged


def _rightly_made(received: bytes, request: Request, size: int) -> bool:
    head = bytes((request.unit, request.function))
    refusal = bytes((request.unit, request.function | 0x80))
    frame = received[:5] if received.startswith(refusal) else received[:size]
    return frame[:2] in (head, refusal) and len(frame) >= 5 and sealed(frame[:-2]) == frame


@UNHURRIED
@given(requests(), st.binary(max_size=60))
def test_bytes_that_are_no_reply_have_a_fault_to_be_counted(request: Request, received: bytes) -> None:
    judge = Judge(request)
    if judge.look(received) is None:
        assert judge.blame(received) not in (Fault.EXCEPTION, Fault.LATE, Fault.IMPLAUSIBLE)


def test_a_refusal_is_known_by_its_checksum_too() -> None:
    judge = Judge(Request(9, Function.READ_HOLDING, 0, 10))
    good = judge.look(refused(9, 3, 6))
    assert good is not None
    assert (good.fault, good.code, good.used) == (Fault.EXCEPTION, 6, 5)
    bad = judge.look(refused(9, 3, 6)[:-1] + b"\xee")
    assert bad is not None
    assert bad.fault is Fault.CHECKSUM
