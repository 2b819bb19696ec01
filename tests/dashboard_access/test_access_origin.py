"""Hosts, origins, cookies and tokens as strangers may write them: nothing raises, and nothing foreign passes."""

from __future__ import annotations

import string
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.dashboard.access import origin, tokens
from edge_balancer.dashboard.access.request import Incoming
from edge_balancer.dashboard.access.sessions import csrf_of

NAMES: Final = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
PORTS: Final = st.none() | st.integers(1, 65535)
BASE64URL: Final = string.ascii_letters + string.digits + "_-"


def _authority(name: str, port: int | None) -> str:
    return name if port is None else f"{name}:{port}"


@given(st.text(max_size=60))
def test_any_host_is_judged_and_only_plain_ones_pass(text: str) -> None:
    found = origin.split_host(text)
    if found is not None:
        assert text.isascii()
        assert set("/@\\ #?%") & set(text) == set()
        assert not origin.is_ours("evil.example", frozenset(), loopback=True)


@given(NAMES, PORTS)
def test_a_host_is_taken_apart_as_it_was_put_together(name: str, port: int | None) -> None:
    assert origin.split_host(_authority(name, port)) == (name, port)
    assert origin.split_host(_authority(name.upper() + ".", port)) == (name, port)


@given(NAMES)
def test_on_loopback_no_name_but_localhost_is_ours_unless_configured(name: str) -> None:
    local = name == "localhost" or name.endswith(".localhost") or name.startswith("127.")
    assert origin.is_ours(name, frozenset(), loopback=True) <= local
    assert origin.is_ours(name, frozenset({name}), loopback=True)


@given(NAMES, PORTS, NAMES, PORTS)
def test_an_origin_is_ours_only_with_our_name_and_port(
    name: str, port: int | None, other: str, other_port: int | None
) -> None:
    ours = _authority(name, port)
    assert origin.same_origin(f"http://{ours}", ours, "http")
    theirs = origin.same_origin(f"http://{_authority(other, other_port)}", ours, "http")
    assert theirs == ((name, port or 80) == (other, other_port or 80))


@pytest.mark.parametrize(
    ("origin_", "host", "scheme", "same"),
    [
        ("http://localhost:8080", "localhost:8080", "http", True),
        ("https://page.lan", "page.lan", "http", True),
        ("https://page.lan", "page.lan:443", "https", True),
        ("http://page.lan", "page.lan", "https", False),
        ("http://localhost:8081", "localhost:8080", "http", False),
        ("http://localhost:8080.evil.example", "localhost:8080", "http", False),
        ("http://localhost:8080@evil.example", "localhost:8080", "http", False),
        ("http://localhost:8080/", "localhost:8080", "http", False),
        ("null", "localhost:8080", "http", False),
        ("", "localhost:8080", "http", False),
        ("file://", "localhost:8080", "http", False),
        ("http://[::1]:8080", "[::1]:8080", "http", True),
    ],
)
def test_origins(origin_: str, host: str, scheme: str, same: bool) -> None:
    assert origin.same_origin(origin_, host, scheme) is same


@given(st.binary(max_size=80))
def test_whatever_is_shown_is_a_token_of_ours_or_none(data: bytes) -> None:
    found = tokens.parse(data)
    if found is not None:
        assert found.text.encode() == data
    rest = tokens.of_authorization(data)
    assert rest is None or tokens.parse(rest) is None or tokens.PREFIX.encode() in data


@given(st.text(alphabet="0123456789abcdef", min_size=12, max_size=12), st.text(BASE64URL, min_size=43, max_size=43))
def test_a_token_is_read_as_it_was_written(id_: str, secret: str) -> None:
    bearer = tokens.Bearer(id_, secret)
    assert tokens.parse(bearer.text.encode()) == bearer
    assert tokens.of_authorization(f"bEaReR   {bearer.text} ".encode()) == bearer.text.encode()
    assert secret not in repr(bearer)


@given(st.integers(0, 59), st.integers(0, 255))
def test_a_token_with_one_byte_changed_proves_nothing(place: int, byte: int) -> None:
    bearer = tokens.Bearer("0123456789ab", "A" * 43)
    data = bytearray(bearer.text.encode())
    place = min(place, len(data) - 1)
    same = data[place] == byte
    data[place] = byte
    found = tokens.parse(bytes(data))
    assert (found is not None and found.id == bearer.id and found.proves(bearer.sha256)) is same


def test_drawn_tokens_are_never_the_same_and_prove_themselves_alone() -> None:
    drawn = [tokens.draw() for _ in range(200)]
    assert len({bearer.id for bearer in drawn}) == len({bearer.secret for bearer in drawn}) == 200
    assert all(tokens.parse(bearer.text.encode()) == bearer for bearer in drawn)
    assert [bearer for bearer in drawn if bearer.proves(drawn[7].sha256)] == [drawn[7]]


def _with_cookies(*lines: bytes) -> Incoming:
    scope: dict[str, Any] = {"method": "GET", "path": "/", "scheme": "http"}
    return Incoming({**scope, "headers": [(b"cookie", line) for line in lines]})


@given(st.lists(st.binary(max_size=40), max_size=3))
def test_any_cookie_line_can_be_read(lines: list[bytes]) -> None:
    _with_cookies(*lines).cookie("eb_8080")


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([b"eb_8080=abc"], "abc"),
        ([b"a=b; eb_8080=abc; c=d"], "abc"),
        ([b"a=b", b"eb_8080=abc"], "abc"),
        ([b"xeb_8080=abc; eb_80801=abc"], None),
        ([b"eb_8080"], None),
        # Somebody else has put one beside ours.
        ([b"eb_8080=abc; eb_8080=def"], None),
        ([], None),
    ],
)
def test_cookies(lines: list[bytes], found: str | None) -> None:
    assert _with_cookies(*lines).cookie("eb_8080") == found


@given(st.text(BASE64URL, min_size=43, max_size=43), st.text(BASE64URL, min_size=43, max_size=43))
def test_every_session_has_a_csrf_word_of_its_own(one: str, other: str) -> None:
    assert (csrf_of(one) == csrf_of(other)) is (one == other)
    assert one not in csrf_of(one)
