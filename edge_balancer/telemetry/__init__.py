"""Readings in: MQTT payload formats, validation, the ring buffers, and the link to the broker.

`intake` turns one message into validated readings and needs no I/O; `formats` holds one decoder per meter format;
`validate` and `merge` hold the rules that all formats share. Deciding what a reading means for the feeder is not done
here.
"""
