"""The simulated feeder: lines, households, sky, and the meters, switches and inverters that stand in the houses.

It serves the demo, the simulation, the benches and the tests. What its models leave out stands in each of them;
nothing here is used by the daemon.
"""
