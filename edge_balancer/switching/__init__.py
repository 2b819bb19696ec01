"""The life of a command: planned, sent, acknowledged, verified on the meter, or failed; and where every house
stands. Pure."""
