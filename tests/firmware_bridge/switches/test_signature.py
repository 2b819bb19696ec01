"""Signed commands: what a signature covers, which keys count, and that keys are never shown."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.contract import SetCommand, decode_set
from firmware_bridge.signature import canonical, parse_keys, sign, verify
from firmware_bridge.switches.authority import Authority, Distrust

KEY = b"0123456789abcdef0123456789abcdef"
OTHER = b"another key of sufficient length"
BASE, HOUSE = "phase-balance/feeder-7", "h12"
COMMAND = SetCommand(id="c-1", seq=17, phase="L2", origin="L1", issued=1763829600.5, expires=1763829660.5)


def signed(command: SetCommand = COMMAND, key: bytes = KEY, base: str = BASE, house: str = HOUSE) -> SetCommand:
    return msgspec.structs.replace(command, mac=sign(key, base, house, command))


def test_signature_is_what_the_standard_tool_gives_for_the_documented_text() -> None:
    text = b'["switch/set/1","phase-balance/feeder-7","h12","c-1",17,"L2","L1",1763829600500,1763829660500]'
    assert canonical(BASE, HOUSE, COMMAND) == text
    assert sign(KEY, BASE, HOUSE, COMMAND) == hmac.new(KEY, text, hashlib.sha256).hexdigest()


def test_fixed_vector() -> None:
    # printf '%s' '["switch/set/1",...]' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
    assert sign(KEY, BASE, HOUSE, COMMAND) == "da4c38685ec0b5acecedbad216ae4e4de81f59a2850b5ecc2e634cc4a1980f52"


@pytest.mark.parametrize("keys", [(KEY,), (OTHER, KEY), (KEY, OTHER)], ids=["only", "last", "first"])
def test_any_of_the_keys_will_do(keys: tuple[bytes, ...]) -> None:
    assert verify(keys, BASE, HOUSE, signed())


def test_survives_the_wire() -> None:
    payload = msgspec.json.encode(signed())
    assert verify((KEY,), BASE, HOUSE, decode_set(payload))


def test_instants_in_words_and_in_seconds_are_the_same_command() -> None:
    words = msgspec.structs.replace(
        COMMAND, issued="2025-11-22T17:40:00.5+01:00", expires="2025-11-22T16:41:00.500+00:00"
    )
    assert canonical(BASE, HOUSE, words) == canonical(BASE, HOUSE, COMMAND)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "c-2"},
        {"seq": 18},
        {"phase": "L3"},
        {"origin": "L3"},
        {"issued": 1763829600.6},
        {"expires": 1763829661.5},
        {"expires": "never"},
        {"issued": float("nan")},
        {"expires": float("inf")},
        {"mac": ""},
        {"mac": "0" * 64},
        {"mac": "é" * 64},
        {"mac": "\ud800"},
    ],
    ids=str,
)
def test_a_changed_command_is_not_signed(change: dict[str, Any]) -> None:
    assert not verify((KEY, OTHER), BASE, HOUSE, msgspec.structs.replace(signed(), **change))


@pytest.mark.parametrize(
    ("keys", "base", "house"),
    [((OTHER,), BASE, HOUSE), ((KEY,), "phase-balance/feeder-8", HOUSE), ((KEY,), BASE, "h13"), ((), BASE, HOUSE)],
    ids=["other key", "other feeder", "other house", "no key"],
)
def test_a_signature_holds_for_its_key_feeder_and_house_alone(keys: tuple[bytes, ...], base: str, house: str) -> None:
    assert not verify(keys, base, house, signed())


texts = st.text(max_size=12)
commands = st.builds(
    SetCommand,
    id=texts,
    seq=st.integers(),
    phase=texts,
    origin=texts,
    issued=st.integers(0, 10**12).map(lambda ms: ms / 1000),
    expires=st.integers(0, 10**12).map(lambda ms: ms / 1000),
)
addressed = st.tuples(texts, texts, commands)


@given(addressed, addressed)
def test_no_two_commands_share_a_text(one: tuple[str, str, SetCommand], two: tuple[str, str, SetCommand]) -> None:
    assert (canonical(*one) == canonical(*two)) == (one == two)


@given(texts, texts, texts, texts)
def test_what_moves_from_one_field_to_the_next_changes_the_text(head: str, tail: str, house: str, rest: str) -> None:
    if tail:
        one = canonical(head + tail, house, msgspec.structs.replace(COMMAND, id=rest))
        assert one != canonical(head, tail + house, msgspec.structs.replace(COMMAND, id=rest))


def test_keys_are_read_one_a_line() -> None:
    assert parse_keys(f"\n  {KEY.decode()}\r\n\n{OTHER.decode()}\n") == (KEY, OTHER)
    assert parse_keys("") == ()


def test_a_short_key_is_named_by_its_line_and_never_shown() -> None:
    with pytest.raises(ValueError, match="line 2") as caught:
        parse_keys(f"{KEY.decode()}\nhunter2-secret\n")
    assert "hunter2" not in str(caught.value)
    assert "14" in str(caught.value)
    assert "16" in str(caught.value)


def test_without_keys_unsigned_commands_pass() -> None:
    assert Authority((), BASE).refusal(HOUSE, COMMAND) is None


@pytest.mark.parametrize(
    ("command", "distrust"),
    [
        (COMMAND, Distrust.UNSIGNED),
        (signed(key=OTHER), Distrust.WRONG),
        (signed(house="h13"), Distrust.WRONG),
        (msgspec.structs.replace(signed(), phase="L3"), Distrust.WRONG),
    ],
    ids=["unsigned", "another key", "another house", "altered"],
)
def test_with_keys_a_command_without_a_right_signature_is_refused_and_counted(
    command: SetCommand, distrust: Distrust
) -> None:
    authority = Authority((KEY,), BASE)
    assert authority.refusal(HOUSE, signed()) is None
    reason = authority.refusal(HOUSE, command)
    assert reason is not None
    assert reason.startswith(distrust)
    assert authority.refused == {distrust: 1}
