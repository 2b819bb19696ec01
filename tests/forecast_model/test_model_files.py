"""Models as files: read and refused, run by onnxruntime, installed, activated and rolled back."""

from __future__ import annotations

import datetime as dt
import gc
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.forecast.features import FEATURES, NAMES
from edge_balancer.forecast.interface import LARGEST_BYTES, MissingModel, ModelRefusedError
from edge_balancer.models.registry import CARD, GRAPH, POINTER, Registry, write_model
from edge_balancer.models.runtime import OnnxModel
from edge_balancer.models.serving import Chosen, Serving, chosen, identity_of, loaded, registry_of
from edge_balancer.settings.forecast import ForecastSettings
from tests.forecast_model import onnx_files as made

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
ROWS = np.full((5, len(FEATURES)), 0.25, dtype=np.float32)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Without a packaged model."""
    return Registry(tmp_path / "models", tmp_path / "packaged")


def later(minutes: int) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minutes)


def test_a_good_model_is_run_and_says_what_it_is() -> None:
    model = OnnxModel("hand", "id", made.linear(np.eye(len(FEATURES), 6), 0.1))
    assert (model.card.version, model.card.kind, model.card.metrics) == ("7", "by hand", {"rmse_kw": 0.5})
    outputs = model(ROWS)
    assert outputs.correction == pytest.approx(np.full((5, 6), 0.35), abs=1e-6)
    assert (outputs.spread, outputs.price_factor, outputs.duration_s) == (None, None, 0.0)


def test_spread_and_price_factor_are_handed_on() -> None:
    outputs = OnnxModel("hand", "id", made.with_spread_and_price(0.3, 1.5))(ROWS)
    assert outputs.spread == pytest.approx(np.full((5, 6), 0.3))
    assert outputs.price_factor == pytest.approx(np.full((5, 1), 1.5))


def test_the_calls_of_a_timed_model_are_timed() -> None:
    clock = iter([10.0, 10.5])
    assert OnnxModel("hand", "id", made.good(), 0.02, lambda: next(clock))(ROWS).duration_s == 0.5


def test_nothing_is_sent_to_the_makers_of_the_runtime() -> None:
    OnnxModel("hand", "id", made.good())
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


FEWER = json.dumps([[name, "kW"] for name in NAMES[:-1]])
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "no onnx": (lambda: b"not a model", "onnxruntime cannot read it"),
    "empty": (lambda: b"", "onnxruntime cannot read it"),
    "truncated": (lambda: made.good()[:-200], "onnxruntime cannot read it"),
    "too large": (lambda: bytes(LARGEST_BYTES + 1), "more than 1048576"),
    "wrong interface": (lambda: made.with_metadata(interface="2"), "it has interface 2, this program 1"),
    "wrong features": (lambda: made.with_metadata(features=FEWER), r"it has \d+ features, this program \d+"),
    "wrong blocks": (lambda: made.with_metadata(blocks="[5, 10, 15]"), "it has 3 blocks, this program 6"),
    "of another program": (lambda: made.good(metadata={"producer": "another"}), "lacks `edge_balancer.interface`"),
    "wrong shape": (made.wrong_shape, "its output `correction` has the shape 3 x 5 instead of 3 x 6"),
    "another input": (lambda: made.product(6, features=4), r"its input is tensor\(float\) of shape"),
    "one number of houses": (lambda: made.product(6, rows=55), "its input takes 55 houses and no other number"),
    "another output": (lambda: made.product(6, "load"), "its outputs are load: `correction` must be"),
    "NaN always": (lambda: made.good(float("nan")), "on a trial its output `correction` has NaN in 18 of 18 places"),
    "infinite always": (lambda: made.good(float("inf")), "on a trial its output `correction` has an infinite value"),
    "absurd always": (lambda: made.good(1e7), "which is absurd"),
    "a spread below nought": (lambda: made.with_spread_and_price(-0.1, 1.0), "its output `spread` has -0.1 kW"),
}


@pytest.mark.parametrize(("maker", "told"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_by_name_and_nothing_is_raised(
    maker: Callable[[], bytes], told: str, registry: Registry
) -> None:
    with pytest.raises(ModelRefusedError, match=told):
        OnnxModel("hand", "id", maker())
    registry.folder.mkdir(parents=True)
    (registry.folder / "bad").mkdir()
    write_model(registry.folder / "bad", maker(), {})
    found = loaded(ForecastSettings(model="bad"), registry)
    assert isinstance(found, MissingModel)
    assert found.name == "bad"


def test_a_call_that_hangs_is_left() -> None:
    model = OnnxModel("hand", "id", made.hanging(), 0.02)
    with pytest.raises(TimeoutError, match="no answer within 200 ms"):
        model(ROWS)


def test_a_call_that_fails_raises_what_the_runtime_says() -> None:
    model = OnnxModel("hand", "id", made.failing(), 5.0)
    with pytest.raises(Exception, match="Reshape"):
        model(ROWS)
    assert model(ROWS[:3]).correction.shape == (3, 6)


def test_a_model_that_nobody_holds_any_more_leaves_no_thread_behind() -> None:
    """A daemon takes a new model at each reload, for years."""
    for _ in range(3):
        OnnxModel("hand", "id", made.good(), 0.02)(ROWS)
    gc.collect()
    before = set(threading.enumerate())
    model = OnnxModel("hand", "id", made.good(), 0.02)
    model(ROWS)
    (own,) = set(threading.enumerate()) - before
    del model
    gc.collect()
    own.join(10.0)
    assert not own.is_alive()


def test_whatever_a_file_brings_about_is_a_reason_and_stops_nothing(registry: Registry) -> None:
    ranges = json.dumps([[0, 10**400]] * len(FEATURES))
    made.put(registry, "huge", made.with_metadata(ranges=ranges))
    found = loaded(ForecastSettings(model="huge"), registry)
    assert isinstance(found, MissingModel)
    assert found.reason.startswith("it cannot be loaded: OverflowError")


def test_the_programs_own_model_is_wanted_by_default(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert ForecastSettings().model == "active"
    found = loaded(ForecastSettings(), registry)
    assert isinstance(found, OnnxModel)
    assert found.name == "default"
    assert identity_of(ForecastSettings(), registry).startswith("default:")
    made.put(registry, "one", made.good())
    registry.activate("one", NOON)
    found = loaded(ForecastSettings(), registry)
    assert isinstance(found, OnnxModel)
    assert found.name == "one"


def test_none_can_be_wanted(registry: Registry) -> None:
    assert loaded(ForecastSettings(model="none"), registry) is None
    assert identity_of(ForecastSettings(model="none"), registry) == ""


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda place: (place / GRAPH).unlink(), "model.onnx is missing"),
        (lambda place: (place / CARD).unlink(), "card.json is missing"),
        (lambda place: (place / CARD).write_text("{"), "card.json is no JSON"),
        (lambda place: (place / CARD).write_text("[]"), "card.json is no JSON object"),
        (lambda place: (place / GRAPH).write_bytes((place / GRAPH).read_bytes()[:-1]), "damaged or was altered"),
        (lambda place: (place / GRAPH).write_bytes(made.good(0.2)), "damaged or was altered"),
        (lambda place: (place / GRAPH).write_bytes(bytes(LARGEST_BYTES + 1)), "has more than"),
    ],
)
def test_a_harmed_folder_gives_the_reason(harm: Callable[[Path], object], told: str, registry: Registry) -> None:
    made.put(registry, "hand", made.good(0.1))
    assert isinstance(loaded(ForecastSettings(model="hand"), registry), OnnxModel)
    harm(registry.place("hand"))
    found = loaded(ForecastSettings(model="hand"), registry)
    assert isinstance(found, MissingModel)
    assert told in found.reason


@pytest.mark.parametrize("name", ["", "..", "a/b", "none", "active", "default", "-x", "x" * 65])
def test_a_name_that_cannot_be_a_folder_of_its_own_is_refused(name: str, registry: Registry) -> None:
    with pytest.raises(ModelRefusedError):
        registry.install(name, made.good(), {})
    assert not registry.folder.exists() or not list(registry.folder.iterdir())


def test_a_name_is_given_once_and_nothing_half_made_stays(registry: Registry) -> None:
    made.put(registry, "one", made.good())
    with pytest.raises(ModelRefusedError, match="there is a model 'one' already"):
        made.put(registry, "one", made.good(0.1))
    with pytest.raises(TypeError):
        registry.install("two", made.good(), {"version": object()})
    assert [path.name for path in registry.folder.iterdir()] == ["one"]
    assert registry.names() == ["one"]


def test_activate_and_roll_back(registry: Registry) -> None:
    for k, name in enumerate(("one", "two", "three")):
        made.put(registry, name, made.good(0.1 * k))
        registry.activate(name, later(k))
    assert registry.active is not None
    assert registry.active.name == "three"
    assert [one.name for one in registry.previous] == ["two", "one"]
    again = registry.rollback(later(10))
    assert again is not None
    assert (again.name, again.activated) == ("two", later(10).isoformat(timespec="microseconds"))
    assert [one.name for one in registry.previous] == ["one"]
    registry.rollback(later(11))
    assert registry.rollback(later(12)) is None
    assert registry.active is None
    with pytest.raises(ModelRefusedError, match="nothing to go back from"):
        registry.rollback(later(13))


def test_a_call_that_never_comes_back_costs_one_thread_and_not_one_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    model = OnnxModel("hand", "id", made.good(), 0.02)
    honest = model._run
    monkeypatch.setattr(model, "_run", lambda *_: release.wait(30.0) and honest(ROWS, None))
    with pytest.raises(TimeoutError, match="no answer within 200 ms"):
        model(ROWS)
    before = threading.active_count()
    for _ in range(5):
        with pytest.raises(TimeoutError, match="an earlier call has not come back"):
            model(ROWS)
    assert threading.active_count() == before
    monkeypatch.setattr(model, "_run", honest)
    release.set()
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        try:
            assert model(ROWS).correction.shape == (5, 6), "and it is asked again where it did come back"
            break
        except TimeoutError:
            time.sleep(0.01)
    else:
        pytest.fail("it never came back")


def test_rolling_back_to_a_changed_file_is_refused(registry: Registry) -> None:
    made.put(registry, "one", made.good())
    made.put(registry, "two", made.good(0.1))
    registry.activate("one", NOON)
    registry.activate("two", later(1))
    write_model(registry.place("one"), made.good(0.2), {})
    with pytest.raises(ModelRefusedError, match="not the one that was active before"):
        registry.rollback(later(2))
    assert registry.active is not None
    assert registry.active.name == "two"


def test_the_programs_own_model_may_change_with_the_program(tmp_path: Path) -> None:
    """An upgrade that brings another one is no damage."""
    packaged = tmp_path / "packaged"
    packaged.mkdir()
    write_model(packaged, made.good(), {})
    registry = Registry(tmp_path / "models", packaged)
    made.put(registry, "one", made.good())
    registry.activate("default", NOON)
    write_model(packaged, made.good(0.2), {})
    found = chosen(ForecastSettings(), registry)
    assert isinstance(found, Chosen)
    registry.activate("one", later(1))
    again = registry.rollback(later(2))
    assert again is not None
    assert (again.name, again.sha256) == ("default", registry.read("default").sha256)
    (packaged / GRAPH).write_bytes(b"damaged")
    assert isinstance(chosen(ForecastSettings(), registry), MissingModel)
    registry.activate("one", later(3))
    with pytest.raises(ModelRefusedError, match="damaged"):
        registry.rollback(later(4))


def test_activating_what_is_not_there_changes_nothing(registry: Registry) -> None:
    made.put(registry, "one", made.good())
    registry.activate("one", NOON)
    with pytest.raises(ModelRefusedError, match="is missing"):
        registry.activate("two", later(1))
    assert registry.active is not None
    assert registry.active.name == "one"


def test_the_active_one_is_used_where_the_configuration_says_so(registry: Registry) -> None:
    active = ForecastSettings(model="active")
    missing = loaded(active, registry)
    assert isinstance(missing, MissingModel), "of the program's own there is none here"
    made.put(registry, "one", made.good())
    registry.activate("one", NOON)
    model = loaded(active, registry)
    assert isinstance(model, OnnxModel)
    assert model.name == "one"
    write_model(registry.place("one"), made.good(0.2), {})
    found = chosen(active, registry)
    assert isinstance(found, MissingModel)
    assert "has changed since it was activated" in found.reason


def test_a_pointer_that_cannot_be_read_gives_the_reason_and_activating_mends_it(registry: Registry) -> None:
    made.put(registry, "one", made.good())
    (registry.folder / POINTER).write_text('{"active": 5}')
    found = loaded(ForecastSettings(model="active"), registry)
    assert isinstance(found, MissingModel)
    assert "activate a model anew" in found.reason
    # A model that is named does not depend on it.
    assert isinstance(loaded(ForecastSettings(model="one"), registry), OnnxModel)
    registry.activate("one", NOON)
    assert isinstance(loaded(ForecastSettings(model="active"), registry), OnnxModel)


def test_the_packaged_model_is_the_default_one(tmp_path: Path) -> None:
    packaged = tmp_path / "packaged"
    packaged.mkdir()
    write_model(packaged, made.good(), {})
    registry = Registry(tmp_path / "models", packaged)
    made.put(registry, "own", made.good(0.1))
    assert registry.names() == ["default", "own"]
    model = loaded(ForecastSettings(model="default"), registry)
    assert isinstance(model, OnnxModel)
    assert model.name == "default"
    with pytest.raises(ModelRefusedError, match="already"):
        registry.install("default", made.good(), {})


def test_a_new_activation_of_the_same_file_is_another_identity(tmp_path: Path) -> None:
    """By it a person lets a model try again that was set aside, and a reload knows that there is something to do."""
    database = tmp_path / "eb.db"
    registry = registry_of(database)
    settings = ForecastSettings(model="active")
    serving = Serving(settings, database, "boot")
    made.put(registry, "one", made.good())
    first = serving.load()
    assert isinstance(first, OnnxModel)
    assert first.name == "default"
    registry.activate("one", NOON)
    assert serving.changed(settings)
    serving.load()
    assert not serving.changed(settings)
    registry.activate("one", later(1))
    assert serving.changed(settings)
    assert serving.changed(ForecastSettings(model="none"))
    serving.load()
    assert not serving.changed(settings.model_copy(update={"shadow": True}))
