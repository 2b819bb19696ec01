"""What the tests of Home Assistant's discovery share: the schema of its documentation, and messages to look at."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from edge_balancer.alerts.catalogue import AlertKind, title
from edge_balancer.homeassistant.discovery import discovery_messages
from edge_balancer.settings.root import Configuration
from edge_balancer.wire import Topics
from tests.support.configuration import make_config

TITLES = {str(kind): title(kind) for kind in AlertKind}
Message = dict[str, Any]


@cache
def schema() -> Message:
    found: Message = yaml.safe_load((Path(__file__).parent / "discovery_schema.yaml").read_text(encoding="utf-8"))
    return found


def complaints(message: Any) -> list[str]:
    """Why a device discovery message is not as Home Assistant documents it; empty where it is."""
    return [f"{e.json_path}: {e.message}"[:300] for e in Draft202012Validator(schema()).iter_errors(message)]


def feeder(houses: Any = 3, **changes: Any) -> Configuration:
    return make_config(houses, **{"homeassistant": {"enabled": True}, **changes})


def announced(config: Configuration) -> dict[str, Message]:
    """Topic -> message."""
    return {t: json.loads(p) for t, p in discovery_messages(config, Topics(config), TITLES).items()}


def entities(config: Configuration) -> dict[str, Message]:
    """All entities of all devices by unique id."""
    return {e["unique_id"]: e for message in announced(config).values() for e in message["components"].values()}
