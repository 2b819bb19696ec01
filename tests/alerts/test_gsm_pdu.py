"""SMS in PDU mode: against octets known from elsewhere, and there and back again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.alerts.channels import gsm_pdu, gsm_text
from edge_balancer.alerts.channels.gsm_pdu import Deliver, PduError, StatusReport
from tests.alerts.modem_double import decoded, delivered, report

GSM_LETTERS = "".join(sorted((*gsm_text.CODES, *gsm_text.EXTENSION)))
ASCII_ALIKE = "ACK 0123456789[]€.:-abcxyzABC"
"""Letters whose codes the double's own decoder knows."""


def test_an_sms_to_be_sent_is_what_the_standard_says() -> None:
    """`hellohello`: packed septets E8 32 9B FD 46 97 D9 EC 37."""
    (pdu,) = gsm_pdu.submits("+46708251358", "hellohello", 0, report=False)
    assert pdu.hex == "0011000B916407281553F80000A70AE8329BFD4697D9EC37"
    assert pdu.length == len(pdu.hex) // 2 - 1
    (national,) = gsm_pdu.submits("0708251358", "hellohello", 0, report=True)
    assert national.hex == "0031000A8170805231850000A70AE8329BFD4697D9EC37"


@pytest.mark.parametrize(
    ("pdu", "sms"),
    [
        (
            "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07",
            Deliver("+31641600986", "How are you?", 1030390661.0),
        ),
        (
            "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37",
            Deliver("27838890001", "hellohello", 4078473419.0),
        ),
        # The sender is a name: seven-bit characters, counted in half octets.
        (
            "0004" + "0AD0" + gsm_pdu.pack(b"Netz1").hex() + "0000" + "62113230540000" + "02" + "C834",
            Deliver("Netz1", "Hi", 1795405500.0),
        ),
        (
            delivered("+4915112345678", "ACK 12 €", (200, 3, 2)),
            Deliver("+4915112345678", "ACK 12 €", 1795405500.0, 200, 3, 2),
        ),
        # A 16-bit reference.
        (
            "00440C915194214365870008" + "62113230540000" + "09" + "06080401020302" + "0041",
            Deliver("+154912345678", "A", 1795405500.0, 0x0102, 3, 2),
        ),
    ],
)
def test_an_sms_that_came_in_is_read(pdu: str, sms: Deliver) -> None:
    assert gsm_pdu.decode(pdu) == sms


def test_a_report_is_read() -> None:
    assert gsm_pdu.decode(report(41, "+4915112345678", 0x46)) == StatusReport(
        41, "+4915112345678", 0x46, 1795405500.0 - 3600
    )


@pytest.mark.parametrize(
    "pdu",
    ["", "0", "xyz", "00", "0004", "00" + "FF" * 12, delivered("+491511", "ACK")[:-2], "01" * 20, "0001000B91640728"],
)
def test_what_is_no_sms_is_refused_by_name(pdu: str) -> None:
    with pytest.raises(PduError):
        gsm_pdu.decode(pdu)


@given(st.binary(max_size=180))
def test_any_octets_are_an_sms_or_refused(octets: bytes) -> None:
    try:
        gsm_pdu.decode(octets.hex())
    except PduError:
        return


@given(st.binary(max_size=60).map(lambda octets: bytes(octet & 0x7F for octet in octets)), st.integers(0, 6))
def test_septets_come_back_from_octets(codes: bytes, fill: int) -> None:
    packed = gsm_pdu.pack(codes, fill)
    assert len(packed) == (fill + 7 * len(codes) + 7) // 8
    assert gsm_pdu.unpack(packed, len(codes), fill) == codes


@given(st.text(alphabet=GSM_LETTERS))
def test_every_letter_of_the_alphabet_comes_back(text: str) -> None:
    assert gsm_pdu.gsm_decoded(gsm_pdu.gsm_codes(text)) == text


@given(
    st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True),
    st.builds(
        lambda text, times: text * times,
        st.one_of(
            st.text(alphabet=ASCII_ALIKE, max_size=40),
            st.text(alphabet=ASCII_ALIKE, min_size=40, max_size=80),
            st.text(alphabet="Жя😀ç 12", max_size=40),
        ),
        st.integers(1, 6),
    ),
    st.integers(0, 255),
)
def test_the_parts_carry_the_whole_text_under_one_reference(number: str, text: str, reference: int) -> None:
    pdus = gsm_pdu.submits(number, text, reference, report=True)
    heard = [decoded(bytes.fromhex(pdu.hex)) for pdu in pdus]
    assert "".join(sms.text for sms in heard) == text
    assert {sms.number for sms in heard} == {number}
    wanted = [b""] if len(pdus) == 1 else [bytes((5, 0, 3, reference, len(pdus), k + 1)) for k in range(len(pdus))]
    assert [sms.header for sms in heard] == wanted
    assert all(len(pdu.hex) // 2 - 1 == pdu.length <= 164 for pdu in pdus)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("+4915112345678", True), ("112", True), ("+", False), ("12 34", False), ("x", False), ("\uff11\uff12", False)],
)
def test_what_can_be_dialled_is_known(text: str, is_one: bool) -> None:
    assert gsm_pdu.is_number(text) is is_one
