"""`edge-balancer account` and `token`, as people call them, and beside a running server."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_balancer import cli
from edge_balancer.dashboard.access import hashing, tokens
from edge_balancer.dashboard.access.accounts import load
from tests.dashboard_access.access_rig import PASSWORD, SESSION, rig

Call = Callable[..., int]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "edge-balancer.toml"
    file.write_text('[feeder]\nid = "f"\n[[houses]]\nid = "h1"\nphase = "L1"\n')
    return file


@pytest.fixture
def call(config: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    def called(*args: str, stdin: str = "") -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        return cli.main([*args, "--config", str(config)])

    return called


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    return tmp_path / "accounts.json"


def test_an_account_from_its_making_to_its_end(call: Call, accounts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("account", "add", "Anna", "--role", "operator", stdin=PASSWORD + "\n") == 0
    assert PASSWORD not in accounts.read_text()
    account = load(accounts).account("anna")
    assert account is not None
    assert account.role == "operator"
    assert hashing.matches(account.password, PASSWORD)
    assert call("account", "role", "anna", "admin") == 0
    assert call("account", "password", "anna", stdin="another long one\n") == 0
    changed = load(accounts).account("anna")
    assert changed is not None
    assert changed.role == "admin"
    assert hashing.matches(changed.password, "another long one")
    capsys.readouterr()
    assert call("account", "list") == 0
    assert capsys.readouterr().out.startswith("anna  admin  since ")
    assert call("account", "remove", "anna") == 0
    assert load(accounts).accounts == ()
    assert "nobody can log in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "0 characters"),
        ("short", "5 characters"),
        ("a" * 300, "at most 256"),
        ("abababababab", "four different"),
        ("Password1234", "first that anybody would try"),
        ("anna-2026!!!", "first that anybody would try"),
    ],
)
def test_a_weak_password_is_refused(
    call: Call, accounts: Path, capsys: pytest.CaptureFixture[str], password: str, says: str
) -> None:
    assert call("account", "add", "anna", "--role", "viewer", stdin=password + "\n") == 1
    err = capsys.readouterr().err
    assert says in err
    assert not password or password not in err
    assert not accounts.exists()


def test_from_a_terminal_it_is_asked_for_twice(
    call: Call, accounts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    typed = iter([PASSWORD, PASSWORD + "x", PASSWORD, PASSWORD])
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    monkeypatch.setattr(io, "StringIO", Terminal)
    assert call("account", "add", "anna", "--role", "viewer") == 1
    assert "not the same" in capsys.readouterr().err
    assert call("account", "add", "anna", "--role", "viewer") == 0
    assert load(accounts).account("anna") is not None


def test_no_password_can_be_an_argument(call: Call) -> None:
    with pytest.raises(SystemExit):
        call("account", "add", "anna", PASSWORD, "--role", "viewer")


def test_a_name_that_is_taken_is_told_before_a_password_is_asked(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    call("account", "add", "anna", "--role", "viewer", stdin=PASSWORD)
    assert call("account", "add", "anna", "--role", "viewer", stdin="") == 1
    assert "there is one already" in capsys.readouterr().err


def test_a_token_is_shown_once_and_alone(call: Call, accounts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("token", "add", "grafana") == 0
    shown = capsys.readouterr()
    bearer = tokens.parse(shown.out.strip().encode())
    assert bearer is not None
    assert shown.out.count("\n") == 1
    assert "viewer" in shown.err
    assert bearer.secret not in accounts.read_text()
    assert call("token", "add", "for-ever", "--days", "0", "--role", "operator") == 0
    capsys.readouterr()
    assert call("token", "list") == 0
    listed = capsys.readouterr().out
    assert bearer.secret not in listed
    assert "for-ever  operator" in listed
    assert "ends never" in listed
    assert call("token", "remove", "grafana") == 0
    assert [token.name for token in load(accounts).tokens] == ["for-ever"]


@pytest.mark.parametrize("days", ["-1", "nan", "inf", "1e9"])
def test_a_token_of_no_possible_length_is_refused(call: Call, accounts: Path, days: str) -> None:
    assert call("token", "add", "t", f"--days={days}") == 1
    assert not accounts.exists()


def test_a_folder_that_one_may_not_write_to_is_told_with_the_remedy(
    call: Call, accounts: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    assert call("token", "add", "t") == 1
    err = capsys.readouterr().err
    assert str(accounts) in err
    assert "sudo" in err


def test_the_services_folder_is_found_without_systemd(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setattr(cli, "DEFAULT_CONFIG", config)
    monkeypatch.setattr(cli, "SERVICE_STATE", state)
    # So that what the command sets is taken back after the test.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    assert cli.main(["token", "add", "t"]) == 0
    assert (state / "accounts.json").exists()


def test_a_running_server_knows_new_accounts_and_forgets_old_ones_at_once(
    tmp_path: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    with rig(tmp_path, host="0.0.0.0") as running:  # noqa: S104 - what is tested; it listens on loopback alone
        assert running.log_in("anna").status == 401
        call("account", "add", "anna", "--role", "viewer", stdin=PASSWORD)
        assert running.log_in("anna").status == 200
        call("account", "remove", "anna")
        assert running.ask("GET", "/api/v1/status", running.as_page()).status == 401
        capsys.readouterr()
        call("token", "add", "t")
        token = {"Authorization": f"Bearer {capsys.readouterr().out.strip()}"}
        assert running.ask("GET", "/api/v1/status", token).status == 200
        assert json.loads(running.ask("GET", SESSION, token).body)["role"] == "viewer"
        call("token", "remove", "t")
        assert running.ask("GET", "/api/v1/status", token).status == 401
