"""The reading of strace's lines: a line that it does not understand would hide what it should show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.strace_log import seen

CASES = [
    ('openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3', "read", "/etc/hosts"),
    ('openat(AT_FDCWD, "x.db", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3', "written", "/run/x.db"),
    ('openat(AT_FDCWD, "/etc/shadow", O_WRONLY) = -1 EACCES (Permission denied)', "written", "/etc/shadow"),
    ('open("/a b\\"c", O_RDONLY) = 7', "read", '/a b\\"c'),
    ('rename("/t/a", "/t/b")                   = 0', "written", "/t/b"),
    ('unlink("/t/a")                          = -1 ENOENT (No such file or directory)', "written", "/t/a"),
    ('mkdir("/t", 0777) = 0', "written", "/t"),
    ('execve("/bin/sh", ["sh", "-c", "/x"], 0x7ffc /* 20 vars */) = 0', "ran", "/bin/sh"),
    (
        'connect(5, {sa_family=AF_INET, sin_port=htons(1883), sin_addr=inet_addr("10.0.0.1")}, 16) = 0',
        "connected",
        "10.0.0.1:1883",
    ),
    (
        'connect(5<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(53), inet_pton(AF_INET6, "::1", &x)}, 28) = -1 X',
        "connected",
        "::1:53",
    ),
    ('sendto(3, "x", 1, 0, {sa_family=AF_UNIX, sun_path="/run/notify"}, 21) = 1', "connected", "/run/notify"),
    ('bind(5, {sa_family=AF_UNIX, sun_path=@"hidden"}, 9) = 0', "listening", "@hidden"),
    ("listen(3<TCP:[127.0.0.1:34365]>, 128)   = 0", "listening", "127.0.0.1:34365"),
    ("listen(4<TCPv6:[[::1]:55629]>, 128)     = 0", "listening", "[::1]:55629"),
    ('openat(AT_FDCWD</srv>, "x", O_RDONLY) = 3</srv/x>', "read", "/srv/x"),
    ('unlinkat(7</var/lib>, "y", 0) = 0', "written", "/var/lib/y"),
    ("socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 5", "families", "AF_INET"),
]


@pytest.mark.parametrize(("line", "where", "what"), CASES)
def test_a_call_is_seen(line: str, where: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "calls.1").write_text(line + "\n")
    found = seen(tmp_path, Path("/run"))
    assert what in getattr(found, where)
    assert found.calls == 1


def test_what_was_not_there_was_not_read(tmp_path: Path) -> None:
    (tmp_path / "calls.1").write_text('openat(AT_FDCWD, "/lib/x.py", O_RDONLY) = -1 ENOENT (No such file)\n')
    assert seen(tmp_path, Path("/run")).read == set()
