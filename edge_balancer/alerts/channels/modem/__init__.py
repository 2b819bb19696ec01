"""SMS by a GSM modem on a serial line, for places without internet: `channel` is the way out, `dialogue` owns the line.

The SMS themselves are made and read in `gsm_text` and `gsm_pdu`.
"""
