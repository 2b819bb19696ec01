"""The data set: what is on disk, that it is taken up again, that it is believed only unaltered, and how it is split."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.benchmark.scenarios import scenario
from edge_balancer.forecast.features import FEATURES
from edge_balancer.learning import gather as gathering
from edge_balancer.learning.errors import LearningError
from edge_balancer.learning.from_store import store_recording
from edge_balancer.learning.from_twin import twin_feeder
from edge_balancer.learning.gather import gather
from edge_balancer.learning.shards import DataSet, RowsOfShard, leave_other_rows
from edge_balancer.learning.splits import HELD_DAYS, REACH_S, boundaries, held_houses, sides, tables
from edge_balancer.settings.root import Configuration
from edge_balancer.types.phases import Phase
from tests.learning.learning_cases import START, living, recording_of, write_store

RECIPE = {"source": "test"}


def made(folder: Path, houses: int = 12, days: float = 4.0) -> DataSet:
    data = DataSet(folder, RECIPE)
    gather(recording_of(living(houses, int(days * 1440), 5)), 1800.0, data, lambda _: None)
    return data


def test_the_same_recording_gives_the_same_bytes_and_what_is_there_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = made(tmp_path / "a"), made(tmp_path / "b")
    assert first.sha256 == second.sha256
    assert [shard.rows for shard in first.shards] == [12 * (2 * 48 - 7)]
    monkeypatch.setattr(gathering, "rows", None)  # whoever gathers now fails
    made(tmp_path / "a")
    (tmp_path / "b" / first.shards[0].file).unlink()
    with pytest.raises(TypeError):
        made(tmp_path / "b")


def test_a_file_of_each_week_and_the_blend_runs_through_all(tmp_path: Path) -> None:
    long = made(tmp_path / "long", houses=2, days=9.5)
    assert [shard.file for shard in long.shards] == ["made-01.npz", "made-02.npz"]
    whole = {shard.file: rows for shard, rows in long.read()}
    (tmp_path / "long" / "made-01.npz").unlink()
    again = made(tmp_path / "long", houses=2, days=9.5)
    for shard, rows in again.read():
        np.testing.assert_array_equal(rows.inputs, whole[shard.file].inputs)


def test_rows_that_were_made_otherwise_or_altered_are_refused(tmp_path: Path) -> None:
    data = made(tmp_path)
    with pytest.raises(LearningError, match="made otherwise, or by another version; give --out another folder"):
        DataSet(tmp_path, {"source": "another"})
    with pytest.raises(LearningError, match="no data set is there; make one with"):
        DataSet(tmp_path / "nowhere")
    file = tmp_path / data.shards[0].file
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    with pytest.raises(LearningError, match=r"made-01\.npz: is missing or is not what card\.json says"):
        list(DataSet(tmp_path).read())
    card = json.loads((tmp_path / "card.json").read_text())
    card["features"] = card["features"][1:]
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(LearningError, match="of another version of this program"):
        DataSet(tmp_path)


def test_nobody_is_judged_on_houses_or_days_that_it_was_trained_on(tmp_path: Path) -> None:
    data = made(tmp_path, houses=20, days=5.0)
    (shard, rows), *_ = data.read()
    edge = boundaries(data)["made"]
    train, test = sides(shard, rows, edge)
    assert train.any()
    assert test.any()
    assert set(rows.house[train]).isdisjoint(rows.house[test])
    assert rows.wall[train].max() + REACH_S < edge <= rows.wall[test].min()
    assert edge == pytest.approx(shard.begin + (1.0 - HELD_DAYS) * (shard.end - shard.begin))
    held = held_houses("made", 500)
    assert 0.1 < held.mean() < 0.3
    np.testing.assert_array_equal(held[:100], held_houses("made", 100))


def test_rows_beyond_the_most_are_drawn_evenly_and_the_same_each_time(tmp_path: Path) -> None:
    data = made(tmp_path, houses=20, days=5.0)
    some, again, others = tables(data, 300, 1), tables(data, 300, 1), tables(data, 300, 2)
    assert 230 < len(some[0]) < 370
    np.testing.assert_array_equal(some[0].inputs, again[0].inputs)
    assert len(others[0]) != len(some[0]) or not np.array_equal(others[0].inputs, some[0].inputs)
    assert len(tables(data, 10**6, 1)[0]) > 3 * len(some[0])


def test_many_houses_come_in_more_and_smaller_files_with_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recording_of(living(9, 5 * 1440, 3))
    whole, parts = DataSet(tmp_path / "whole", RECIPE), DataSet(tmp_path / "parts", RECIPE)
    gather(recording, 1800.0, whole, lambda _: None)
    monkeypatch.setattr(gathering, "SHARD_HOUSE_DAYS", 9.0)
    gather(recording, 1800.0, parts, lambda _: None)
    assert [len(whole.shards), len(parts.shards)] == [1, 3]
    (_, rows), pieces = next(whole.read()), [rows for _, rows in parts.read()]
    np.testing.assert_array_equal(rows.inputs, np.concatenate([one.inputs for one in pieces]))
    np.testing.assert_array_equal(rows.wall, np.concatenate([one.wall for one in pieces]))


def test_an_empty_file_is_no_trouble(tmp_path: Path) -> None:
    data = DataSet(tmp_path, RECIPE)
    none = RowsOfShard(
        np.zeros((0, 51), np.float32), np.zeros((0, 6), np.float32), np.zeros(0, np.int16), np.zeros(0, np.int8),
        np.zeros(0),
    )  # fmt: skip
    data.add("made-01.npz", "made", 3, none)
    assert [len(table) for table in tables(data, 10, 1)] == [0, 0]


def test_the_store_is_read_minute_by_minute_with_gaps_and_without_inverters_that_are_away(tmp_path: Path) -> None:
    minutes = 5 * 1440
    load = living(3, minutes, 8)
    load[:, 2] = -1500.0  # exports
    load[200:260, 0] = np.nan
    phase = np.zeros((minutes, 3), dtype=np.int8)
    phase[1000:, :] = 1
    config = Configuration.model_validate(
        {"houses": [{"id": "a", "phase": "L1"}, {"id": "b", "phase": "L1"}, {"id": "roof", "phase": "L1", "pv_w": 4000},
                    {"id": "silent", "phase": "L2"}]}
    )  # fmt: skip
    store = write_store(tmp_path / "store.db", load, phase, ["a", "b", "roof"])
    recording = store_recording(store, config)
    assert (recording.start, recording.slots, recording.kinds[2]) == (START, minutes, "PV")
    pieces = list(recording.pieces())
    means = np.concatenate([one.load for one in pieces])
    heard = np.concatenate([one.heard for one in pieces])
    assert not heard[:, 3].any()
    assert not heard[200:260, 0].any()
    assert heard[:200, 0].all()
    # Its inverter is away for five minutes and what the minute of the move holds of them; the others have none.
    assert heard[999, 2]
    assert not heard[1000:1006, 2].any()
    assert heard[1006, 2]
    assert heard[1000:1006, 1].all()
    np.testing.assert_allclose(means[:, 1], load[:, 1], atol=0.08)
    short = store_recording(store, config, 4.5)
    assert short.slots == 4.5 * 1440 + 1


def test_a_store_that_is_too_short_says_what_to_do(tmp_path: Path) -> None:
    config = Configuration.model_validate({"houses": [{"id": "a", "phase": str(Phase(0))}]})
    load = living(1, 1440, 1)
    store = write_store(tmp_path / "store.db", load, np.zeros(load.shape, dtype=np.int8), ["a"])
    with pytest.raises(
        LearningError, match=r"1\.0 days of minutes; learning needs 4 .* set storage\.minute_days to 35"
    ):
        store_recording(store, config)
    other = Configuration.model_validate({"houses": [{"id": "b", "phase": "L1"}]})
    with pytest.raises(LearningError, match="no minute of a configured single-phase house"):
        store_recording(store, other)


def test_seeds_that_are_kept_for_judging_are_refused() -> None:
    with pytest.raises(ValueError, match="seed 31 is kept for judging"):
        twin_feeder(scenario("houses-20"), 31, 1)


def test_rows_of_a_store_that_has_grown_since_make_room_for_new_ones(tmp_path: Path) -> None:
    """A site learns night after night in one folder, and its store has other minutes each time."""
    none = RowsOfShard(
        np.zeros((0, len(FEATURES)), dtype=np.float32), np.zeros((0, 6), dtype=np.float32),
        np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.int8), np.zeros(0),
    )  # fmt: skip
    first, second = {"source": "store", "slots": 10}, {"source": "store", "slots": 11}
    DataSet(tmp_path, first).add("store-01.npz", "store", 1, none)
    (tmp_path / "notes.txt").write_text("mine")
    leave_other_rows(tmp_path, first)
    assert DataSet(tmp_path, first).has("store-01.npz")
    leave_other_rows(tmp_path, second)
    assert DataSet(tmp_path, second).shards == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt"]
