"""The commented example of a scenario and the reference of its keys, both made from the models."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from edge_balancer.settings.fields import Key, SectionInfo, sections
from edge_balancer.simulation.scenario import Scenario
from edge_balancer.simulation.scenario_file import allowed_of, default_of

_WIDTH: Final = 100
_SET: Final = {"name": '"skewed PV, with EVs"', "sun.pv_skew": "0.7", "people.ev_share": "0.3"}
_SHOWN: Final = {"feeder.folder": '"feeder"', "people.shower_share": "0.3", "people.water_heater_share": "0.12"}
_HEADER: Final = """\
# A scenario. Run it with: edge-balancer simulate scenario.toml
#
# A line that begins with "# name =" shows a key and its default: remove the "# " to change it."""
_CONTROLLER: Final = """
# The controller's own settings: any key of [feeder], [telemetry], [decision], [forecast],
# [switching] and [alerts] of its configuration, under [controller.<section>].
[controller.decision]

# operations_per_house_day = 2
# max_operations_per_house_day = 8
# dwell_s = 900"""


def example_toml() -> str:
    """A good scenario that shows every key."""
    lines = [_HEADER]
    for section in own_sections():
        if section.path:
            lines += ["", *_comment(section.meaning), f"[{section.dotted}]"]
        for key in section.keys:
            lines += ["", *_key(key)]
    return "\n".join([*lines, _CONTROLLER]) + "\n"


def reference_markdown() -> str:
    """A table of each section's keys: what stands in the manual."""
    return "\n".join(line for section in own_sections() for line in _table(section)).strip() + "\n"


def own_sections() -> list[SectionInfo]:
    """All tables but the controller's, which are those of its configuration."""
    return [section for section in sections(Scenario) if section.path[:1] != ("controller",)]


def _key(key: Key) -> Iterator[str]:
    allowed = allowed_of(key)
    default = "not set by default" if key.default is None else f"default {default_of(key)}"
    yield from _comment(key.meaning)
    yield from _comment(f"{allowed[:1].upper()}{allowed[1:]}; {default}.")
    if key.dotted in _SET:
        yield f"{key.name} = {_SET[key.dotted]}"
    else:
        yield f"# {key.name} = {_SHOWN.get(key.dotted) or ('0.5' if key.default is None else default_of(key))}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _table(section: SectionInfo) -> Iterator[str]:
    yield from ("", f"### `[{section.dotted}]`" if section.path else "### Top", "", section.meaning, "")
    yield from ("| key | value | default | meaning |", "| --- | --- | --- | --- |")
    for key in section.keys:
        default = "not set" if key.default is None else f"`{default_of(key)}`"
        yield f"| `{key.name}` | {allowed_of(key)} | {default} | {key.meaning} |"
