"""What stops a backup or a restore, told to people."""

from __future__ import annotations

from edge_balancer.errors import EdgeBalancerError


class BackupError(EdgeBalancerError):
    """It was not done; what was there before is there still."""


class ForeignError(BackupError):
    """A whole archive, and of another program."""
