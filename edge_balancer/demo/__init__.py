"""`edge-balancer demo`: a feeder being balanced, on one machine, over a real MQTT broker, faster than real time."""
