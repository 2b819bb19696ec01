"""Lines: one owner for each serial port or gateway. Frames, timing, faults and counters; no knowledge of devices."""
