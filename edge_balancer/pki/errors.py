"""What can go wrong with a site's authority."""

from __future__ import annotations

from edge_balancer.errors import EdgeBalancerError


class PkiError(EdgeBalancerError):
    """Says what is wrong with the authority, a certificate or a name, and what to do."""
