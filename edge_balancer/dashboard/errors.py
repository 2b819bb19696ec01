"""What can go wrong with serving the page as a whole. Light: the daemon loads it also where there is no page."""

from __future__ import annotations


class CannotServe(Exception):  # noqa: N818 - it names what happened
    """The server cannot be had as configured; the text says why, and what to do."""
