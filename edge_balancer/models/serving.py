"""From the configuration to the model that the engine is handed, or to the reason why there is none.

Nothing here raises for a model's sake: the controller starts whatever became of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_balancer.forecast.interface import MissingModel, Model, ModelRefusedError
from edge_balancer.logs import get_logger
from edge_balancer.models.ordeal import Ordeal
from edge_balancer.models.registry import Activation, ModelFile, Registry
from edge_balancer.settings.forecast import ACTIVE, DEFAULT, NONE, ForecastSettings
from edge_balancer.types.demotion import Blame

FOLDER: Final = "models"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model that a configuration means, read and verified, not run. `identity` is of this file and activation."""

    file: ModelFile
    identity: str


def registry_of(database: Path) -> Registry:
    """The models beside this store."""
    return Registry(database.parent / FOLDER)


def chosen(settings: ForecastSettings, registry: Registry) -> Chosen | MissingModel | None:
    """None where no model is wanted; the packaged one where `active` is and none was ever activated."""
    if settings.model == NONE:
        return None
    name = settings.model
    try:
        activation = registry.active
    except ModelRefusedError as error:
        if name == ACTIVE:
            return MissingModel(name, str(error))
        activation = None
    if name == ACTIVE:
        name = DEFAULT if activation is None else activation.name
    try:
        file = registry.read(name)
    except ModelRefusedError as error:
        return MissingModel(name, str(error))
    # The program's own changes with the program, and its card vouches for it.
    altered = activation is not None and activation.sha256 != file.sha256
    if settings.model == ACTIVE and name != DEFAULT and altered:
        return MissingModel(name, f"the file of model {name!r} has changed since it was activated")
    return Chosen(file, identity(file, activation))


def identity(file: ModelFile, active: Activation | None) -> str:
    """Of this very file and its activation, where it is the active one."""
    since = active.activated if active is not None and active.name == file.name else ""
    return f"{file.name}:{file.sha256[:16]}:{since}"


def identity_of(settings: ForecastSettings, registry: Registry) -> str:
    """What a reload compares: changes with the file, the activation and the reason of a fault."""
    found = chosen(settings, registry)
    if found is None:
        return ""
    return found.identity if isinstance(found, Chosen) else f"missing: {found.reason}"


def loaded(settings: ForecastSettings, registry: Registry, *, timed: bool = True) -> Model | MissingModel | None:
    """The model, ready to be asked. Without `timed` its calls take no time, so that a run can be repeated."""
    found = chosen(settings, registry)
    return run(found, settings, timed=timed) if isinstance(found, Chosen) else found


def run(found: Chosen, settings: ForecastSettings, *, timed: bool = True) -> Model | MissingModel:
    """A model that was found, ready to be asked, or why it cannot be."""
    from edge_balancer.models.runtime import OnnxModel

    deadline_s = settings.deadline_ms / 1000.0 if timed else None
    try:
        return OnnxModel(found.file.name, found.identity, found.file.onnx, deadline_s)
    except ModelRefusedError as error:
        return MissingModel(found.file.name, str(error))
    except Exception as error:  # noqa: BLE001 - whatever a file does, the controller starts
        return MissingModel(found.file.name, f"it cannot be loaded: {type(error).__name__}: {error}"[:300])


class Serving:
    """The model of one run of the daemon."""

    def __init__(self, settings: ForecastSettings, database: Path, boot: str) -> None:
        """`boot`: a name of the machine's boot, see `clock.boot_of`."""
        self._settings = settings
        self._registry = registry_of(database)
        self._ordeal = Ordeal(database, boot)
        self._identity = ""

    def load(self) -> Model | MissingModel | None:
        """As `loaded`, but for a model that the controller did not survive; and it is remembered which one it was.
        Takes a second on a small machine."""
        if self._settings.model == NONE:
            return None
        self._identity = identity_of(self._settings, self._registry)
        model = self._survived()
        if isinstance(model, MissingModel):
            _log.warning("the learned forecast cannot be used", model=model.name, reason=model.reason)
        elif model is not None:
            card, shadow = model.card, self._settings.shadow
            _log.info("learned forecast", model=model.name, kind=card.kind, version=card.version, shadow=shadow)
        return model

    def close(self) -> None:
        """The controller ends in order."""
        self._ordeal.end()

    def _survived(self) -> Model | MissingModel | None:
        found = chosen(self._settings, self._registry)
        if not isinstance(found, Chosen):
            return found
        against = self._ordeal.begin(found.identity)
        if against:
            return MissingModel(found.file.name, against, Blame.CRASHED)
        model = run(found, self._settings)
        if isinstance(model, MissingModel):
            self._ordeal.end()
        else:
            self._ordeal.survived_loading()
        return model

    def changed(self, settings: ForecastSettings) -> bool:
        """Whether these settings mean another model now: one was activated, or a file was replaced."""
        return identity_of(settings, self._registry) != self._identity
