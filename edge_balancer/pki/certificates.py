"""Certificates, keys and revocation lists as cryptography makes them. What is kept where is `authority`.

All keys are ECDSA P-256, which small devices can do. All certificates are valid from 2024 on: a Pi without a clock
comes up in the past, and must reach its broker all the same.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_balancer.pki.errors import PkiError
from edge_balancer.pki.ledger import Issued

FROM: Final = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
Key: TypeAlias = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key, passphrase: bytes = b"") -> bytes:
    protection: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    return pem


def is_protected(pem: bytes) -> bool:
    return b"ENCRYPTED" in pem.splitlines()[0] if pem else False


def load_key(pem: bytes, passphrase: bytes, where: str) -> Key:
    try:
        key = serialization.load_pem_private_key(pem, passphrase or None)
    except TypeError as error:
        raise PkiError(f"{where} is protected by a passphrase: give it") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PkiError(f"{where} cannot be read: wrong passphrase, or damaged") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PkiError(f"{where} holds another kind of key than this program makes")
    return key


def load_certificate(pem: bytes, where: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise PkiError(f"{where} is no certificate in PEM form") from error


def pem_of(thing: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    pem: bytes = thing.public_bytes(serialization.Encoding.PEM)
    return pem


def self_signed(site: str, key: Key, until: datetime.datetime) -> x509.Certificate:
    """The authority's own."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, site)])
    public = key.public_key()
    builder = _builder(name, name, public, until)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    return builder.sign(key, hashes.SHA256())


def request_key(pem: bytes, where: str) -> ec.EllipticCurvePublicKey:
    """The public key of a certificate request. Its wishes for names are not heeded."""
    try:
        request = x509.load_pem_x509_csr(pem)
    except ValueError as error:
        raise PkiError(f"{where} is no certificate request in PEM form: openssl req -new makes one") from error
    public = request.public_key()
    if not request.is_signature_valid or not isinstance(public, ec.EllipticCurvePublicKey):
        raise PkiError(f"{where} is not signed by its own key, or that is none on an elliptic curve (P-256)")
    return public


def signed(
    user: str,
    public: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    key: Key,
    until: datetime.datetime,
    hosts: Sequence[str] | None = None,
) -> x509.Certificate:
    """A client's certificate; with `hosts` a server's, for these names and addresses."""
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH if hosts is None else ExtendedKeyUsageOID.SERVER_AUTH
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])
    builder = _builder(name, authority.subject, public, until)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    builder = builder.add_extension(issuer, critical=False)
    if hosts is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return builder.sign(key, hashes.SHA256())


def revocation_list(
    issued: Iterable[Issued], number: int, authority: x509.Certificate, key: Key, now: datetime.datetime
) -> x509.CertificateRevocationList:
    """Valid for as long as the authority: a list that ran out would shut everybody out, on a day that nobody chose."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority.subject)
    builder = builder.last_update(min(now, FROM)).next_update(authority.not_valid_after_utc)
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    builder = builder.add_extension(issuer, critical=False)
    for one in issued:
        if one.revoked:
            at = datetime.datetime.fromtimestamp(one.revoked, datetime.UTC)
            revoked = x509.RevokedCertificateBuilder().serial_number(int(one.serial, 16)).revocation_date(at)
            builder = builder.add_revoked_certificate(revoked.build())
    return builder.sign(key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, until: datetime.datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(FROM).not_valid_after(until)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError as error:
        raise PkiError(f"{host!r} is no host name: write names outside of ASCII in their xn-- form") from error
