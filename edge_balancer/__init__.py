"""edge-balancer: keeps a low-voltage feeder's three phases balanced."""

__version__ = "0.1.0"
