"""The walk-through does what it says: every command as it stands, against a real broker, in three real shells."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.docs.walking import Terminal, blocks, pattern

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

PAGE: Final = Path(__file__).parents[2] / "docs" / "walk-through.md"
CLIENTS = shutil.which("mosquitto_pub") and shutil.which("mosquitto_sub")


@pytest.mark.skipif(not CLIENTS, reason="mosquitto_pub and mosquitto_sub are not installed")
def test_every_command_of_the_walk_through_does_what_the_page_says(broker: Broker, tmp_path: Path) -> None:
    environ = {
        "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/local/bin:/usr/bin:/bin",
        "PORT": str(broker.port),
        "EDGE_BALANCER_MQTT__PORT": str(broker.port),
        "EDGE_BALANCER_MQTT__HOST": broker.host,
    }
    terminals = {f"terminal-{n}": Terminal(tmp_path, environ) for n in (1, 2, 3)}
    played = 0
    try:
        for block in blocks(PAGE):
            match block.language, block.label:
                case "bash", "all":
                    for terminal in terminals.values():
                        terminal.run(block.text)
                case "bash", "terminal-3":
                    terminals[block.label].run(block.text)
                case "bash", name:
                    terminals[name].type(block.text)
                case "text", name:
                    if "availability offline" in block.text:
                        terminals["terminal-1"].interrupt()
                    text = block.text.replace("broker localhost:1883", f"broker {broker.host}:{broker.port}")
                    terminals[name].expect(text.replace("/home/anna/street/", f"{tmp_path}/"))
                case _:
                    pytest.fail(f"a block that no terminal plays: {block}")
            played += 1
    finally:
        for terminal in terminals.values():
            terminal.close()
    assert played > 20


@pytest.mark.parametrize(
    ("documented", "printed", "fits"),
    [
        ("h1  L1 -> L3  verified  1.4 s", "h1  L1 -> L3  verified  12.9 s", True),
        ("h1  L1 -> L3  verified  1.4 s", "h1  L1 -> L2  verified  1.4 s", False),
        ("h1  L1 -> L3  verified  1.4 s", "h2  L1 -> L3  verified  1.4 s", False),
        ('{"id":…"commanded":true…', '{"id":"x","commanded":true,"a":1}', True),
        ('{"id":…"commanded":true…', '{"id":"x","commanded":false,"a":1}', False),
        ("2026-11-22 19:23:50  h1", "2031-02-03 04:05:06  h1", True),
        ("2026-11-22T19:23:50.567Z,planned", "2031-02-03T04:05:06.007Z,planned", True),
        ('{"seq":59685776,"phase":"L3"}', '{"seq":7,"phase":"L3"}', True),
        ("a/availability online", "a/availability offline", False),
    ],
)
def test_a_documented_line_is_matched_but_for_its_quantities(documented: str, printed: str, fits: bool) -> None:
    assert bool(pattern(documented).search(printed)) is fits
