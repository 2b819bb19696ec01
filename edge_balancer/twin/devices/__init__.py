"""What stands in the twin's houses and can misbehave: meters, phase switches, inverters. Sans I/O; no network, no sun.

Each device draws its chances from the seed, its house and its own count of events, so that what one house does changes
nothing in another.
"""
