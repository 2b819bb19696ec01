"""Names every problem of a configuration at once.

`load` is its other half: it gives the configuration, or raises them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from edge_balancer.errors import Problem
from edge_balancer.settings.channel_rules import channel_findings, secret_keys, secrets_in_file
from edge_balancer.settings.collect import Collector
from edge_balancer.settings.contact_rules import contact_findings
from edge_balancer.settings.fields import sections
from edge_balancer.settings.files import file_findings, resolve
from edge_balancer.settings.layers import Layers, read
from edge_balancer.settings.root import Configuration
from firmware_bridge.settings.base import Finding
from firmware_bridge.settings.exposure import readable_by_all


@dataclass(frozen=True, slots=True)
class Examination:
    """What came of reading a configuration.

    Every path in `configuration` is absolute; it is None where there are errors.
    """

    configuration: Configuration | None
    problems: tuple[Problem, ...]


def examine(path: Path | None, environ: Mapping[str, str], credentials_dir: Path | None = None) -> Examination:
    """Read and judge every layer. Never raises, whatever stands in them."""
    layers = read(path, environ, credentials_dir)
    collector = Collector(layers)
    remaining = collector.run()
    resolved = resolve(remaining, layers.folder, environ)
    collector.add(file_findings(resolved))
    if resolved.bridge.in_use:
        # Templates and lines are not loaded for a feeder that has none.
        from edge_balancer.settings.bridge_rules import bridge_findings

        collector.add(bridge_findings(resolved))
    collector.add(channel_findings(resolved))
    collector.add(contact_findings(resolved))
    collector.add(secrets_in_file(resolved, layers))
    collector.add(_open_secrets(resolved, layers))
    problems = tuple(collector.problems)
    broken = any(problem.severity == "error" for problem in problems)
    return Examination(None if broken else resolved, problems)


def problems(path: Path | None, environ: Mapping[str, str], credentials_dir: Path | None = None) -> list[Problem]:
    """Every problem, errors and warnings, in the order in which they were found; empty where the configuration is
    good."""
    return list(examine(path, environ, credentials_dir).problems)


def _open_secrets(configuration: Configuration, layers: Layers) -> Iterator[Finding]:
    """Secrets in a file that others can read. Those of channels have no place in any file, whoever reads it."""
    if layers.path is None or not readable_by_all(layers.path):
        return
    channels = secret_keys()
    for key in (key for section in sections() for key in section.keys if key.secret and key not in channels):
        value: object = configuration
        for part in key.path:
            value = getattr(value, part)
        if isinstance(value, SecretStr) and value.get_secret_value() and layers.source(key.path) == layers.file_name:
            yield Finding(
                key.path,
                value,
                "stands in a file that every user of this machine can read",
                f"chmod o-r {layers.path}, and give it another value, since this one may be known; better "
                f"give it as the systemd credential {key.dotted}",
            )
