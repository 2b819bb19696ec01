"""The ways by which an alert leaves the house: SMS, email, a webhook, MQTT, and what else is configured.

Adapters: the only modules of `alerts` that reach a network or a serial line. Who is told, when and how often is decided
in `edge_balancer.alerts.telling`.
"""
