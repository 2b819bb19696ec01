"""Which phase each house is really on, told from voltages, and how sure that is.

`tracker` is the online form with bounded memory, `history` goes over a record as a whole, `commands` is `edge-balancer
identify`. Nothing here moves a house or changes a record.
"""
