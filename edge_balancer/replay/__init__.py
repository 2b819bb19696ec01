"""Recorded readings through the real engine, as fast as it goes, with simulated switches: what would it have done,
and gained?"""
