"""The commands of a person at the switches: move by hand, lock out, release."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge.cli import main
from firmware_bridge.contract import Phase
from firmware_bridge.host.instance_lock import held
from firmware_bridge.switches.interlock_types import Memory
from firmware_bridge.switches.memory import SwitchMemory
from tests.firmware_bridge.service.field_scene import Street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    street = Street(tmp_path / "adapter")
    with street.line:
        yield street


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "firmware-bridge.toml"
    file.write_text(f"""\
mqtt = {{ base_topic = "site/f" }}
[bridge.interlock]
dead_time_s = 0.05
dwell_s = 0
watch_s = 0.5
[[bridge.lines]]
name = "street"
port = "{tmp_path / "adapter"}"
reply_timeout_s = 0.2
quiet_s = 0.02
switches = [{{ house = "h1", model = "waveshare_relay_8ch", unit = 10, relays = [1, 2, 3] }}]
""")
    return str(file)


def kept(tmp_path: Path) -> Memory:
    memory = SwitchMemory(tmp_path / "bridge.db")
    found = memory.load("h1", wall=0.0, monotonic=0.0)
    memory.close()
    assert found is not None
    return found.memory


def test_a_person_moves_a_house_and_sees_each_step(
    street: Street, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["switch", "h1", "l3", "--config", config, "--yes"]) == 0
    out = capsys.readouterr().out
    steps = ["contacts read L1 closed", "opens all contacts", "contacts read none closed", "closes L3", "h1 is on L3"]
    places = [out.index(step) for step in steps]
    assert places == sorted(places), out
    assert street.closed() == {3, 4}
    assert street.never_two_closed()
    assert (kept(tmp_path).position, kept(tmp_path).operations) == (Phase.L3, 1)
    assert main(["switch", "h1", "L3", "--config", config, "--yes"]) == 0
    assert "h1 is on L3" in capsys.readouterr().out
    assert kept(tmp_path).operations == 1


def test_out_of_the_dark(street: Street, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    street.board.contacts.drive(1, False, 0.0)
    assert not street.closed() & {1, 2, 3}
    assert main(["switch", "h1", "L2", "--config", config, "--yes"]) == 0, capsys.readouterr().err
    assert street.closed() == {2, 4}


def test_while_the_bridge_runs_it_is_refused_with_another_way(
    street: Street, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held(tmp_path / "bridge.db", "the bridge", "bridge.state"):
        assert main(["switch", "h1", "L2", "--config", config, "--yes"]) == 1
    err = capsys.readouterr().err
    assert "stop that one first" in err
    assert "site/f/switch/h1/request" in err
    assert street.closed() == {1, 4}


@pytest.mark.parametrize(("answer", "moved"), [("y", True), ("n", False), ("", False)])
def test_it_asks_first(answer: str, moved: bool, street: Street, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr("builtins.input", reply)
    assert main(["switch", "h1", "L2", "--config", config]) == (0 if moved else 2)
    assert asked == ["Move it? [y/N] "]
    assert (street.closed() == {2, 4}) is moved


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["switch", "h2", "L1", "--yes"], 2, "this bridge switches h1"),
        (["switch", "h1", "L1", "--yes"], 1, "adapter"),
        (["switch", "h1", "L1"], 2, "--yes"),
        (["lock", "h7x", "--reason", "work"], 2, "h7x has no phase switch"),
        (["lock", "h1", "--reason", "work"], 2, "start the bridge once"),
        (["locks", "--state", "/nowhere.db"], 2, "/nowhere.db does not exist"),
    ],
    ids=["another house", "no line", "nobody to ask", "lock another house", "lock before the start", "no such state"],
)
def test_what_cannot_be_done_is_told(
    arguments: list[str], code: int, said: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--config", config]) == code
    assert said in capsys.readouterr().err


def test_lock_locks_and_unlock(street: Street, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["switch", "h1", "L2", "--config", config, "--yes"]) == 0
    assert main(["locks", "--config", config]) == 0
    assert "no phase switch is locked out" in capsys.readouterr().out
    assert main(["lock", "h1", "--reason", "cable work", "--operator", "Ada", "--config", config]) == 0
    assert main(["locks", "--state", str(tmp_path / "bridge.db")]) == 0
    out = capsys.readouterr().out
    assert out.split()[-3:] == ["Ada", "cable", "work"]
    assert out.splitlines()[-1].split()[0] == "h1"
    assert main(["switch", "h1", "L3", "--config", config, "--yes"]) == 1
    assert "locked out by Ada: cable work" in capsys.readouterr().err
    assert street.closed() == {2, 4}
    assert main(["unlock", "h1", "--operator", "Ada", "--config", config]) == 0
    assert main(["switch", "h1", "L3", "--config", config, "--yes"]) == 0
    assert street.closed() == {3, 4}


def test_a_configuration_with_faults_does_not_keep_a_person_from_locking(
    street: Street, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["switch", "h1", "L2", "--config", config, "--yes"]) == 0
    Path(config).write_text(Path(config).read_text().replace("dwell_s = 0", "dwell_s = -1"))
    assert main(["lock", "h1", "--reason", "work", "--config", config]) == 0
    assert main(["locks", "--config", config]) == 0
    assert "work" in capsys.readouterr().out


def served(tmp_path: Path) -> str:
    """The memory of a bridge that serves h1."""
    memory = SwitchMemory(tmp_path / "bridge.db")
    memory.load("h1", wall=0.0, monotonic=0.0)
    memory.save("h1", Memory(position=Phase.L1), wall=0.0, monotonic=0.0)
    memory.close()
    return str(tmp_path / "bridge.db")


def test_a_misspelt_house_is_not_said_to_be_locked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = served(tmp_path)
    assert main(["lock", "h11", "--reason", "work", "--state", state]) == 2
    assert "did you mean h1?" in capsys.readouterr().err
    assert main(["lock", "h1", "--reason", " ", "--state", state]) == 2
    assert "--reason is empty" in capsys.readouterr().err


def test_nobody_writes_over_the_lock_of_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = served(tmp_path)
    assert main(["lock", "h1", "--reason", "cable\nwork", "--operator", "anna", "--state", state]) == 0
    assert main(["lock", "h1", "--reason", "other", "--operator", "bob", "--state", state]) == 2
    assert "locked out by anna" in capsys.readouterr().err
    assert main(["locks", "--state", state]) == 0
    assert len(capsys.readouterr().out.strip().splitlines()) == 2, "a reason may not make lines of its own"
    assert main(["unlock", "h1", "--operator", "bob", "--state", state]) == 0
    assert "was 'locked out by anna" in capsys.readouterr().out
    assert main(["unlock", "h1", "--state", state]) == 0
    assert "not locked out by a person" in capsys.readouterr().out


def test_a_file_that_is_no_memory_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.toml"
    empty.touch()
    assert main(["locks", "--state", str(empty)]) == 2
    assert "is not the memory" in capsys.readouterr().err
    assert empty.stat().st_size == 0
    assert main(["locks", "--state", str(tmp_path)]) == 2
    assert "is no file" in capsys.readouterr().err
