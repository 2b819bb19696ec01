"""The site's own certificate authority, and the broker's access rules: who is who at the broker, and what each may do.

Needs the extra `pki` (cryptography) for certificates; the rules alone need nothing."""
