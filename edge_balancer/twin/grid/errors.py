"""What is wrong with a feeder, told so that a person can mend it. Not the errors of the daemon's configuration."""

from __future__ import annotations

from edge_balancer.errors import EdgeBalancerError


class FeederError(EdgeBalancerError):
    """A feeder cannot be used. `place` is a file with its line, or a part of the feeder."""

    def __init__(self, place: str, wrong: str, remedy: str) -> None:
        self.place = place
        self.wrong = wrong
        self.remedy = remedy
        super().__init__(f"{place}: {wrong}\n    -> {remedy}")
