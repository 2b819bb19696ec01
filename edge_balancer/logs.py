"""What the program says about itself: one line per event, JSON for the journal and coloured on a terminal.

Libraries that use the standard `logging` come out the same way. Not the audit trail: that is in
`edge_balancer.storage`, and nothing that must be kept may stand in a log alone.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, TextIO

import msgspec

from edge_balancer.settings.policy import LogSettings

if "rich" not in sys.modules:
    # Where the demo's extra is installed structlog loads it with all that it needs, for tracebacks that are never drawn
    # here: some megabytes of a daemon's memory.
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog

    del sys.modules["rich"]
else:
    import structlog
from structlog.typing import Processor

Logger = structlog.stdlib.BoundLogger
EventDict = MutableMapping[str, Any]

REDACTED: Final = "[redacted]"
# Whole words of a key's name: `mqtt_password` is secret, `machine` is not.
SECRET_WORDS: Final = frozenset({"password", "passwd", "token", "mac", "secret", "authorization", "credential"})

# Priorities of syslog(3) that journald reads from the start of a line (sd-daemon(3)).
_PRIORITY: Final = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>", "critical": "<2>"}


def configure(settings: LogSettings, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Set up structlog and the standard `logging` for the whole process; may be called again (a reload)."""
    out = sys.stdout if stream is None else stream
    journal = is_journal(out, environ)
    console = settings.format == "console" or (settings.format == "auto" and not journal and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=not console, key="time"),
        structlog.processors.StackInfoRenderer(),
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # a reload may change the level
    )
    handler = _Handler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_console_rendering(out) if console else _json_rendering(journal)),
            ],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    logging.captureWarnings(capture=True)


def get_logger(name: str) -> Logger:
    """The logger of a part; `name` is its module's `__name__`."""
    return structlog.stdlib.get_logger(name)


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream ends in the journal: systemd names its device and inode (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{stat.st_dev}:{stat.st_ino}"


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Hide the values of keys that name a secret, at any depth."""
    return {key: _hidden(key, value) for key, value in event.items()}


def _hidden(key: object, value: object) -> object:
    if isinstance(key, str) and not SECRET_WORDS.isdisjoint(key.lower().replace("-", "_").replace(".", "_").split("_")):
        return REDACTED
    if isinstance(value, Mapping):
        return {inner: _hidden(inner, item) for inner, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden("", item) for item in value]
    return value


class Outage:
    """Says once that a trouble has begun and once that it is over, however often it is met in between.

    `began` and `ended` are the two events ("broker unreachable", "broker reachable again"); `monotonic` is the clock's.
    """

    def __init__(self, log: Logger, began: str, ended: str, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._began = began
        self._ended = ended
        self._monotonic = monotonic
        self._since: float | None = None
        self.count = 0
        """How often it was met in the present episode."""

    @property
    def active(self) -> bool:
        return self._since is not None

    def down(self, **details: object) -> bool:
        """The trouble is met. True when it has just begun."""
        self.count += 1
        if self._since is not None:
            self._log.debug(self._began, count=self.count, **details)
            return False
        self._since = self._monotonic()
        self._log.warning(self._began, **details)
        return True

    def up(self, **details: object) -> bool:
        """All is well. True when a trouble has just ended."""
        if self._since is None:
            return False
        lasted_s = self._monotonic() - self._since
        count, self.count, self._since = self.count, 0, None
        self._log.info(self._ended, lasted_s=round(lasted_s, 3), count=count, **details)
        return True


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that setting up again takes away this one and no other."""


def _console_rendering(out: TextIO) -> list[Processor]:
    # The plain traceback: richer ones print local variables, and with them secrets.
    return [
        structlog.dev.ConsoleRenderer(
            colors=out.isatty(), timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _json_rendering(journal: bool) -> list[Processor]:
    rendering: list[Processor] = [
        structlog.processors.format_exc_info,
        _ordered,
        structlog.processors.JSONRenderer(serializer=_to_json),
    ]
    # The level is read before the renderer turns the event into text, so the prefix is made around both.
    return [_with_priority(rendering)] if journal else rendering


def _with_priority(rendering: list[Processor]) -> Processor:
    def process(logger: Any, method: str, event: EventDict) -> str:
        prefix = _PRIORITY.get(str(event.get("level")), "")
        result: Any = event
        for processor in rendering:
            result = processor(logger, method, result)
        return f"{prefix}{result}"

    return process


def _ordered(_logger: object, _method: str, event: EventDict) -> EventDict:
    first = {key: event[key] for key in ("time", "level", "event") if key in event}
    return {**first, **event}


def _to_json(event: EventDict, **_options: object) -> str:
    """One line of valid JSON (no NaN), whatever stands in the event: a log call must never be what fails."""
    try:
        return msgspec.json.encode(event, enc_hook=_plain).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        # Text that is not Unicode, keys that are no text: rare, so slow is fine.
        return json.dumps({str(key): repr(value) for key, value in event.items()})


def _plain(value: object) -> object:
    item = getattr(value, "item", None)  # numpy's scalars
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else str(value)
