"""Plain types that every part of the controller shares.

No behaviour beyond what a value needs to describe itself, no I/O, and no import from the rest of the package.
Units are SI (W, var, V, A, s); power is positive when a house draws it and negative when it feeds in.
"""
