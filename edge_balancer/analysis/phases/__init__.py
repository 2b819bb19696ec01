"""Which phase each house is really on, told from voltages, and how sure that is. Pure.

`tracker` is the online form with bounded memory, `check` holds the running controller's records against it. Nothing
here moves a house or changes a record; a record as a whole is gone over by `edge_balancer.identification`.
"""
