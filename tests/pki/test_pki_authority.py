"""An authority in its folder: what it makes, what it keeps, what it refuses. And the command."""

from __future__ import annotations

import datetime
import io
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.cli import main
from edge_balancer.pki.errors import PkiError
from edge_balancer.pki.roles import MOST_CHARS, user_name

x509 = pytest.importorskip("cryptography.x509", reason="certificates need the extra pki")

from edge_balancer.pki.authority import Authority  # noqa: E402 - after the check for its package

NOW = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca", "Feeder West", NOW)


def certificate(path: Path) -> Any:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_certificate_names_its_user_and_lives_five_years_from_before_any_clock(authority: Authority) -> None:
    papers = authority.issue("meter", "h1", NOW)
    made = certificate(papers.certificate)
    assert made.subject.rfc4514_string() == "CN=meter:h1"
    assert made.issuer.rfc4514_string() == "CN=Feeder West"
    # A Pi without a clock comes up in the past.
    assert made.not_valid_before_utc == datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    assert made.not_valid_after_utc == NOW + 1826 * DAY == papers.until


def test_no_certificate_outlives_the_authority(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", "short", NOW, years=1)
    assert authority.issue("meter", "h1", NOW).until == authority.until


def test_keys_are_for_their_owner_alone(authority: Authority, tmp_path: Path) -> None:
    authority.issue("meter", "h1", NOW)
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "ca").rglob("*")
    }
    assert {name: mode for name, mode in modes.items() if name.endswith(".key") or "key.pem" in name} == {
        "ca/ca.key": 0o600,
        "ca/meter.h1/key.pem": 0o600,
    }
    assert modes["ca/ledger.json"] == 0o600
    assert modes["ca/meter.h1"] == 0o700
    assert not [name for name in modes if ".new" in name]


def test_what_stands_already_is_never_overwritten(authority: Authority, tmp_path: Path) -> None:
    key = (tmp_path / "ca/ca.key").read_bytes()
    with pytest.raises(PkiError, match="not empty"):
        Authority.create(tmp_path / "ca", "again", NOW)
    assert (tmp_path / "ca/ca.key").read_bytes() == key


def test_issuing_twice_and_renewing_what_is_not_there_are_refused(authority: Authority) -> None:
    authority.issue("meter", "h1", NOW)
    with pytest.raises(PkiError, match="renew it"):
        authority.issue("meter", "h1", NOW)
    with pytest.raises(PkiError, match="issue it"):
        authority.issue("meter", "h2", NOW, renew=True)
    authority.issue("meter", "h1", NOW + 2000 * DAY)  # the first has run out meanwhile


def test_the_ledger_outlives_the_program(authority: Authority, tmp_path: Path) -> None:
    authority.issue("meter", "h1", NOW)
    authority.issue("meter", "h1", NOW + DAY, renew=True)
    authority.revoke("meter", "h1", NOW + 2 * DAY, superseded=True)
    again = Authority(tmp_path / "ca")
    assert [bool(one.revoked) for one in again.issued] == [True, False]
    revoked = x509.load_pem_x509_crl((tmp_path / "ca/crl.pem").read_bytes())
    assert [f"{one.serial_number:x}" for one in revoked] == [again.issued[0].serial]
    assert revoked.next_update_utc == again.until


def test_revoking_takes_back_all_of_a_name(authority: Authority) -> None:
    authority.issue("meter", "h1", NOW)
    authority.issue("meter", "h1", NOW, renew=True)
    assert authority.revoke("meter", "h1", NOW) == 2
    with pytest.raises(PkiError, match="no certificate"):
        authority.revoke("meter", "h1", NOW)


def test_a_device_may_keep_its_own_key(authority: Authority, tmp_path: Path) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    request = ("openssl", "req", "-new", *curve, "-keyout", "device.key", "-out", "device.csr", "-subj", "/CN=admin")
    subprocess.run(request, cwd=tmp_path, check=True, capture_output=True)
    papers = authority.issue("switch", "h1", NOW, request=(tmp_path / "device.csr").read_bytes())
    assert papers.key is None
    assert not (papers.folder / "key.pem").exists()
    # The name is ours to give: a request cannot make a meter an operator.
    assert certificate(papers.certificate).subject.rfc4514_string() == "CN=switch:h1"


@pytest.mark.parametrize("request_pem", [b"nonsense", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_a_request_that_is_none_is_refused(authority: Authority, request_pem: bytes) -> None:
    with pytest.raises(PkiError, match="no certificate request"):
        authority.issue("switch", "h1", NOW, request=request_pem)
    assert authority.issued == []


def test_a_brokers_names_are_kept_when_it_is_renewed(authority: Authority, tmp_path: Path) -> None:
    authority.issue("broker", "pi", NOW, hosts=["pi.local", "192.168.7.2"])
    assert authority.hosts("pi") == ["pi.local", "192.168.7.2"]
    with pytest.raises(PkiError, match="host names belong to the broker"):
        authority.issue("meter", "h1", NOW, hosts=["pi.local"])
    with pytest.raises(PkiError, match="host names belong to the broker"):
        authority.issue("broker", "other", NOW)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "#", "+", "a:b", "a\nb", "x" * MOST_CHARS])
def test_a_name_that_a_broker_could_misread_is_refused(authority: Authority, name: str) -> None:
    with pytest.raises(ValueError, match=r"is no name|characters"):
        user_name("meter", name)
    with pytest.raises(PkiError):
        authority.issue("meter", name, NOW)


def test_a_protected_key_needs_its_passphrase(tmp_path: Path) -> None:
    Authority.create(tmp_path / "ca", "site", NOW, b"correct horse")
    assert Authority.is_protected(tmp_path / "ca")
    for wrong in (b"", b"battery staple"):
        with pytest.raises(PkiError, match="passphrase"):
            Authority(tmp_path / "ca", wrong)
    assert Authority(tmp_path / "ca", b"correct horse").issued == []


def test_a_damaged_ledger_is_told_and_not_begun_anew(authority: Authority, tmp_path: Path) -> None:
    authority.issue("meter", "h1", NOW)
    (tmp_path / "ca/ledger.json").write_text("{")
    with pytest.raises(PkiError, match="damaged"):
        authority.issue("meter", "h2", NOW)
    assert (tmp_path / "ca/ledger.json").read_text() == "{"


def pki(*arguments: str) -> int:
    return main(["pki", *arguments])


def test_the_command_from_an_empty_folder_to_a_revoked_meter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ca = str(tmp_path / "ca")
    assert pki("init", ca, "--site", "West") == 0
    assert pki("issue", ca, "broker", "pi", "--host", "pi.local") == 0
    assert pki("issue", ca, "meter", "h1", "--days", "30") == 0
    assert pki("renew", ca, "broker", "pi") == 0
    assert "for pi.local" in capsys.readouterr().out
    assert pki("revoke", ca, "broker", "pi", "--superseded") == 0
    assert "restart it" in capsys.readouterr().out
    assert pki("list", ca) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["who", "broker:pi", "meter:h1", "broker:pi"]
    assert "revoked" in rows[1]
    assert "expires in 29 days: renew it" in rows[2]
    assert pki("issue", ca, "meter", "h1") == 2
    assert "has a valid certificate already" in capsys.readouterr().err


def test_the_command_takes_the_passphrase_from_standard_input_and_never_shows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = str(tmp_path / "ca")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert pki("init", ca, "--protect") == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert pki("init", ca, "--protect") == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert pki("issue", ca, "meter", "h1") == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("wrong\n"))
    assert pki("list", ca) == 2
    said = capsys.readouterr()
    assert "passphrase" in said.err
    assert "correct horse" not in said.out + said.err


def test_two_at_once_forget_nobody(tmp_path: Path) -> None:
    ca = tmp_path / "ca"
    Authority.create(ca, "site", NOW)
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            try:
                Authority(ca).issue("meter", f"h{number}", NOW)
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert sorted(one.name for one in Authority(ca).issued) == ["h0", "h1", "h2", "h3"]
