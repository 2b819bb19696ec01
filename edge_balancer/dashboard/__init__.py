"""The page, its API and live stream, and `/metrics`: shows what the control loop hands over, and hands orders back.

Served by one thread of its own; control never waits for it. It decides nothing: the guard judges its orders as any
other.
"""
