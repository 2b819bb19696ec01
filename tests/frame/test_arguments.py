"""What commands share: the seed as an argument, and the folder that they write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_balancer.cli import main
from edge_balancer.output import make_folder, unwritable, write_whole


@pytest.mark.parametrize(
    "command",
    [
        ["plan"],
        ["simulate", "some.toml"],
        ["demo"],
        ["train", "--data", "d", "--out", "o"],
        ["replay", "--config", "c", "--readings", "r", "--out", "o"],
        ["twin", "readings", "--out", "o"],
        ["twin", "feeder", "--out", "o"],
        ["twin", "statistics"],
    ],
)
@pytest.mark.parametrize("seed", ["-1", "1.5", "one"])
def test_a_seed_that_is_none_is_named_with_its_remedy(
    command: list[str], seed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--seed", seed])
    assert ended.value.code == 2
    assert f"argument --seed: {seed}: give a whole number from 0" in capsys.readouterr().err


def test_a_folder_is_made_with_those_above_it_and_nothing_stays_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "where"
    for _ in range(2):
        make_folder(folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file", "there is a file of this name"),
        ("file/below", "Not a directory"),
        # It is there, and nobody may put anything into it, not even root.
        ("/proc", "No such file or directory"),
        ("/proc/x", "No such file or directory"),
    ],
)
def test_a_folder_that_cannot_be_written_is_named_with_reason_and_remedy(tmp_path: Path, place: str, why: str) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / place
    with pytest.raises(OSError) as told:  # noqa: PT011 - its text is what is looked at
        make_folder(folder)
    said = unwritable(told.value, None)
    assert said == f"{folder} cannot be written: {why}; give --out a folder that can be written"


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    assert path.read_text() == "old"
    write_whole(path, "new")
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]
    assert path.read_text() == "new"
