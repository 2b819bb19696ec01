"""Meters: templates as data, which registers to read, what the bytes mean, and when to ask. Values in SI units."""
