"""Loads the configuration from its layers: defaults, TOML file with the houses' table, systemd credentials,
environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_balancer.errors import ConfigurationError
from edge_balancer.settings.check import examine
from edge_balancer.settings.root import Configuration


def load(path: Path | None, environ: Mapping[str, str], credentials_dir: Path | None = None) -> Configuration:
    """The configuration, every path in it absolute. The later layer wins: defaults, file, credentials, environment.

    Without `path` there is no file; relative paths then count from the working directory. Without `credentials_dir`,
    `$CREDENTIALS_DIRECTORY` of `environ` counts. Raises ConfigurationError with every problem; a warning alone raises
    nothing (`check.problems` tells it).
    """
    found = examine(path, environ, credentials_dir)
    if found.configuration is None:
        raise ConfigurationError(found.problems)
    return found.configuration
