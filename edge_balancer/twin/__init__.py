"""The simulated feeder: houses, sun, clouds, network, and the virtual meters that speak for them.

It serves the demo, the benches and the tests. The models are simple and say so; nothing here is used by the daemon, and
the controller is not tuned to it.
"""
