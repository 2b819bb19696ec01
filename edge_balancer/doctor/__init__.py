"""`edge-balancer doctor`: is everything that the controller needs there, and does the broker deny what it must deny?

It looks, and listens for a while; it switches nothing, writes nothing but its archive, and may run beside the
controller."""
