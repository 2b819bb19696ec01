"""What goes wrong with accounts, told to people."""

from __future__ import annotations

from edge_balancer.errors import EdgeBalancerError


class AccessError(EdgeBalancerError):
    """Accounts could not be read or changed as asked; the file is as it was before."""
