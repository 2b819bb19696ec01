"""Packets cut out of a stream, and messages left out of it before anybody reads them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.host.inflow import Inflow


def packet(first: int, body: bytes) -> bytes:
    length, encoded = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([first]) + bytes(encoded) + body


def message(topic: str, payload: bytes = b"{}", first: int = 0x30) -> bytes:
    name = topic.encode()
    mid = b"\x00\x07" if first & 0x06 else b""
    return packet(first, len(name).to_bytes(2) + name + mid + payload)


def through(inflow: Inflow, blocks: Iterable[bytes], most: int = 1000) -> bytes:
    """All that gets through, read by so many bytes."""
    read = b""
    for block in blocks:
        inflow.feed(block)
        while inflow.ready:
            some = inflow.take(most)
            assert 0 < len(some) <= most
            read += some
    return read


PINGRESP = b"\xd0\x00"
LONG = message("long", b"x" * 70_000)
STREAM = (PINGRESP, message("a"), message("flood"), LONG, message("flood", b"y" * 200), message("a", b"", 0x31))


@settings(deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1), st.integers(1, 80_000))
def test_however_the_stream_is_cut_the_same_comes_through(cuts: list[int], most: int) -> None:
    whole = b"".join(STREAM)
    blocks, at = [], 0
    for cut in cuts:
        blocks.append(whole[at : at + cut])
        at += cut
    blocks.append(whole[at:])
    read = through(Inflow(lambda topic: topic != b"flood"), blocks, most)
    assert read == b"".join(one for one in STREAM if b"flood" not in one)


def test_without_a_judge_everything_comes_through() -> None:
    assert through(Inflow(), [b"".join(STREAM)]) == b"".join(STREAM)


@pytest.mark.parametrize(
    ("kind", "one"),
    [
        ("a message that must be answered", message("flood", first=0x32)),
        ("one of QoS 2", message("flood", first=0x34)),
        ("an answer", b"\x40\x02\x00\x07"),
        ("a subscription's answer", packet(0x90, b"\x00\x01\x00")),
    ],
)
def test_only_messages_of_qos_0_are_judged(kind: str, one: bytes) -> None:
    assert through(Inflow(lambda _: False), [one]) == one, kind


@pytest.mark.parametrize("first", [0x30, 0x31, 0x38])
def test_the_judge_sees_the_topic_alone_and_once(first: int) -> None:
    seen: list[bytes] = []

    def admit(topic: bytes) -> bool:
        seen.append(topic)
        return False

    assert (
        through(Inflow(admit), [message("straße/1", b"payload", first)[:9], message("straße/1", b"payload", first)[9:]])
        == b""
    )
    assert seen == ["straße/1".encode()]


def test_nothing_is_ready_before_a_packet_is_whole() -> None:
    inflow = Inflow()
    for place in range(len(LONG) - 1):
        if place % 9973 == 0:
            inflow.feed(LONG[place : place + 9973] if place + 9973 < len(LONG) else LONG[place:-1])
            assert not inflow.ready
    inflow.feed(LONG[-1:])
    assert inflow.take(len(LONG)) == LONG


def test_what_is_no_mqtt_is_handed_on_to_who_can_say_so() -> None:
    broken = b"\x30\xff\xff\xff\xff\xff\x01"
    assert through(Inflow(lambda _: False), [broken]) == broken
