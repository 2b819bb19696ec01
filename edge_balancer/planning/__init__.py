"""`edge-balancer plan`: from recorded history the best fixed assignment with few changes, what dynamic switching would
add to it, and at which houses phase switches pay most. Offline; no daemon imports it."""
