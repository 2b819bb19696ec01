"""The commented example of a whole configuration, made from the models. `edge-balancer init` writes it.

What a user must set stands without a comment sign; every other key stands behind one, with its default.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_balancer.errors import EdgeBalancerError
from edge_balancer.settings.example_houses import example_houses_csv
from edge_balancer.settings.fields import Key, SectionInfo, sections, toml_value

TOML_NAME: Final = "edge-balancer.toml"
HOUSES_NAME: Final = "houses.csv"
_WIDTH: Final = 100

_HEADER: Final = f"""\
# Configuration of edge-balancer. Check it with: edge-balancer check {TOML_NAME}
#
# A line that begins with "# name =" shows a key and its default: remove the "# " to change it. Every key outside of
# lists can also be set in the environment (EDGE_BALANCER_MQTT__PASSWORD sets password in [mqtt]) or as a systemd
# credential (mqtt.password). Power is in W: positive when a house draws it, negative when it feeds in.
"""

# What a user must set, or should see set.
_SET: Final[dict[str, str]] = {
    "houses_file": f'"{HOUSES_NAME}"',
    "feeder.id": '"feeder-1"',
    "feeder.transformer_kva": "250",
    "mqtt.host": '"localhost"',
    "decision.mode": '"advise"',
}
_REMARKS: Final[dict[str, str]] = {
    "decision.mode": (
        'Begin with "advise" and watch for some days what it would do. Then change it to "auto" to let it switch.'
    ),
}
# A value to show where there is no default that could stand in a file.
_SHOWN: Final[dict[str, str]] = {
    "feeder.neutral_limit_pct": "40",
    "feeder.latitude_deg": "48.1",
    "feeder.longitude_deg": "11.6",
    "mqtt.port": "1883",
    "mqtt.ca_file": '"ca.pem"',
    "mqtt.cert_file": '"client.pem"',
    "mqtt.key_file": '"client.key"',
    "decision.neutral_trigger_a": "0.9",
    "houses.id": '"house-21"',
    "houses.phase": '"L1"',
    "houses.meters.topic": '"shellies/house-21"',
    "houses.meters.channel": "0",
    "contacts.name": '"anna"',
    "contacts.ways.channel": '"modem"',
    "contacts.ways.to": '"+4915112345678"',
    "channels.email.port": "587",
    "dashboard.tls_certificate": '"page.pem"',
    "dashboard.tls_key": '"page.key"',
    "transformer_meters.topic": '"meters/transformer"',
    "transformer_meters.channel": "0",
    "bridge.templates": '"templates"',
    "bridge.lines.name": '"line-1"',
    "bridge.lines.port": '"/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A1B2C3-if00-port0"',
    "bridge.lines.meters.house": '"house-1"',
    "bridge.lines.meters.model": '"eastron_sdm120"',
    "bridge.lines.meters.unit": "1",
    "bridge.lines.switches.house": '"house-1"',
    "bridge.lines.switches.model": '"waveshare_relay_8ch"',
    "bridge.lines.switches.unit": "20",
    "bridge.lines.switches.relays": "[1, 2, 3]",
    "bridge.relays.house": '"house-2"',
    "bridge.relays.model": '"tasmota"',
    "bridge.relays.relays": '["tasmota_A1B2/1", "tasmota_A1B2/2", "tasmota_A1B2/3"]',
}

_LISTS: Final = (("houses",), ("transformer_meters",), ("contacts",))


def example_toml() -> str:
    """The example as text. Together with `example_houses_csv()` in the same folder it is a good configuration."""
    return "\n".join([_HEADER.strip(), *(line for section in _ordered() for line in _section(section))]) + "\n"


def write_example(directory: Path) -> list[Path]:
    """Write the example and its houses' table into a folder (made where it is missing). Gives the files written.

    Writes nothing and raises EdgeBalancerError where one of them exists or the folder cannot be written.
    """
    contents = {directory / TOML_NAME: example_toml(), directory / HOUSES_NAME: example_houses_csv()}
    for file in contents:
        if file.exists() or file.is_symlink():
            raise EdgeBalancerError(f"{file} exists already and is left as it is: name another folder, or move it away")
    written: list[Path] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file, text in contents.items():
            # O_EXCL: should it have come into being since we looked, it is still not overwritten. It may come to hold
            # a password.
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as out:
                out.write(text)
            written.append(file)
    except OSError as error:
        done = f" (written before that: {', '.join(map(str, written))})" if written else ""
        raise EdgeBalancerError(f"{error.filename or directory} cannot be written: {error.strerror}{done}") from error
    return written


def _ordered() -> list[SectionInfo]:
    """Lists of tables last: what follows them in a TOML file would belong to their last table."""
    return sorted(sections(), key=lambda section: section.path[:1] in _LISTS)


def _section(section: SectionInfo) -> Iterator[str]:
    if section.path:
        yield ""
        yield from _comment(section.meaning)
        yield f"# [[{section.dotted}]]" if section.listed else f"[{section.dotted}]"
    for key in section.keys:
        # A list of tables stands on its own, below.
        if key.kind != "list of tables":
            yield ""
            yield from _key(key)


def _key(key: Key) -> Iterator[str]:
    yield from _comment(key.meaning)
    allowed = key.allowed[:1].upper() + key.allowed[1:]
    if key.required:
        yield from _comment(f"{allowed}; required.")
    else:
        yield from _comment(
            allowed + (f"; default {toml_value(key.default)}." if key.default is not None else "; not set by default.")
        )
    if remark := _REMARKS.get(key.dotted):
        yield from _comment(remark)
    if key.dotted in _SET:
        yield f"{key.name} = {_SET[key.dotted]}"
    else:
        yield f"# {key.name} = {_SHOWN.get(key.dotted) or toml_value(key.default)}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
