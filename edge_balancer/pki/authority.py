"""A site's certificate authority in a folder: made once, issues, renews, revokes.

FOLDER/ca.pem        the authority's certificate: goes to the broker and to every device
FOLDER/ca.key        its key: whoever has it can be anybody. Best kept off the Pi
FOLDER/crl.pem       what is revoked: goes to the broker
FOLDER/ledger.json   what was issued
FOLDER/<role>.<name>/cert.pem, key.pem, ca.pem     what one device gets
"""

from __future__ import annotations

import datetime
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509

from edge_balancer.pki import certificates as make
from edge_balancer.pki import ledger
from edge_balancer.pki.errors import PkiError
from edge_balancer.pki.ledger import Issued, put
from edge_balancer.pki.roles import BROKER, Role, user_name

CA_YEARS: Final = 25
DEVICE_DAYS: Final = 1826
"""Five years: contactors are looked at more often, and a stolen certificate is revoked rather than waited for."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What was written for one device. `key` is None where the device has made its own."""

    folder: Path
    certificate: Path
    key: Path | None
    until: datetime.datetime


class Authority:
    """An authority that exists. `now` is handed in, so that a test can live years."""

    def __init__(self, folder: Path, passphrase: bytes = b"") -> None:
        """Raises PkiError where the folder is none of ours, or the passphrase is wrong."""
        self._folder = folder
        certificate, key = folder / "ca.pem", folder / "ca.key"
        self._certificate = make.load_certificate(_read(certificate), str(certificate))
        self._key = make.load_key(_read(key), passphrase, str(key))

    @staticmethod
    def is_protected(folder: Path) -> bool:
        """Whether a passphrase is needed."""
        return make.is_protected(_read(folder / "ca.key"))

    @classmethod
    def create(
        cls, folder: Path, site: str, now: datetime.datetime, passphrase: bytes = b"", years: int = CA_YEARS
    ) -> Authority:
        """Make a new one. Raises PkiError where something stands there already: it is never overwritten."""
        if folder.exists() and any(folder.iterdir()):
            raise PkiError(f"{folder} is not empty and is left as it is: name another folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise PkiError(f"{folder} cannot be made: {error.strerror}") from error
        key = make.new_key()
        put(folder / "ca.key", make.key_pem(key, passphrase), 0o600)
        until = now + datetime.timedelta(days=365.25 * years)
        put(folder / "ca.pem", make.pem_of(make.self_signed(site, key, until)), 0o644)
        ledger.write(folder, [])
        made = cls(folder, passphrase)
        made._write_list([], now)
        return made

    @property
    def until(self) -> datetime.datetime:
        until: datetime.datetime = self._certificate.not_valid_after_utc
        return until

    @property
    def issued(self) -> list[Issued]:
        return ledger.read(self._folder)

    def issue(
        self,
        role: str,
        name: str,
        now: datetime.datetime,
        *,
        days: float = DEVICE_DAYS,
        hosts: Sequence[str] = (),
        request: bytes = b"",
        renew: bool = False,
    ) -> Papers:
        """A certificate, and its key unless the device has sent a `request` (PEM) for a key of its own. `hosts` are the
        names and addresses of a broker. One that has a valid certificate gets another with `renew` alone; the old one
        stays valid until it is revoked, so that the device can be reached while it changes.
        """
        user = _user(role, name)
        if bool(hosts) != (role == BROKER):
            raise PkiError("host names belong to the broker's certificate, and to no other")
        until = min(now + datetime.timedelta(days=days), self.until)
        with self._locked():
            known = self.issued
            standing = [one for one in known if (one.role, one.name) == (role, name) and one.valid(now.timestamp())]
            if bool(standing) != renew:
                told = "has a valid certificate already: renew it" if standing else "has no valid one: issue it"
                raise PkiError(f"{user} {told}")
            key = None if request else make.new_key()
            public = key.public_key() if key is not None else make.request_key(request, "the request")
            certificate = make.signed(
                user, public, self._certificate, self._key, until, list(hosts) if role == BROKER else None
            )
            row = Issued(f"{certificate.serial_number:x}", role, name, int(now.timestamp()), int(until.timestamp()))
            # First on record: what was issued and is unknown could never be revoked.
            ledger.write(self._folder, [*known, row])
        return self._hand_out(role, name, certificate, None if key is None else make.key_pem(key))

    def hosts(self, name: str) -> list[str]:
        """The names and addresses in a broker's present certificate."""
        path = self._papers(BROKER, name) / "cert.pem"
        names = make.load_certificate(_read(path), str(path)).extensions
        alternative = names.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = [str(address) for address in alternative.get_values_for_type(x509.IPAddress)]
        return [*alternative.get_values_for_type(x509.DNSName), *addresses]

    def revoke(self, role: str, name: str, now: datetime.datetime, *, superseded: bool = False) -> int:
        """Take back all certificates of a device, or with `superseded` all but the newest. Gives how many."""
        _user(role, name)
        with self._locked():
            known = self.issued
            own = [n for n, one in enumerate(known) if (one.role, one.name) == (role, name) and not one.revoked]
            if not own:
                raise PkiError(f"{role}:{name} has no certificate that could be revoked; `pki list` shows all")
            for n in own[:-1] if superseded else own:
                known[n] = msgspec.structs.replace(known[n], revoked=int(now.timestamp()))
            ledger.write(self._folder, known)
            self._write_list(known, now)
        return len(own) - superseded

    def _write_list(self, issued: Sequence[Issued], now: datetime.datetime) -> None:
        number = 1 + sum(1 for one in issued if one.revoked)
        made = make.revocation_list(issued, number, self._certificate, self._key, now)
        put(self._folder / "crl.pem", make.pem_of(made), 0o644)

    def _hand_out(self, role: str, name: str, certificate: x509.Certificate, key: bytes | None) -> Papers:
        folder = self._papers(role, name)
        try:
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise PkiError(f"{folder} cannot be made: {error.strerror}") from error
        if key is None:
            # An older key would not fit the new certificate.
            (folder / "key.pem").unlink(missing_ok=True)
        else:
            put(folder / "key.pem", key, 0o600)
        put(folder / "cert.pem", make.pem_of(certificate), 0o644)
        put(folder / "ca.pem", make.pem_of(self._certificate), 0o644)
        return Papers(
            folder, folder / "cert.pem", None if key is None else folder / "key.pem", certificate.not_valid_after_utc
        )

    def _papers(self, role: str, name: str) -> Path:
        return self._folder / f"{role}.{name}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two commands at once must not forget one another's certificates."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _user(role: str, name: str) -> str:
    if role not in (BROKER, *Role):
        raise PkiError(f"{role!r} is no role: write one of {', '.join((BROKER, *Role))}")
    try:
        return user_name(role, name)
    except ValueError as error:
        raise PkiError(str(error)) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PkiError(f"{path} cannot be read ({error.strerror}): `pki init` makes an authority") from error
