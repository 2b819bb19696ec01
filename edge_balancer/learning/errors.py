"""What people are told when something cannot be learned from. No behaviour."""

from __future__ import annotations

from edge_balancer.errors import EdgeBalancerError


class LearningError(EdgeBalancerError):
    """The message says what is missing, where, and what to do."""
