"""What a page keeps in memory, by kind: what its own scripts hold, and what the engine keeps for itself.

The heap as a whole grows for an hour while the engine compiles what runs often, and a browser under test keeps notes of
its own (requests for the developer tools, layout shifts, the way through the views). None of it is a leak, and it hides
small ones; so the values and elements that scripts hold are counted apart, in a snapshot of the heap.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from playwright.sync_api import CDPSession, Page

_VALUES: Final = frozenset(
    {"object", "closure", "array", "string", "concatenated string", "sliced string", "number", "regexp", "symbol"}
)
"""Kinds of nodes in a snapshot that scripts make. Not `code`, `object shape`, `hidden` and `native`, the engine's."""
_DETACHED: Final = 2


@dataclass(frozen=True, slots=True)
class Kept:
    """After a collection of garbage."""

    values_bytes: int
    """Objects, arrays, functions and texts of scripts."""
    heap_bytes: int
    """The engine's heap as a whole, compiled code included."""
    detached: int
    """Elements that a script holds and no document shows."""
    nodes: int
    listeners: int

    def __str__(self) -> str:
        return (
            f"values {self.values_bytes / 1e3:.0f} kB, heap {self.heap_bytes / 1e3:.0f} kB, {self.nodes} nodes, "
            f"{self.detached} detached, {self.listeners} listeners"
        )


def kept(devtools: CDPSession) -> Kept:
    """What is kept now."""
    for _ in range(2):  # what a finaliser lets go is taken by the second one
        devtools.send("HeapProfiler.collectGarbage")
    heap = devtools.send("Runtime.getHeapUsage")["usedSize"]
    counters = devtools.send("Memory.getDOMCounters")
    values, detached = _counted(_snapshot(devtools))
    return Kept(values, int(heap), detached, counters["nodes"], counters["jsEventListeners"])


def _snapshot(devtools: CDPSession) -> dict[str, Any]:
    pieces: list[str] = []

    def take(event: dict[str, Any]) -> None:
        pieces.append(event["chunk"])

    devtools.on("HeapProfiler.addHeapSnapshotChunk", take)
    devtools.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    devtools.remove_listener("HeapProfiler.addHeapSnapshotChunk", take)
    found: dict[str, Any] = json.loads("".join(pieces))
    return found


def _counted(snapshot: dict[str, Any]) -> tuple[int, int]:
    """Bytes of the scripts' values, and elements that are detached."""
    meta, nodes = snapshot["snapshot"]["meta"], snapshot["nodes"]
    fields: list[str] = meta["node_fields"]
    kinds: list[str] = meta["node_types"][0]
    wanted = {number for number, kind in enumerate(kinds) if kind in _VALUES}
    width = len(fields)
    kind_of = nodes[fields.index("type") :: width]
    size_of = nodes[fields.index("self_size") :: width]
    values = sum(size for kind, size in zip(kind_of, size_of, strict=True) if kind in wanted)
    return values, nodes[fields.index("detachedness") :: width].count(_DETACHED)


_FILL: Final = """async () => {
    const { setCommand, setDecision, state } = await import(new URL("static/core/state.js", document.baseURI));
    const last = state.decisions[0];
    for (let k = 0; k < 100; k += 1) {
        setDecision({ ...structuredClone(last), id: `fill-${k}`, t: last.t - 1000 - k });
    }
    for (let k = 0; k < 400; k += 1) {
        setCommand({ house: "h01", id: crypto.randomUUID(), state: "verified", reason: "", t: last.t - k });
    }
    return [state.decisions.length, state.commands.size];
}"""


def fill_what_is_bounded(page: Page) -> tuple[int, int]:
    """Lists that grow to their bound over hours are full at once; gives the lengths of decisions and commands."""
    decisions, commands = page.evaluate(_FILL)
    return decisions, commands


def slope_per_minute(values: list[int]) -> float:
    """Of the straight line through readings a minute apart, by least squares."""
    count = len(values)
    middle, mean = (count - 1) / 2, sum(values) / count
    return sum((k - middle) * (value - mean) for k, value in enumerate(values)) / sum(
        (k - middle) ** 2 for k in range(count)
    )
