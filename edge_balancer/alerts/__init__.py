"""The life of an alert: what is wrong (`conditions`), in which words (`catalogue`), and when people are told
(`lifecycle`).

Pure. The channels by which an alert leaves the house are adapters elsewhere.
"""
