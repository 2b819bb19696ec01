"""`edge-balancer models`: list, verify, activate, roll back. It prints, and gives the exit code.

Nothing is sent to a running controller: it takes up what was activated when it is reloaded or started.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_balancer.forecast.interface import LARGEST_BYTES, ModelRefusedError
from edge_balancer.models.demoted import demoted
from edge_balancer.models.registry import Registry
from edge_balancer.models.serving import identity, registry_of
from edge_balancer.settings.forecast import ACTIVE, DEFAULT, ForecastSettings
from edge_balancer.settings.load import load
from edge_balancer.types.demotion import Demotion

GOOD: Final = 0
FAILED: Final = 1
REFUSED: Final = 2
_RELOAD: Final = "A running controller takes it up when it is reloaded: systemctl reload edge-balancer"


def models_command(args: argparse.Namespace) -> int:
    """0 done, 1 a model that is no good, 2 what cannot be done."""
    settings: ForecastSettings | None = None
    database: Path | None = args.database
    if database is None:
        config = load(args.config, os.environ)
        settings, database = config.forecast, config.storage.path
    registry = registry_of(database)
    try:
        match args.step:
            case "list":
                return _list(registry, settings, demoted(database))
            case "verify":
                return _verify(registry, args.names)
            case "activate":
                return _activate(registry, args.name, settings)
            case _:
                return _rollback(registry, settings)
    except ModelRefusedError as error:
        sys.stderr.write(f"models {args.step}: {error}\n")
        return REFUSED
    except OSError as error:
        sys.stderr.write(f"models {args.step}: {error}; is {registry.folder} yours to write to?\n")
        return REFUSED


def _list(registry: Registry, settings: ForecastSettings | None, why_not: Callable[[str], Demotion | None]) -> int:
    names = registry.names()
    if not names:
        print(f"There are no models in {registry.folder}, and none came with the program.")
    active, before = registry.active, [one.name for one in registry.previous]
    rows = [("NAME", "VERSION", "KIND", "KB", "CREATED", "")]
    for name in names:
        try:
            file = registry.read(name)
        except ModelRefusedError as error:
            rows.append((name, "", "", "", "", f"cannot be used: {error}"))
            continue
        notes = []
        if active is not None and active.name == name:
            notes.append(f"active since {active.activated[:19].replace('T', ' ')} UTC")
            if active.sha256 != file.sha256 and name != DEFAULT:
                notes.append("its file has CHANGED since")
        elif name in before:
            notes.append(f"active before, {before.index(name) + 1} back")
        if demotion := why_not(identity(file, active)):
            notes.append(f"is set aside: {demotion.reason}")
        card = file.card
        rows.append(
            (
                name,
                str(card.get("version", "")),
                str(card.get("kind", "")),
                f"{len(file.onnx) / 1024.0:.0f}",
                str(card.get("created", ""))[:10],
                "; ".join(notes),
            )
        )
    if names:
        widths = [max(len(row[k]) for row in rows) for k in range(5)]
        for row in rows:
            print("  ".join([*(row[k].ljust(widths[k]) for k in range(5)), row[5]]).rstrip())
    if settings is not None:
        print(_use(settings, DEFAULT if active is None else active.name))
    return GOOD


def _use(settings: ForecastSettings, active: str) -> str:
    shadow = ", in shadow" if settings.shadow else ""
    match settings.model:
        case "none":
            return "The configuration uses no model (forecast.model = none)."
        case "active":
            return f"The configuration uses the active one, which is {active} (forecast.model = active{shadow})."
        case name:
            return f"The configuration uses {name} (forecast.model = {name}{shadow})."


def _verify(registry: Registry, names: list[str]) -> int:
    worst = GOOD
    for name in names or registry.names():
        try:
            print(f"{name}: good, {_try(registry, name)}")
        except ModelRefusedError as error:
            worst = FAILED
            print(f"{name}: REFUSED: {error}")
    return worst


def _try(registry: Registry, name: str) -> str:
    """What a model is, once it was read, checked and run. Raises ModelRefusedError where it is no good."""
    from edge_balancer.models.runtime import OnnxModel
    from edge_balancer.models.trial import median_ms

    file = registry.read(name)
    model = OnnxModel(name, name, file.onnx)
    told = file.card.get("version"), file.card.get("kind")
    if told != (model.card.version, model.card.kind):
        raise ModelRefusedError(
            f"its card tells of {told[1]} {told[0]}, its file of {model.card.kind} {model.card.version}"
        )
    return (
        f"{model.card.kind} {model.card.version}, {len(file.onnx) / 1024.0:.0f} of {LARGEST_BYTES // 1024} KB, "
        f"{median_ms(model):.2f} ms for 200 houses here, SHA-256 {file.sha256[:16]}"
    )


def _activate(registry: Registry, name: str, settings: ForecastSettings | None) -> int:
    told = _try(registry, name)
    registry.activate(name, dt.datetime.now(dt.UTC))
    print(f"{name} is active ({told}).")
    _tell_of_settings(name, settings)
    return GOOD


def _rollback(registry: Registry, settings: ForecastSettings | None) -> int:
    try:
        if registry.active is not None and registry.previous:
            # The program may have been upgraded since it was active.
            _try(registry, registry.previous[0].name)
        again = registry.rollback(dt.datetime.now(dt.UTC))
    except ModelRefusedError as error:
        raise ModelRefusedError(f'{error}; activate another one, or set forecast.model = "none"') from error
    if again is None:
        print(f"No other was active before: forecast.model = {ACTIVE} means the one that came with the program again.")
    else:
        print(f"{again.name} is active again.")
    _tell_of_settings("" if again is None else again.name, settings)
    return GOOD


def _tell_of_settings(name: str, settings: ForecastSettings | None) -> None:
    if settings is not None and settings.model not in (ACTIVE, name):
        print(
            f'The configuration says forecast.model = "{settings.model}", so this changes nothing yet: '
            f'set it to "{ACTIVE}".'
        )
    print(_RELOAD)
