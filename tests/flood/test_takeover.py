"""Connections under one forced client id, told from a broker that merely goes."""

from __future__ import annotations

import pytest

from edge_balancer.telemetry.takeover import TakeOvers

PING_PONG = "a0 b.1 -a.1 a1.1 -b1.1 b2.1 -a2.1 a3.1"
NOTICED_LATE = "a0 -a.1 b.11 -b1.1 a1.11 -a2.1 b2.11"
CASES = [
    ("each throws the other off", PING_PONG, True),
    ("the older one's end is noticed first", NOTICED_LATE, True),
    ("three throw one another off", "a0 b.1 -a.1 c.2 -b.2 a1.2 -c1.2", True),
    ("the older ones' ends are noticed first", "a0 -a.1 b.11 -b.2 c.21 -c1.1 a1.11", True),
    ("twice may be chance", "a0 b.1 -a.1 a1.1 -b1.1 b2.1", False),
    ("a broker that comes and goes", " ".join(f"a{n} b{n}.01 -a{n}.3 -b{n}.31" for n in range(1, 20)), False),
    (
        "a broker that comes and goes with all three",
        " ".join(f"a{n} b{n}.01 c{n}.02 -a{n}.3 -b{n}.31 -c{n}.32" for n in range(1, 20)),
        False,
    ),
    ("a broker that stays away", "a0 b0 -a5 -b5 " + " ".join(f"-a{n} -b{n}" for n in range(6, 20)), False),
    ("one that is lost now and then", "b0 " + " ".join(f"a{n} -a{n}.7" for n in range(1, 20)), False),
]


@pytest.mark.parametrize(("case", "story", "sure"), CASES, ids=[case[0] for case in CASES])
def test_take_overs_are_told_from_losses(case: str, story: str, sure: bool) -> None:
    watch = TakeOvers()
    for event in story.split():
        name = event.lstrip("-")
        (watch.went if event.startswith("-") else watch.came)(name[0], float(name[1:]))
    assert watch.sure is sure, case
