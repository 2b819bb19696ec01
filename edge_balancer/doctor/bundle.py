"""An archive to be sent to somebody who helps: what the doctor found, the configuration, what the controller says of
itself, its log. Everything in it has gone through the redactor. No readings, no store, no keys."""

from __future__ import annotations

import json
import platform
import subprocess
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from edge_balancer import __version__
from edge_balancer.doctor.examine import Examination
from edge_balancer.doctor.redact import Redactor, settings_without_secrets
from edge_balancer.doctor.report import as_json, as_text
from edge_balancer.errors import EdgeBalancerError
from edge_balancer.wire import Topics

_LOG_LINES: Final = "3000"
_PATIENCE_S: Final = 20.0
_COMMANDS: Final[dict[str, Sequence[str]]] = {
    "log.txt": (
        "journalctl",
        "-u",
        "edge-balancer",
        "-u",
        "firmware-bridge",
        "-n",
        _LOG_LINES,
        "--no-pager",
        "-o",
        "short-iso",
    ),
    "service.txt": ("systemctl", "show", "edge-balancer", "firmware-bridge", "--no-pager"),
    "time.txt": ("timedatectl", "show", "--no-pager"),
    "disks.txt": ("df", "-h"),
    "processes.txt": ("ps", "-eo", "pid,user,rss,pcpu,etime,comm"),
}
_READ_ME: Final = """\
Diagnostics of edge-balancer {version}, {when}.

report.txt, report.json   what the doctor found
settings.json             the configuration, without secrets and without how people are reached
said/                     what the controller says of itself on the broker
*.txt                     the log and the state of the service and of the machine

Secrets, addresses and numbers were replaced by [hidden]. Names of houses were not: look into the files before you
send them.
"""


class BundleError(EdgeBalancerError):
    """The archive could not be written."""


def write_bundle(path: Path, examination: Examination, commands: dict[str, Sequence[str]] = _COMMANDS) -> list[str]:
    """Write the archive, readable by its owner alone. Gives the names of its files. Raises BundleError."""
    redactor = Redactor(examination.config)
    try:
        # "x": nothing that stands there is overwritten.
        with path.open("xb") as raw:
            path.chmod(0o600)
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, text in _contents(examination, commands):
                    archive.writestr(name, redactor.text(text))
                return archive.namelist()
    except FileExistsError as error:
        raise BundleError(f"{path} exists already: give another name") from error
    except OSError as error:
        raise BundleError(f"{path} cannot be written: {error.strerror}") from error


def _contents(examination: Examination, commands: dict[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    when = time.strftime("%Y-%m-%d %H:%M:%S %z")
    yield "README.txt", _READ_ME.format(version=__version__, when=when)
    yield "report.txt", as_text(examination.findings)
    yield "report.json", as_json(examination.findings)
    yield "machine.txt", f"{platform.platform()}\nPython {platform.python_version()}\nedge-balancer {__version__}\n"
    config = examination.config
    if config is not None:
        yield "settings.json", json.dumps(settings_without_secrets(config), indent=2, ensure_ascii=False)
        topics = Topics(config)
        for name, topic in (("diagnostics", topics.diagnostics), ("phases", topics.phases), ("mode", topics.mode)):
            if payload := examination.heard.retained.get(topic):
                yield f"said/{name}.json", payload.decode("utf-8", "replace")
        alerts = {t: p.decode("utf-8", "replace") for t, p in examination.heard.retained.items() if topics.alert_key(t)}
        yield "said/alerts.json", json.dumps(alerts, indent=2, ensure_ascii=False)
    for name, command in commands.items():
        yield name, _output(command)


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=False)  # noqa: S603 - ours
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command)}: {error}\n"
    return (done.stdout + done.stderr).decode("utf-8", "replace")
