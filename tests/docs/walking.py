"""Reads a walk-through (its fenced blocks by terminal) and plays its terminals as real shells. Not a test itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(r"^```(\w*)[ ]*(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARIES: Final = re.compile(
    r"(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|(?P<hash>(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f]))"
    r"|(?P<date>\d{4}-\d{2}-\d{2}(?:T\d{2})?)"
    r"|(?P<number>(?<!\w)\d+(?:\.\d+)?)"
    r"|(?P<anything>…)"
)
_INSTEAD: Final = {
    "uuid": r"[0-9a-f-]{36}",
    "hash": r"[0-9a-f]{64}",
    "date": r"\d{4}-\d{2}-\d{2}(?:T\d{2})?",
    "number": r"\d+(?:\.\d+)?",
    "anything": ".*",
}
PATIENCE_S: Final = 60.0
_DONE: Final = "--block-done--"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the rest of its opening line, and its text."""

    language: str
    label: str
    text: str


def blocks(document: Path) -> list[Block]:
    return [Block(*found) for found in _FENCE.findall(document.read_text(encoding="utf-8"))]


def pattern(line: str) -> re.Pattern[str]:
    """A documented line as what a real run may print: other ids, hashes, numbers and times; `…` stands for anything.

    Names such as h1 and L3 must be as documented.
    """
    parts: list[str] = []
    end = 0
    for found in _VARIES.finditer(line.rstrip()):
        assert found.lastgroup is not None
        parts += [re.escape(line[end : found.start()]), _INSTEAD[found.lastgroup]]
        end = found.end()
    return re.compile("".join(parts) + re.escape(line[end:].rstrip()))


class Terminal:
    """One shell. Lines of its output are waited for by pattern, each search beginning after the last line found."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "-eu"],
            cwd=folder,
            env={**os.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self.lines: list[str] = []
        self._seen = 0
        self._ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._shell.stdout is not None
        for line in self._shell.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def type(self, text: str) -> None:
        """Type commands without waiting for their end."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(text + "\n")
        self._shell.stdin.flush()

    def run(self, text: str) -> None:
        """Type commands and wait until all of them have succeeded."""
        with self._news:
            start = len(self.lines)
        self.type(f"{text}\necho {_DONE}")
        self._await(lambda: _DONE in self.lines[start:], f"the commands did not succeed: {text}")
        with self._news:
            self.lines.remove(_DONE)

    def expect(self, documented: str) -> None:
        """Wait until every documented line has come, in any order. Indented lines are explanations and not compared."""
        wanted = [pattern(line) for line in documented.splitlines() if line.strip() and not line.startswith("    ")]
        start = self._seen
        for line in wanted:
            self._await(partial(self._has, line, start), f"never came: {line.pattern}")
        with self._news:
            self._seen = 1 + max(place for line in wanted if (place := self._find(line, start)) is not None)

    def _find(self, line: re.Pattern[str], start: int) -> int | None:
        return next((n for n in range(start, len(self.lines)) if line.search(self.lines[n])), None)

    def _has(self, line: re.Pattern[str], start: int) -> bool:
        return self._find(line, start) is not None

    def _await(self, reached: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        with self._news:
            while not reached():
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    raise AssertionError(f"{what}\n\nThe terminal showed:\n" + "\n".join(self.lines))
                self._news.wait(left)

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self._shell.pid, signal.SIGINT)

    def close(self) -> None:
        for stop in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._shell.pid, stop)
                self._shell.wait(5)
                break
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._shell.wait(5)
        self._reader.join(5)
        for stream in (self._shell.stdin, self._shell.stdout):
            if stream is not None:
                stream.close()
