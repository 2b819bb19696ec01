"""The accounts' file: private, whole, read again when it changed, and never half trusted."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from edge_balancer.dashboard.access import manage, private_file
from edge_balancer.dashboard.access.accounts import Accounts, load
from edge_balancer.dashboard.access.errors import AccessError
from edge_balancer.dashboard.access.records import MOST_ACCOUNTS, MOST_TOKENS, Account, Roll, Token, decode, encode

HASH = "$argon2id$v=19$m=40960,t=2,p=1$c2FsdA$aGFzaA"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.json"


def add(path: Path, name: str) -> None:
    manage.add_account(path, name, "viewer", HASH, 1.0)


def test_only_its_owner_can_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        add(path, "anna")
        manage.add_token(path, "t", "viewer", None, 1.0)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.with_name("accounts.json.lock").stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_could_read_is_closed_at_the_next_change(path: Path) -> None:
    add(path, "anna")
    path.chmod(0o644)
    add(path, "bert")
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_written_is_read(path: Path) -> None:
    roll = Roll(
        accounts=(Account("anna", "admin", HASH, "k", 1.0),),
        tokens=(
            Token("t", "viewer", "0" * 12, "f" * 64, 1.0, None),
            Token("u", "operator", "1" * 12, "e" * 64, 2.0, 3.0),
        ),
    )
    assert decode(encode(roll)) == roll


def test_a_change_is_seen_at_once_and_a_file_without_change_is_not_read_again(path: Path) -> None:
    accounts = Accounts(path)
    assert accounts.now() == Roll()
    add(path, "anna")
    seen = accounts.now()
    assert seen.account("anna") is not None
    assert accounts.now() is seen
    manage.remove_account(path, "anna")
    assert accounts.now().account("anna") is None
    add(path, "anna")
    path.unlink()
    assert accounts.now() == Roll()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (b"", "damaged"),
        (b"{", "damaged"),
        (b"\xff\xfe{}", "damaged"),
        (b'{"version": 2}', "version 2"),
        (b'{"accounts": [{"name": "anna"}]}', "damaged"),
        (b'{"accounts": [], "more": 1}', "damaged"),
        (b'{"accounts": [{"name":"a","role":"god","password":"hush","key":"k","created":1}]}', "damaged"),
        (
            b'{"tokens": [{"name":"a","role":"viewer","id":"1","sha256":"hush","created":1,"expires":null}%s]}'
            % (b',{"name":"a","role":"admin","id":"2","sha256":"hush","created":1,"expires":null}',),
            "twice",
        ),
        (b" " * (private_file.MOST_BYTES + 1), "larger"),
    ],
)
def test_a_damaged_file_lets_nobody_in_is_not_overwritten_and_heals(path: Path, damage: bytes, says: str) -> None:
    add(path, "anna")
    good = path.read_bytes()
    accounts = Accounts(path)
    assert accounts.now().accounts
    path.write_bytes(damage)
    assert accounts.now() == Roll()
    assert says in accounts.fault
    assert str(path) in accounts.fault
    assert "hush" not in accounts.fault
    with pytest.raises(AccessError, match=says):
        add(path, "bert")
    assert path.read_bytes() == damage
    path.write_bytes(good)
    assert accounts.now().accounts
    assert accounts.fault == ""


def test_a_change_that_cannot_be_written_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(path, "anna")
    good = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AccessError, match="No space left"):
        add(path, "bert")
    assert path.read_bytes() == good
    assert sorted(file.name for file in path.parent.iterdir()) == ["accounts.json", "accounts.json.lock"]


def test_changes_at_the_same_time_lose_nothing(path: Path) -> None:
    names = [f"user-{number}" for number in range(12)]
    threads = [threading.Thread(target=add, args=(path, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert sorted(account.name for account in load(path).accounts) == sorted(names)


def test_who_changes_it_for_too_long_is_told_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_file, "LOCK_PATIENCE_S", 0.1)
    with private_file.locked(path), pytest.raises(AccessError, match="another program"):
        add(path, "anna")


def test_a_link_in_its_place_is_replaced_and_not_followed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(encode(Roll()))
    path.symlink_to(other)
    add(path, "anna")
    assert not path.is_symlink()
    assert decode(other.read_bytes()) == Roll()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for somebody else")
def test_what_root_writes_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 12345, 12346)
    add(folder / "accounts.json", "anna")
    for file in folder.iterdir():
        assert (file.stat().st_uid, file.stat().st_gid) == (12345, 12346), file


@pytest.mark.parametrize("name", ["", "Anna", "a b", "-a", ".a", "a:b", "token:x", "é", "a" * 65, "a\n", "a/b"])
def test_names_that_cannot_be_told_apart_or_stand_in_a_record_are_refused(path: Path, name: str) -> None:
    with pytest.raises(AccessError, match="no name that can be used"):
        add(path, name)
    with pytest.raises(AccessError, match="no name that can be used"):
        manage.add_token(path, name, "viewer", None, 1.0)


def test_a_name_stands_once(path: Path) -> None:
    add(path, "anna")
    manage.add_token(path, "anna", "viewer", None, 1.0)
    with pytest.raises(AccessError, match="account password anna"):
        add(path, "anna")
    with pytest.raises(AccessError, match="already"):
        manage.add_token(path, "anna", "viewer", None, 1.0)


def test_what_is_unknown_is_named_with_what_is_known(path: Path) -> None:
    add(path, "anna")
    steps: tuple[Callable[[], None], ...] = (
        partial(manage.remove_account, path, "bert"),
        partial(manage.set_password, path, "bert", HASH),
        partial(manage.set_role, path, "bert", "admin"),
    )
    for step in steps:
        with pytest.raises(AccessError, match="there are: anna"):
            step()
    with pytest.raises(AccessError, match="there are: none"):
        manage.remove_token(path, "t")


def test_accounts_and_tokens_are_bounded(path: Path) -> None:
    accounts = tuple(Account(f"a{n}", "viewer", HASH, "k", 1.0) for n in range(MOST_ACCOUNTS))
    many = tuple(Token(f"t{n}", "viewer", f"{n:012x}", "0" * 64, 1.0, None) for n in range(MOST_TOKENS))
    private_file.write(path, encode(Roll(accounts=accounts, tokens=many)))
    assert path.stat().st_size < private_file.MOST_BYTES
    with pytest.raises(AccessError, match="no more are kept"):
        add(path, "anna")
    with pytest.raises(AccessError, match="no more are kept"):
        manage.add_token(path, "anna", "viewer", None, 1.0)


def test_a_token_is_kept_as_its_hash_alone(path: Path) -> None:
    bearer = manage.add_token(path, "t", "viewer", None, 1.0)
    assert bearer.secret not in path.read_text()
    (token,) = msgspec.json.decode(path.read_bytes())["tokens"]
    assert token["id"] == bearer.id
    assert bearer.proves(token["sha256"])
