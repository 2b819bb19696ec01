"""What keeps a plan from being made. The texts are for people: place, value, remedy."""

from __future__ import annotations

from edge_balancer.errors import EdgeBalancerError


class PlanningError(EdgeBalancerError):
    """No plan can be made of this history."""
