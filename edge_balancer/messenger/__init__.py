"""Carries out what `edge_balancer.alerts.telling` decides: keeps its state on disk, sends, retries, hears answers.

An adapter with threads of its own, so that neither a disk nor a network that hangs can hold up control. Without
contacts in the configuration nothing of it is loaded.
"""
