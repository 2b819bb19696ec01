"""The configuration's reference as Markdown, made from the models: `docs/configuration.md` is its output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from edge_balancer.settings.fields import Key, SectionInfo, sections, toml_value
from edge_balancer.settings.houses_csv import REQUIRED, columns

_INTRO: Final = """\
# Configuration

<!-- Generated: edge-balancer reference > docs/configuration.md -->

`edge-balancer init` writes a commented example, `edge-balancer check FILE` names every problem at once: the key, the
value, the limit, and what to do. It exits with 0 where the configuration can be used and with 2 where it cannot;
warnings alone are no obstacle. An unknown key is an error, so that a misspelt limit does not pass silently.

## Where values come from

The later wins:

1. the defaults below;
2. the TOML file, and the houses' table that it names;
3. systemd credentials: files in `$CREDENTIALS_DIRECTORY`, named after the key: `mqtt.password`, `mqtt__password` or
   `mqtt_password`. For a key that is a file (`mqtt.key_file`) the credential is that file itself;
4. environment variables: `EDGE_BALANCER_`, then section and key, joined by two underscores:
   `EDGE_BALANCER_MQTT__PASSWORD`. A variable with this prefix that names no key is an error.

Houses and meters, being lists, come from the files alone.

Secrets are best given as credentials. The shipped services load them by name from `/etc/credstore`, which root alone
can read: `/etc/credstore/edge-balancer.mqtt.password`. Those of channels are refused in the file; `mqtt.password` and
`bridge.command_keys` may stand in it where only its owner and group can read it, and are refused where everyone can.
A private key is named where it lies, and lent to the service:

```toml fragment
[mqtt]
key_file = "/etc/credstore/edge-balancer.mqtt.key_file"
```

A relative path counts from the folder of the TOML file; `storage.path` counts from `$STATE_DIRECTORY` where systemd
gives one.

## The houses as a table

`houses_file` names a CSV file (UTF-8) with one house a line. Comma or semicolon separates; the decimal sign is the
point; yes, no, true, false, 1 and 0 are understood; an empty cell leaves the default. Houses may stand in the table, in
the TOML file, or some here and some there, but no id twice. A house with several meters stands in the TOML file.
"""
_OUTRO: Final = """\
## Checks across keys

Besides the limits above, these are errors: no houses; an id, a meter (the same topic, channel, format and paths) or a
switch topic given twice; a cap below the budget of operations; a dwell that makes the budget unreachable; limits in the
wrong order (`extreme_low_pct` above `low_pct`, `extreme_high_pct` below `high_pct`, `max_age_s` below `stale_s`,
`ack_timeout_s` below `expiry_s`); certificates without TLS, missing or not in PEM form; a password without a user; a
contact's way over a channel that is not configured, or to an address that is none there; a channel's secret in the
file, or any other in a file that everyone can read; a channel whose package is not installed; a contact's name or way
given twice; hours of the day that are none; gathering for more than half a deadline; an unknown time zone.

These are warnings: no house that may move; a transformer rating left at its default; a dwell or a feeder's cap that
cannot be reached; a trigger above what the neutral bears; a password sent in the clear; a contact whom nothing reaches;
contacts of whom nobody is told at once, or none is of order 1.
"""


def reference_markdown() -> str:
    """The whole document."""
    parts = [_INTRO, _column_table(), "## Keys"]
    parts += ["\n".join(_section(section)) for section in sections()]
    return "\n\n".join(part.strip() for part in (*parts, _OUTRO)) + "\n"


def _column_table() -> str:
    rows = ["| column | value | meaning |", "| --- | --- | --- |"]
    for name, key in columns().items():
        needed = " (required)" if name in REQUIRED else ""
        rows.append(f"| `{name}`{needed} | {_cell(key.allowed)} | {_cell(key.meaning)} |")
    return "\n".join(rows)


def _section(section: SectionInfo) -> Iterator[str]:
    yield "### " + (f"`[[{section.dotted}]]`" if section.listed else f"`[{section.dotted}]`" if section.path else "Top")
    yield ""
    yield section.meaning
    yield ""
    with_variable = any(key.environment for key in section.keys)
    yield "| key | type | limits | default | meaning |" + (" environment variable |" if with_variable else "")
    yield "| --- | --- | --- | --- | --- |" + (" --- |" if with_variable else "")
    for key in section.keys:
        variable = f"`{key.environment}`" if key.environment else "none"
        row = f"| `{key.name}` | {key.kind} | {_limits(key)} | {_default(key)} | {_cell(key.meaning)} |"
        yield row + (f" {variable} |" if with_variable else "")


def _limits(key: Key) -> str:
    if key.kind == "choice":
        return _cell(key.allowed)
    return _cell(key.limits) or (f"in {key.unit}" if key.unit else "")


def _default(key: Key) -> str:
    if key.required:
        return "required"
    return "not set" if key.default is None else f"`{toml_value(key.default)}`"


def _cell(text: str) -> str:
    # Outside of code spans Markdown would take <feeder> for an HTML tag; `|` would end the cell anywhere.
    return re.sub(r"(`[^`]*`)|<", lambda match: match.group(1) or "&lt;", text.replace("|", "\\|"))
