"""`firmware-bridge init DIR`: a commented example of a bridge's configuration."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from firmware_bridge.commands.configured import FILE_NAME
from firmware_bridge.commands.line_access import USAGE

EXAMPLE: Final = f"""\
# Configuration of firmware-bridge. Check it with: firmware-bridge check {FILE_NAME}
#
# A line that begins with "# name =" shows a key and its default: remove the "# " to change it. Every key outside of
# lists can also be set in the environment (FIRMWARE_BRIDGE_MQTT__PASSWORD sets password in [mqtt]) or as a systemd
# credential (mqtt.password, bridge.command_keys). The tables of lines, meters and switches have the same grammar in the
# controller's file: there the controller serves them itself, and this program is not needed.

[mqtt]
host = "localhost"
# port = 1883
# What every topic begins with; the controller's is phase-balance/<feeder id> unless its configuration says otherwise.
base_topic = "phase-balance/feeder-1"
# user = ""
# Better as the credential mqtt.password, or in the environment.
# password = ""
# tls = false
# ca_file = "ca.pem"

[bridge]
# Name of this bridge, part of its topics and client ids: one of its own for each.
id = "bridge-1"
# What the interlocks remember over a restart.
# state = "bridge.db"
# Keys of which one must have signed each command; the controller gets one of them. Best as the credential
# bridge.command_keys, made with: openssl rand -hex 32
# command_keys = ""
# Folder with templates of your own, meters/*.toml and switches/*.toml.
# templates = "templates"

# The lock at the switches: it protects contacts and houses, whatever the controller thinks.
[bridge.interlock]
# All contacts stay open, and read back open, this long between two phases.
# dead_time_s = 0.1
# settle_s = 1
# dwell_s = 60
# operations_per_hour = 12
# operations_per_day = 48

# A serial line. `ls /dev/serial/by-id` shows the adapters; `firmware-bridge scan PORT` finds what is on one.
[[bridge.lines]]
name = "street-1"
port = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A1B2C3-if00-port0"
baud = 9600
# parity = "none"
# stop_bits = 1
# reply_timeout_s = 0.5
# quiet_s = 0.5

# A meter; `firmware-bridge models` lists what is known. `house` is its id in the controller's configuration.
[[bridge.lines.meters]]
house = "house-1"
model = "eastron_sdm120"
unit = 1
# How often power, voltage and current are read; 0 for as often as the line allows.
# every_s = 5
# has_pv = false

[[bridge.lines.meters]]
house = "transformer"
model = "eastron_sdm630"
unit = 2

# A phase switch: the relays on L1, L2 and L3 of a board, counted from 1 as on the board.
[[bridge.lines.switches]]
house = "house-1"
model = "waveshare_relay_8ch"
unit = 10
relays = [1, 2, 3]

# Three relays that speak MQTT, as one phase switch.
# [[bridge.relays]]
# house = "house-2"
# model = "shelly2"
# relays = ["shelly-a1b2/0", "shelly-a1b2/1", "shelly-a1b2/2"]
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(), metavar="DIR", help="where to write it (default: here)"
    )


def command(args: argparse.Namespace) -> int:
    file: Path = args.folder / FILE_NAME
    try:
        args.folder.mkdir(parents=True, exist_ok=True)
        # It may come to hold secrets; and a file that is there is somebody's work.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    except FileExistsError:
        print(f"firmware-bridge init: {file} is there already: move it away, or name another folder", file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"firmware-bridge init: {file} cannot be written: {error.strerror}; name another folder", file=sys.stderr)
        return USAGE
    with os.fdopen(descriptor, "w") as stream:
        stream.write(EXAMPLE)
    print(f"{file} is written: set base_topic, port and devices, then: firmware-bridge check {file}")
    return 0
