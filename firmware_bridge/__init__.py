"""The field side of the wire: serial lines, Modbus meters, phase switches and their interlock.

It knows nothing of edge_balancer, and runs inside the controller's daemon or alone on another machine.
"""
