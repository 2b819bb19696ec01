"""One archive of what a site cannot make anew: settings, records, models, accounts; its keys apart. And back again.

Imported by the commands alone.
"""
