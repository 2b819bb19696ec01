"""What a program opened, changed and spoke to, from strace's files: `-ff` makes one of each thread, `-yy` says what a
descriptor stands for."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

STRACE: Final = shutil.which("strace")
_CALL: Final = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+|\?)")
_TEXT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_INTERNET: Final = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")')
_LISTENS: Final = re.compile(r"^\d+<[\w-]+:\[(.*)\]>")
_BASE: Final = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>, $")
_LOCAL: Final = re.compile(r"sun_path=(@?)\"([^\"]*)\"")
_WRITES: Final = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
_OPENS: Final = frozenset({"open", "openat", "openat2", "creat"})
_CHANGES: Final = frozenset(
    {
        *("unlink", "unlinkat", "rename", "renameat", "renameat2", "rmdir", "mkdir", "mkdirat", "mknod", "mknodat"),
        *("link", "linkat", "symlink", "symlinkat", "truncate", "utime", "utimensat", "setxattr"),
        *("chmod", "fchmodat", "chown", "lchown", "fchownat"),
    }
)
_ADDRESSED: Final = frozenset({"connect", "bind", "sendto", "sendmsg"})


def command(folder: Path, *program: str) -> list[str]:
    """The program under strace, which stands behind it: the process that is started is the program itself."""
    assert STRACE is not None
    watch = ["-D", "-ff", "-yy", "-qq", "-s", "4096", "-e", "trace=%file,%network", "-o", str(folder / "calls")]
    return [STRACE, *watch, *program]


@dataclass
class Seen:
    read: set[str] = field(default_factory=set)
    """Files and folders opened for reading; only those that were there."""
    written: set[str] = field(default_factory=set)
    """Opened for writing, made, renamed, removed; those too that it tried and failed at."""
    ran: set[str] = field(default_factory=set)
    connected: set[str] = field(default_factory=set)
    """`address:port` or the path of a local socket."""
    listening: set[str] = field(default_factory=set)
    """Where it takes connections or messages: `address:port`."""
    families: set[str] = field(default_factory=set)
    """Of the sockets that were made."""
    calls: int = 0


def seen(folder: Path, cwd: Path) -> Seen:
    """All of it. Relative paths count from `cwd`, but where the call names another folder."""
    found = Seen()
    for file in sorted(folder.glob("calls.*")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            call = _CALL.match(line)
            if call is not None:
                found.calls += 1
                _take(found, call["name"], call["arguments"], call["result"], cwd)
    return found


def _take(found: Seen, name: str, arguments: str, result: str, cwd: Path) -> None:
    failed = result.startswith("-")
    if name in _OPENS:
        if name == "creat" or _WRITES.search(arguments):
            found.written.update(_paths(arguments, cwd))
        elif not failed:
            found.read.update(_paths(arguments, cwd))
    elif name in _CHANGES:
        found.written.update(_paths(arguments, cwd))
    elif name.startswith("exec") and not failed:
        found.ran.update(_paths(arguments, cwd)[:1])
    elif name == "socket":
        found.families.add(arguments.partition(",")[0])
    elif name == "listen":
        listens = _LISTENS.match(arguments)
        found.listening.add(listens[1] if listens else arguments)
    elif name in _ADDRESSED and (where := _address(arguments)):
        # Bound to port 0, it is about to connect, or will be seen to listen.
        (found.connected if name != "bind" else found.listening).update({where} if not where.endswith(":0") else ())


def _paths(arguments: str, cwd: Path) -> list[str]:
    found = []
    for text in _TEXT.finditer(arguments):
        base = _BASE.search(arguments, 0, text.start())
        found.append(os.path.normpath(Path(base[1] if base else cwd, text[1])))
    return found


def _address(arguments: str) -> str:
    if internet := _INTERNET.search(arguments):
        return f"{internet[2] or internet[3]}:{internet[1]}"
    if local := _LOCAL.search(arguments):
        return f"{local[1]}{local[2]}"
    return ""
