"""What keeps phases from being identified. The texts are for people: place, value, remedy."""

from __future__ import annotations

from edge_balancer.errors import EdgeBalancerError


class IdentificationError(EdgeBalancerError):
    """The record holds nothing that phases could be told from."""
