"""SMS as a modem takes and gives them in PDU mode (3GPP TS 23.040): to be sent, received, and reports of delivery.

Pure: hexadecimal text in and out. Which texts fit is in `gsm_text`; the dialogue with a modem is in `modem`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from edge_balancer.alerts.channels import gsm_text

_SUBMIT: Final = 0x01
_RELATIVE_VALIDITY: Final = 0x10
_STATUS_REPORT_REQUESTED: Final = 0x20
_USER_HEADER: Final = 0x40
_INTERNATIONAL, _NATIONAL = 0x91, 0x81
_ALPHANUMERIC: Final = 0x50
_ALPHABET_GSM, _ALPHABET_UCS2 = 0x00, 0x08
_VALID_24_H: Final = 0xA7
"""An alert that comes later than a day is no alert any more."""
_CONCATENATED_8, _CONCATENATED_16 = 0x00, 0x08
_DIGITS: Final = "0123456789*#abc"


class PduError(ValueError):
    """Bytes that are no SMS, or not of a kind that can be read."""


@dataclass(frozen=True, slots=True)
class Submit:
    """One SMS to be sent: for `AT+CMGS=length`, then `hex`."""

    hex: str
    length: int
    """Octets, without the service centre's address before them."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """One SMS that came in, perhaps one part of several."""

    sender: str
    text: str
    at: float
    """Unix seconds, by the service centre's clock."""
    reference: int = 0
    total: int = 1
    number: int = 1


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What became of an SMS that was sent. `status` as in TS 23.040, 9.2.3.15."""

    reference: int
    recipient: str
    status: int
    at: float


def is_number(text: str) -> bool:
    """Whether a modem can dial it: digits, with `+` before an international number."""
    digits = text.removeprefix("+")
    return digits.isascii() and digits.isdigit() and 1 <= len(digits) <= 20


def submits(number: str, text: str, concatenation: int, *, report: bool) -> tuple[Submit, ...]:
    """The SMS that carry a text. `concatenation` (0 to 255) joins the parts at the receiver's."""
    parts = gsm_text.parts(text)
    # The alphabet is the whole message's: one part in another would be a message of its own on some phones.
    gsm = gsm_text.is_gsm(text)
    return tuple(
        _submit(number, part, gsm, (concatenation, len(parts), k) if len(parts) > 1 else None, report)
        for k, part in enumerate(parts, start=1)
    )


def decode(pdu: str) -> Deliver | StatusReport:
    """Raises PduError."""
    try:
        octets = bytes.fromhex(pdu)
    except ValueError as error:
        raise PduError("it is not hexadecimal") from error
    try:
        return _decode(octets[1 + octets[0] :])
    except (IndexError, ValueError, OverflowError) as error:
        raise PduError(f"it ends early or is malformed: {error}") from error


def pack(codes: bytes, fill: int = 0) -> bytes:
    """Seven-bit codes into octets, the first behind `fill` bits (3GPP TS 23.038, 6.1.2.1)."""
    bits = 0
    for k, code in enumerate(codes):
        bits |= code << (fill + 7 * k)
    return bits.to_bytes((fill + 7 * len(codes) + 7) // 8, "little")


def unpack(octets: bytes, septets: int, fill: int = 0) -> bytes:
    """So many seven-bit codes; raises ValueError where the octets hold fewer."""
    if fill + 7 * septets > 8 * len(octets):
        raise ValueError(f"{len(octets)} octets hold no {septets} characters")
    bits = int.from_bytes(octets, "little") >> fill
    return bytes(bits >> (7 * k) & 0x7F for k in range(septets))


def gsm_codes(text: str) -> bytes:
    """A text of the alphabet as codes, the extension's behind their escape."""
    codes = bytearray()
    for character in text:
        if character in gsm_text.EXTENSION:
            codes += bytes((gsm_text.ESCAPE, gsm_text.EXTENSION[character]))
        else:
            codes.append(gsm_text.CODES[character])
    return bytes(codes)


_EXTENDED: Final = {code: character for character, code in gsm_text.EXTENSION.items()}


def gsm_decoded(codes: bytes) -> str:
    """Codes as text. An unknown code behind an escape is shown as the alphabet has it, as the standard asks."""
    text, escaped = "", False
    for code in codes:
        if code == gsm_text.ESCAPE:
            # Two escapes are a blank, reserved for a further table.
            text, escaped = (f"{text} ", False) if escaped else (text, True)
            continue
        text += _EXTENDED.get(code, gsm_text.BASIC[code]) if escaped else gsm_text.BASIC[code]
        escaped = False
    return text


def _submit(number: str, text: str, gsm: bool, part: tuple[int, int, int] | None, report: bool) -> Submit:
    header = b"" if part is None else bytes((5, _CONCATENATED_8, 3, *part))
    first = _SUBMIT | _RELATIVE_VALIDITY
    first |= _STATUS_REPORT_REQUESTED if report else 0
    first |= _USER_HEADER if header else 0
    if gsm:
        codes = gsm_codes(text)
        fill = -8 * len(header) % 7
        length = (8 * len(header) + fill) // 7 + len(codes)
        body = header + pack(codes, fill)
    else:
        body = header + text.encode("utf-16-be")
        length = len(body)
    octets = bytes((first, 0)) + _address(number)
    octets += bytes((0, _ALPHABET_GSM if gsm else _ALPHABET_UCS2, _VALID_24_H, length)) + body
    # 00: by the service centre that the SIM knows.
    return Submit("00" + octets.hex().upper(), len(octets))


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    kind = _INTERNATIONAL if number.startswith("+") else _NATIONAL
    return bytes((len(digits), kind)) + _swapped(digits)


def _swapped(digits: str) -> bytes:
    """Two digits an octet, the first one low."""
    padded = digits + "F" * (len(digits) % 2)
    return bytes(int(padded[k + 1] + padded[k], 16) for k in range(0, len(padded), 2))


def _decode(octets: bytes) -> Deliver | StatusReport:
    first = octets[0]
    match first & 0x03:
        case 0x00:
            return _deliver(octets, first)
        case 0x02:
            recipient, at = _read_address(octets, 2)
            # Behind the recipient: when it was sent, when that became of it, what became of it.
            return StatusReport(octets[1], recipient, octets[at + 14], _stamp(octets[at + 7 : at + 14]))
        case kind:
            raise ValueError(f"its kind {kind} is neither an SMS received nor a report")


def _deliver(octets: bytes, first: int) -> Deliver:
    sender, at = _read_address(octets, 1)
    coding, stamp, length = octets[at + 1], _stamp(octets[at + 2 : at + 9]), octets[at + 9]
    body = octets[at + 10 :]
    header = body[: 1 + body[0]] if first & _USER_HEADER else b""
    alphabet = _alphabet(coding)
    if alphabet == "gsm":
        fill = -8 * len(header) % 7
        skipped = (8 * len(header) + fill) // 7
        text = gsm_decoded(unpack(body[len(header) :], max(0, length - skipped), fill))
    elif alphabet == "ucs2":
        if len(body) < length:
            raise ValueError(f"{length} octets of text are announced, {len(body)} are there")
        text = body[len(header) : length].decode("utf-16-be", "replace")
    else:
        raise ValueError(f"its coding {coding:02X} is no text")
    reference, total, number = _concatenation(header)
    return Deliver(sender, text, stamp, reference, total, number)


def _alphabet(coding: int) -> str:
    """Which alphabet a data coding scheme means (TS 23.038, 4)."""
    group = coding >> 4
    if group < 8:
        if coding & 0x20:
            return "compressed"
        return {0: "gsm", 1: "data", 2: "ucs2"}.get(coding >> 2 & 0x03, "gsm")
    if group in (0xC, 0xD):
        return "gsm"
    if group == 0xE:
        return "ucs2"
    return "data" if group == 0xF and coding & 0x04 else "gsm"


def _concatenation(header: bytes) -> tuple[int, int, int]:
    for kind, value in _elements(header):
        if kind == _CONCATENATED_8 and len(value) == 3:
            found = (value[0], value[1], value[2])
        elif kind == _CONCATENATED_16 and len(value) == 4:
            found = (value[0] << 8 | value[1], value[2], value[3])
        else:
            continue
        if 1 <= found[2] <= found[1]:
            return found
    return 0, 1, 1


def _elements(header: bytes) -> Iterator[tuple[int, bytes]]:
    at = 1
    while at + 1 < len(header):
        kind, length = header[at], header[at + 1]
        yield kind, header[at + 2 : at + 2 + length]
        at += 2 + length


def _read_address(octets: bytes, at: int) -> tuple[str, int]:
    """The address that begins there, and where it ends."""
    length, kind = octets[at], octets[at + 1]
    end = at + 2 + (length + 1) // 2
    value = octets[at + 2 : end]
    if kind & 0x70 == _ALPHANUMERIC:
        return gsm_decoded(unpack(value, length * 4 // 7)), end
    nibbles = [nibble for octet in value for nibble in (octet & 0x0F, octet >> 4)][:length]
    digits = "".join(_DIGITS[nibble] for nibble in nibbles if nibble < len(_DIGITS))
    return ("+" if kind & 0x70 == 0x10 else "") + digits, end


def _stamp(octets: bytes) -> float:
    """Unix seconds of a service centre's time stamp (TS 23.040, 9.2.3.11); 0 where it is none."""
    if len(octets) < 7:
        raise ValueError("its time stamp is cut")
    year, month, day, hour, minute, second = (10 * (octet & 0x0F) + (octet >> 4) for octet in octets[:6])
    quarters = 10 * (octets[6] & 0x07) + (octets[6] >> 4)
    zone = timedelta(minutes=-15 * quarters if octets[6] & 0x08 else 15 * quarters)
    try:
        return (
            datetime(2000 + year, month, day, hour, minute, second, tzinfo=timezone(zone)).astimezone(UTC).timestamp()
        )
    except ValueError:
        return 0.0
