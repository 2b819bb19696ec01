"""The field side of the wire: phase switches and, later, serial meters. It knows nothing of edge_balancer."""
