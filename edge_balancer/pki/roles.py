"""Who there is at a site's broker, and what each role may hear and say there: one table.

The broker's access file and the tests of a real broker are made from it. Pure.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

MOST_CHARS: Final = 64
"""Of a certificate's common name (RFC 5280, ub-common-name)."""


class Role(enum.StrEnum):
    """The first part of a user's name at the broker; the second is whose: `meter:h21`."""

    CONTROLLER = "controller"
    """Its name is the feeder's id."""
    BRIDGE = "bridge"
    """A firmware-bridge on another machine; its name is the bridge's id."""
    METER = "meter"
    """Its name is the house's id, or `transformer`."""
    SWITCH = "switch"
    """Its name is the house's id."""
    OPERATOR = "operator"
    """A person, or a program that acts in a person's name."""
    HOME = "home"
    """Home Assistant or its like."""
    VIEWER = "viewer"
    """A display: how the feeder stands, and no house's meter."""


BROKER: Final = "broker"
"""The broker's own certificate; nobody connects with it."""


class Right(enum.Enum):
    """`HEAR` is read in the broker's words, `SAY` is write."""

    HEAR = "read"
    SAY = "write"


HEAR, SAY = Right.HEAR, Right.SAY


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: what a role may do on a topic filter.

    `{base}` is the base topic, `{name}` the user's own name, `{switch}` what its phase switch's topics begin with,
    `{node}` the feeder's identifier at Home Assistant, `{prefix}` and `{status}` Home Assistant's prefix and birth
    topic.
    """

    right: Right
    topic: str


def _rules(right: Right, *topics: str) -> tuple[Rule, ...]:
    return tuple(Rule(right, topic) for topic in topics)


_SHOWN: Final = ("availability", "phases", "decision", "alerts", "mode", "diagnostics")
"""How the feeder stands, for everybody who may look."""
_FOR_VIEWERS: Final = _rules(HEAR, *(f"{{base}}/{leaf}" for leaf in _SHOWN), "{base}/alert/#")

RULES: Final[dict[Role, tuple[Rule, ...]]] = {
    Role.CONTROLLER: (
        *_rules(HEAR, "{base}/meter/+"),
        # What it says itself: its doctor looks at it.
        *_rules(HEAR, *(f"{{base}}/{leaf}" for leaf in _SHOWN)),
        *_rules(HEAR, *(f"{{base}}/switch/+/{leaf}" for leaf in ("state", "availability", "request", "clear"))),
        *_rules(HEAR, "{base}/mode/set", "{base}/silence/set", "{base}/alert/#"),
        *_rules(HEAR, "{prefix}/device/{node}/+/config", "{status}"),
        *_rules(SAY, *(f"{{base}}/{leaf}" for leaf in _SHOWN), "{base}/switch/+/set"),
        # The commands of this machine (`edge-balancer alerts`) speak under its name: they acknowledge and silence.
        *_rules(SAY, "{base}/alert/#", "{base}/silence/set"),
        *_rules(SAY, "{prefix}/device/{node}/+/config"),
    ),
    Role.BRIDGE: (
        *_rules(HEAR, "{base}/bridge/{name}/availability"),
        *_rules(SAY, "{base}/bridge/{name}", "{base}/bridge/{name}/availability"),
    ),
    Role.METER: _rules(SAY, "{base}/meter/{name}"),
    Role.SWITCH: (
        *_rules(HEAR, "{switch}/set"),
        *_rules(SAY, "{switch}/state", "{switch}/availability"),
    ),
    Role.OPERATOR: (
        *_rules(HEAR, "{base}/#"),
        *_rules(SAY, "{base}/mode/set", "{base}/silence/set", "{base}/switch/+/request", "{base}/switch/+/clear"),
        *_rules(SAY, "{base}/alert/+/ack", "{base}/alert/+/+/ack"),
    ),
    Role.HOME: (
        *_FOR_VIEWERS,
        *_rules(HEAR, "{base}/switch/+/state", "{base}/switch/+/availability", "{prefix}/#", "{status}"),
        *_rules(SAY, "{base}/mode/set", "{status}"),
    ),
    Role.VIEWER: _FOR_VIEWERS,
}
BRIDGED: Final = (
    *_rules(HEAR, "{switch}/set"),
    *_rules(SAY, "{base}/meter/{house}", "{switch}/state", "{switch}/availability"),
)
"""What a bridge may besides, for each house on its lines, and a controller for those on its own."""


def user_name(role: str, name: str) -> str:
    """The common name in a certificate, which the broker takes as the user's name. Raises ValueError naming what is
    wrong."""
    user = f"{role}:{name}"
    if not name or any(sign in "+#/\0\n\r:" or sign.isspace() or not sign.isprintable() for sign in name):
        raise ValueError(f"{name!r} is no name: it must have no spaces and none of + # / :")
    if len(user) > MOST_CHARS:
        raise ValueError(f"{user!r} has {len(user)} characters, and a certificate's name at most {MOST_CHARS}")
    return user
