"""What an encrypted connection to the broker trusts, and how it proves itself: one answer for all who connect."""

from __future__ import annotations

import ssl

from firmware_bridge.settings.broker import BrokerSettings


def tls_context(settings: BrokerSettings) -> ssl.SSLContext:
    """Raises OSError and ValueError for files that cannot be used."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.ca_file is not None:
        # Since Python 3.13 the default refuses authorities without a key usage, as `openssl req -x509` made
        # them long: a site's own authority must not fail with an upgrade. The chain is verified as before.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if settings.cert_file is not None:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context
