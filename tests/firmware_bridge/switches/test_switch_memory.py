"""The interlocks' memory: what survives, how old it is after a restart, and that nothing is forgotten silently."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_bridge.contract import Phase
from firmware_bridge.switches.interlock_types import Memory, UnderWay
from firmware_bridge.switches.memory import StateError, SwitchMemory

NOON = 1_763_812_800.0
FULL = Memory(
    seq=17,
    operations=412,
    ages_s=(3000.0, 5.0),
    position=Phase.L1,
    move=UnderWay("c-1", Phase.L1, Phase.L2),
    locked="two phases read closed",
    held=True,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


def opened(path: Path, boot: str = "boot-1", house: str = "h1") -> SwitchMemory:
    memory = SwitchMemory(path, boot_id=boot)
    memory.load(house, wall=NOON, monotonic=100.0)
    return memory


@pytest.mark.parametrize(
    "kept", [FULL, Memory(), Memory(move=UnderWay("c-1", None, Phase.L3))], ids=["all", "new", "dark"]
)
def test_what_is_saved_is_there_after_a_restart(path: Path, kept: Memory) -> None:
    opened(path).save("h1", kept, wall=NOON, monotonic=100.0, heeded=3)
    found = SwitchMemory(path, boot_id="boot-1").load("h1", wall=NOON, monotonic=100.0)
    assert found is not None
    assert (found.memory, found.heeded) == (kept, 3)


def test_a_missing_file_is_a_first_start_and_houses_are_apart(path: Path) -> None:
    memory = opened(path)
    assert memory.load("h1", wall=NOON, monotonic=100.0) is None
    memory.save("h1", FULL, wall=NOON, monotonic=100.0)
    assert memory.load("h2", wall=NOON, monotonic=100.0) is None
    memory.close()


@pytest.mark.parametrize(
    ("boot", "monotonic", "wall", "saved_wall", "elapsed"),
    [
        ("boot-1", 160.0, NOON + 99_999.0, NOON, 60.0),
        ("boot-1", 40.0, NOON + 60.0, NOON, 0.0),
        ("boot-2", 5.0, NOON + 60.0, NOON, 60.0),
        ("boot-2", 500.0, NOON - 60.0, NOON, 0.0),
        ("boot-2", 5.0, NOON, 1000.0, 0.0),
        ("", 160.0, NOON + 30.0, NOON, 30.0),
    ],
    ids=[
        "same boot: its clock counts, whatever the wall clock did",
        "same boot, a clock that went back: none has passed",
        "another boot: the wall clock counts",
        "another boot, wall clock behind: none has passed",
        "another boot, wall clock was not set: none has passed",
        "boot unknown: the wall clock counts",
    ],
)
def test_ages_go_on_over_a_restart(
    path: Path, boot: str, monotonic: float, wall: float, saved_wall: float, elapsed: float
) -> None:
    opened(path).save("h1", FULL, wall=saved_wall, monotonic=100.0)
    kept = SwitchMemory(path, boot_id=boot).load("h1", wall=wall, monotonic=monotonic)
    assert kept is not None
    assert kept.memory.ages_s == pytest.approx((3000.0 + elapsed, 5.0 + elapsed))


def test_the_machines_own_boot_is_the_same_boot_twice(path: Path) -> None:
    for memory in (SwitchMemory(path), SwitchMemory(path)):
        if memory.load("h1", wall=NOON, monotonic=100.0) is None:
            memory.save("h1", FULL, wall=NOON, monotonic=100.0)
    kept = memory.load("h1", wall=NOON - 1e6, monotonic=101.0)
    assert kept is not None
    assert kept.memory.ages_s[1] == pytest.approx(6.0)


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, and long enough to tell" * 100)


def _torn(path: Path) -> None:
    memory = opened(path)
    memory.save("h1", FULL, wall=NOON, monotonic=1.0)
    memory.close()
    data = bytearray(path.read_bytes())
    data[4096:8192] = b"\xa5" * 4096
    path.write_bytes(data)


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()


def _newer(path: Path) -> None:
    opened(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def _row(path: Path) -> None:
    memory = opened(path)
    memory.save("h1", FULL, wall=NOON, monotonic=1.0)
    memory.close()
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE switch SET memory = '{"seq": "many"}'""")
    connection.close()


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_garbage, "not a database; where it is beyond repair"),
        (_torn, "damaged|malformed"),
        (_foreign, "another program"),
        (_newer, "version 99; use a newer program"),
        (_row, "what it keeps of h1 is damaged"),
        (_folder, "unable to open .*see that its folder exists"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_and_nothing_is_written_over_it(
    path: Path, spoil: object, text: str
) -> None:
    spoil(path)  # type: ignore[operator]
    memory = SwitchMemory(path, boot_id="boot-1")
    with pytest.raises(StateError, match=text) as caught:
        memory.load("h1", wall=NOON, monotonic=1.0)
    assert str(path) in str(caught.value)
    with pytest.raises(StateError, match="could not be read at the start"):
        memory.save("h1", Memory(), wall=NOON, monotonic=1.0)
    memory.close()


def test_a_full_disk_is_an_error_and_the_earlier_memory_stays(path: Path) -> None:
    memory = opened(path)
    memory.save("h1", Memory(seq=1), wall=NOON, monotonic=1.0)
    assert memory._open is not None
    memory._open.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StateError, match="full; free space"):
        memory.save("h1", Memory(seq=2, ages_s=(1.0,) * 5000), wall=NOON, monotonic=1.0)
    kept = memory.load("h1", wall=NOON, monotonic=1.0)
    assert kept is not None
    assert kept.memory.seq == 1


def test_lockouts_are_seen_by_the_other_process_and_the_last_one_counts(path: Path) -> None:
    bridge, person = opened(path), SwitchMemory(path, boot_id="boot-1")
    assert bridge.locks() == {}
    assert bridge.lockout("h1") is None
    person.lock("h1", "work at the meter board", "Ana", NOON)
    person.lock("h2", "", "Ben", NOON + 1.0)
    locks = bridge.locks()
    assert {house: (lock.reason, lock.operator) for house, lock in locks.items()} == {
        "h1": ("work at the meter board", "Ana"),
        "h2": ("", "Ben"),
    }
    person.unlock("h1", "Ana", NOON + 2.0)
    assert set(bridge.locks()) == {"h2"}
    last = bridge.lockout("h1")
    assert last is not None
    assert not last.locked
    assert last.number > locks["h2"].number


def test_two_processes_write_at_once_and_lose_nothing(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from firmware_bridge.switches.memory import SwitchMemory\n"
        "from firmware_bridge.switches.interlock_types import Memory\n"
        "memory, house = SwitchMemory(Path(sys.argv[1])), sys.argv[2]\n"
        "memory.load(house, wall=0.0, monotonic=0.0)\n"
        "for seq in range(40):\n"
        "    memory.save(house, Memory(seq=seq), wall=0.0, monotonic=0.0)\n"
        "    memory.lock(house, str(seq), 'op', 0.0)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), house]) for house in ("h1", "h2")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    memory = SwitchMemory(path)
    for house in ("h1", "h2"):
        kept = memory.load(house, wall=0.0, monotonic=0.0)
        assert kept is not None
        assert kept.memory.seq == 39
        assert memory.locks()[house].reason == "39"
    memory.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM lockout").fetchone() == (80,)
    connection.close()
