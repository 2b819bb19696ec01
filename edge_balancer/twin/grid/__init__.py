"""The network of the twin: a low-voltage feeder of any radial topology, and its three-phase power flow.

`model` holds a feeder as plain arrays; `csv_files`, `generate` and `from_pandapower` make one; `power_flow` tells the
voltage of every house and the transformer's currents from the houses' powers and phases. No time, no weather, no
meters: what houses draw comes from elsewhere.
"""
