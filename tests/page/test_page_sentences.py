"""What the page says of a decision: in sentences out of its figures, in the record's own words where it has none."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.page.page_rig import Demo, Faults, open_view

Watched = tuple[Page, Faults]

_SAY = """async decisions => {
    const { brief, sentence } = await import(new URL("static/parts/sentence.js", document.baseURI));
    return decisions.map(decision => [brief(decision), sentence(decision)]);
}"""

MOVE = {"house": "h39", "origin": "L2", "target": "L1"}
SECOND = {"house": "h3", "origin": "L1", "target": "L3"}
NEUTRAL = "The neutral current goes from 27 A to 11 A."
WORTH = "Over the coming hours it is expected to save 80 A min, at a price of 67 A min."
DECISION: dict[str, Any] = {
    "trigger": "injection",
    "trigger_value": 4400.0,
    "trigger_limit": 416.7,
    "moves": [MOVE],
    "neutral_before_a": 26.7,
    "neutral_after_a": 10.9,
    "gain": 80.2,
    "price": 61.0,
    "asked": 67.1,
    "vetoes": [],
    "text": "As the record has it.",
}


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "solar": ({}, f"Move h39 from L2 to L1: one phase exports 4.4 kW more than another. {NEUTRAL}", WORTH),
    "neutral": (
        {"trigger": "imbalance", "trigger_value": 26.7, "trigger_limit": 1.2, "moves": [MOVE, SECOND]},
        f"Move h39 from L2 to L1 and h3 from L1 to L3: the phases are uneven. {NEUTRAL}",
        WORTH,
    ),
    "voltage": (
        {"trigger": "voltage", "trigger_value": 254.31, "trigger_limit": 253.0, "gain": -12.0},
        f"Move h39 from L2 to L1: a voltage of 254.3 V is outside its limit of 253.0 V. {NEUTRAL}",
        "",
    ),
    "mends voltages": (
        {"asked": -40.0},
        f"Move h39 from L2 to L1: one phase exports 4.4 kW more than another. {NEUTRAL}",
        "Over the coming hours it is expected to save 80 A min, beside what it does for voltages.",
    ),
    "of before": (
        {"asked": None},
        f"Move h39 from L2 to L1: one phase exports 4.4 kW more than another. {NEUTRAL}",
        "Over the coming hours it is expected to save 80 A min, at a price of 61 A min a move.",
    ),
    "forbidden": (
        {"vetoes": [{"move": SECOND, "reason": "dwell"}, {"move": MOVE, "reason": "critical"}]},
        f"Move h39 from L2 to L1: one phase exports 4.4 kW more than another. {NEUTRAL}",
        f"{WORTH} The guard forbade h3 from L1 to L3: it moved a short while ago.",
    ),
    "unknown reason": (
        {"vetoes": [{"move": SECOND, "reason": "of another version"}]},
        f"Move h39 from L2 to L1: one phase exports 4.4 kW more than another. {NEUTRAL}",
        WORTH,
    ),
    "asked for": ({"trigger": "request"}, DECISION["text"], ""),
    "unknown trigger": ({"trigger": "of another version"}, DECISION["text"], ""),
    "no move": ({"moves": []}, DECISION["text"], ""),
}
"""What is otherwise, what is said in brief, and what is added to it elsewhere."""


def test_a_decision_is_told_in_sentences(watched: Watched, demo: Demo) -> None:
    page, _ = watched
    open_view(page, demo, "login")
    said = page.evaluate(_SAY, [DECISION | change for change, _, _ in CASES.values()])
    found = dict(zip(CASES, [[text.replace("\u202f", " ") for text in one] for one in said], strict=True))
    assert found == {name: [brief, f"{brief} {rest}".strip()] for name, (_, brief, rest) in CASES.items()}
