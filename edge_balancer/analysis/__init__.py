"""What the measurements mean: currents, unbalance, limits, loading. Pure numpy.

Nothing here reads a clock, keeps history beyond a stated bound, or decides anything.
"""
