"""The learned forecast of a simulation: what the scenario or `--model` names, untimed so that a run can be repeated.

The daemon starts without a model that it cannot use and says so; a simulation that was to show that model is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge_balancer.forecast.interface import MissingModel, Model, ModelRefusedError
from edge_balancer.models.registry import Registry
from edge_balancer.models.serving import loaded, registry_of
from edge_balancer.settings.forecast import ACTIVE, DEFAULT, NONE, ForecastSettings
from edge_balancer.settings.load import load
from edge_balancer.settings.services import StorageSettings

_FORMS: Final = (
    f"give the path of an .onnx file with --model, or `{DEFAULT}`, `{ACTIVE}`, `{NONE}`, or the name of a model beside "
    "the store of --config"
)


def is_file(asked: str) -> bool:
    """Whether `--model` means a file; else it is a name, as `forecast.model` takes it."""
    return Path(asked).suffix == ".onnx" or Path(asked).parent != Path()


def model_of_file(path: Path) -> Model:
    """Raises ModelRefusedError for what the daemon would not use."""
    from edge_balancer.models.runtime import OnnxModel

    try:
        onnx = path.read_bytes()
    except OSError as error:
        raise ModelRefusedError(f"--model {path}: {error.strerror or error}; give an .onnx file") from error
    try:
        return OnnxModel(path.stem, hashlib.sha256(onnx).hexdigest()[:16], onnx)
    except ModelRefusedError as error:
        raise ModelRefusedError(f"--model {path}: {error}") from error


def model_by_name(
    settings: ForecastSettings, asked: str, config: Path | None, environ: Mapping[str, str]
) -> Model | None:
    """What `settings` mean beside the store of the configuration in `config`, or of one that says nothing; `asked` is
    how people have named it. Raises ModelRefusedError for a model that the daemon would not use, ConfigurationError
    where `config` cannot be read."""
    if settings.model == NONE:
        return None
    if config is None and settings.model == ACTIVE and "model" not in settings.model_fields_set:
        # What some other program has activated where this one happens to run must not change what comes out.
        settings = settings.model_copy(update={"model": DEFAULT})
    store = (StorageSettings() if config is None else load(config, environ).storage).path
    registry = registry_of(store)
    model = loaded(settings, registry, timed=False)
    if isinstance(model, MissingModel):
        raise ModelRefusedError(f"{asked}: {_why(settings.model, model, registry)}; {_FORMS}")
    return model


def _why(name: str, missing: MissingModel, registry: Registry) -> str:
    """To who mistyped a name, a card that is missing in a folder tells nothing."""
    if name in (ACTIVE, DEFAULT) or registry.place(name).exists():
        return missing.reason
    return f"it is no .onnx file, and there is no folder {registry.place(name)}"
