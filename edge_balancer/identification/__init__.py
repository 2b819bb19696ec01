"""`edge-balancer identify`: reads a record of voltages and tells which phase each house is really on.

`record` reads, `history` goes over a record as a whole, `commands` prints. The method is in `analysis.phases`.
"""
