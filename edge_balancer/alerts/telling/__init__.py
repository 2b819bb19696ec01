"""Who is told of an alert, when, how often, and in how many messages: a state machine over the alerts that stand.

Pure: no I/O, no clock, no chance. What it remembers (`state`) is kept by whoever drives it, and each change is on disk
before a message leaves. The channels are in `edge_balancer.alerts.channels`, the driver in `edge_balancer.messenger`.
"""
