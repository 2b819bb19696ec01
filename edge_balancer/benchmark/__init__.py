"""Controllers held against bounds: how much of what perfect foresight could gain does each of them reach?

Simulated feeders by seed, simple rules, the real engine, and the optimum of a whole record, certified where few houses
move. Nothing here runs in the daemon.
"""
