"""The real engine in a closed loop with the twin, faster than real, and what came of it beside the baselines.

Drives the twin's houses, meters, switches and inverters and `edge_balancer.engine` in simulated time. Nothing here runs
in the daemon; no broker, no clock.
"""
