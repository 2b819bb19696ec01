"""Arguments that several commands take alike, judged before anything heavy is loaded."""

from __future__ import annotations

import argparse


def seed_of(text: str) -> int:
    """Read the seed of chance, which has no sign. Raises argparse.ArgumentTypeError, to which argparse adds the
    argument's name."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number from 0")
    return number
