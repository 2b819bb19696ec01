"""The driver of one switch, with the real interlock, board and memory, on a line in memory: moves, faults, restarts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from firmware_bridge.contract import Phase, Result, SetCommand
from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.settings.bridge import InterlockLimits
from firmware_bridge.switches.authority import Authority
from firmware_bridge.switches.catalogue import load_switch
from firmware_bridge.switches.driver import MOST_WAITING, SwitchDriver, start_interlock
from firmware_bridge.switches.interlock_types import Answer, Refusal
from firmware_bridge.switches.memory import SwitchMemory
from firmware_bridge.switches.relay_board import RelayBoard
from firmware_bridge.switches.template import RelayTemplate
from tests.firmware_bridge.switches.board_line import MemoryLine

GUARD_S = 90.0
L1, L2, L3 = Phase.L1, Phase.L2, Phase.L3
LIMITS = InterlockLimits(dead_time_s=0.02, settle_s=0.1, dwell_s=0.0, watch_s=0.5, operations_per_hour=1000)


class RealClock:
    speed = 1.0

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


class Board(MemoryLine):
    """The line; it notes when two of the three relays were on together, and can stop the test at a request."""

    def __init__(self) -> None:
        super().__init__()
        self.two_closed = False
        self.at_request: Callable[[int, Request], None] = _nothing

    async def ask(self, request: Request, *, urgent: bool = False) -> tuple[int, ...]:
        self.at_request(len(self.asked) + 1, request)
        reply = await super().ask(request, urgent=urgent)
        for first in (0, 3):
            on = sum(self.cells.get((Function.READ_COILS, first + relay), 0) for relay in range(3))
            self.two_closed = self.two_closed or on > 1
        return reply

    def close(self, *relays: int) -> None:
        self.put(Function.READ_COILS, 0, *(int(relay in relays) for relay in range(1, 4)))

    @property
    def closed(self) -> list[int]:
        return [relay for relay in range(1, 9) if self.cells.get((Function.READ_COILS, relay - 1), 0)]


def _nothing(number: int, request: Request) -> None:
    """The line answers as it should."""


class Rig:
    """One driver and what it told."""

    def __init__(
        self,
        line: Board,
        path: Path,
        *,
        house: str = "h1",
        relays: tuple[int, ...] = (1, 2, 3),
        authority: Authority | None = None,
    ) -> None:
        template = load_switch("lc_relay_8ch")
        assert isinstance(template, RelayTemplate)
        board = RelayBoard(line, 1, template, relays)
        self.memory = SwitchMemory(path)
        interlock, heeded = start_interlock(house, board, LIMITS, self.memory, RealClock())
        self.answers: list[Answer] = []
        self.presence: list[bool] = []
        self._news = asyncio.Event()
        self.driver = SwitchDriver(
            house,
            board,
            interlock,
            self.memory,
            RealClock(),
            self._told,
            heeded=heeded,
            authority=authority,
            on_available=self._seen,
            lockouts_every_s=0.1,
        )
        self.task = asyncio.ensure_future(self.driver.run())

    def _told(self, answer: Answer) -> None:
        self.answers.append(answer)
        self._news.set()

    def _seen(self, there: bool) -> None:
        self.presence.append(there)
        self._news.set()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(GUARD_S):
            while not done():
                assert not self.task.done(), self.task
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await self._news.wait()

    async def move(self, origin: Phase, target: Phase, seq: int, name: str = "") -> Answer:
        """The last word on a command."""
        sent = command(origin, target, seq, name)
        self.driver.submit(sent)
        await self.until(lambda: any(self._ended(answer, sent.id) for answer in self.answers))
        return next(answer for answer in self.answers if self._ended(answer, sent.id))

    @staticmethod
    def _ended(answer: Answer, name: str) -> bool:
        return answer.id == name and answer.result is not Result.MOVING

    async def at_rest(self, phase: Phase | None) -> None:
        await self.until(lambda: bool(self.answers) and self.driver.available and self.driver.position is phase)

    async def end(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        self.memory.close()


def command(origin: Phase, target: Phase, seq: int, name: str = "") -> SetCommand:
    now = time.time()
    return SetCommand(id=name or f"c-{seq}", seq=seq, phase=target, origin=origin, issued=now, expires=now + 60.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


@pytest.fixture
def damaged(path: Path) -> Iterator[Path]:
    path.write_bytes(b"no database" * 1000)
    yield path
    assert path.read_bytes() == b"no database" * 1000


@pytest.fixture
def line() -> Board:
    board = Board()
    board.close(1)
    return board


async def test_a_command_moves_the_house_and_is_answered_twice(line: Board, path: Path) -> None:
    rig = Rig(line, path)
    answer = await rig.move(L1, L2, 1)
    assert (answer.result, answer.phase) == (Result.DONE, L2)
    assert [each.result for each in rig.answers if each.id] == [Result.MOVING, Result.DONE]
    assert line.closed == [2]
    off, on = Function.WRITE_COIL, Function.WRITE_COIL
    assert line.writes == [(off, 0, (0,)), (off, 1, (0,)), (off, 2, (0,)), (on, 1, (1,))]
    assert not line.two_closed
    await rig.end()


async def test_the_move_is_on_disk_before_the_first_contact_is_told(line: Board, path: Path) -> None:
    rig = Rig(line, path)
    await rig.at_rest(L1)
    seen = []

    def look(number: int, request: Request) -> None:
        if request.values:
            other = SwitchMemory(path)
            kept = other.load("h1", wall=time.time(), monotonic=time.monotonic())
            other.close()
            assert kept is not None
            seen.append((kept.memory.seq, kept.memory.move and kept.memory.move.target, kept.memory.operations))

    line.at_request = look
    assert (await rig.move(L1, L2, 5)).result is Result.DONE
    assert seen == [(5, L2, 1)] * 4
    await rig.end()


async def test_killed_at_any_request_the_next_start_finds_one_phase_and_forgets_nothing(
    line: Board, path: Path, tmp_path: Path
) -> None:
    clean = Rig(line, path)
    await clean.at_rest(L1)
    before = len(line.asked)
    await clean.move(L1, L2, 1)
    requests = len(line.asked) - before
    await clean.end()
    assert requests >= 8
    for kill_at in range(1, requests + 1):
        board, file = Board(), tmp_path / f"{kill_at}.db"
        board.close(1)
        rig = Rig(board, file)
        await rig.at_rest(L1)
        start, task = len(board.asked), rig.task

        def kill(number: int, request: Request, at: int = start + kill_at, task: asyncio.Future[None] = task) -> None:
            if number == at:
                task.cancel()
                raise asyncio.CancelledError

        board.at_request = kill
        rig.driver.submit(command(L1, L2, 1))
        async with asyncio.timeout(GUARD_S):
            with suppress(asyncio.CancelledError):
                await task
        rig.memory.close()
        board.at_request = _nothing
        again = Rig(board, file)
        await again.until(lambda rig=again: rig.driver.position is not None)  # type: ignore[misc]
        assert board.closed in ([1], [2])
        assert not board.two_closed
        told = [answer for answer in again.answers if answer.id == "c-1"]
        assert [answer.result for answer in told] == [Result.DONE if board.closed == [2] else Result.FAILED]
        replay = await again.move(L2 if board.closed == [2] else L1, L3, 1, "replayed")
        assert replay.refusal is Refusal.SEQUENCE
        await again.end()


async def test_nothing_moves_while_the_memory_cannot_be_written(line: Board, path: Path) -> None:
    rig = Rig(line, path)
    await rig.at_rest(L1)
    await rig.until(lambda: rig.driver._kept is not None)
    assert rig.memory._open is not None
    rig.memory._open.execute("PRAGMA query_only = 1")
    answer = await rig.move(L1, L2, 1)
    assert (answer.result, answer.refusal) == (Result.REJECTED, Refusal.MEMORY)
    assert "bridge.db" in answer.reason
    assert line.writes == []
    # After an error the file is opened anew: the next command goes through.
    assert (await rig.move(L1, L2, 2)).result is Result.DONE
    await rig.end()


async def test_a_damaged_memory_locks_the_switch_out_and_says_why(line: Board, damaged: Path) -> None:
    path = damaged
    rig = Rig(line, path)
    answer = await rig.move(L1, L2, 1)
    assert answer.refusal is Refusal.LOCKED
    assert str(path) in answer.reason
    await rig.at_rest(L1)
    assert line.writes == []
    await rig.end()


async def test_a_person_locks_out_and_releases_from_another_process(line: Board, path: Path) -> None:
    rig, person = Rig(line, path), SwitchMemory(path)
    await rig.at_rest(L1)
    person.lock("h1", "work on the contactor", "Ana", time.time())
    answer = await rig.move(L1, L2, 1)
    assert answer.refusal is Refusal.LOCKED
    assert "locked out by Ana: work on the contactor" in answer.reason
    person.unlock("h1", "Ana", time.time())
    await rig.until(lambda: not rig.driver.locked)
    await rig.at_rest(L1)
    assert (await rig.move(L1, L2, 2)).result is Result.DONE
    person.close()
    await rig.end()


async def test_a_lockout_survives_a_restart_and_one_ordered_meanwhile_is_heeded_before_anything_moves(
    line: Board, path: Path
) -> None:
    first = Rig(line, path)
    await first.at_rest(L1)
    await first.end()
    person = SwitchMemory(path)
    person.lock("h1", "", "Ben", time.time())
    person.close()
    # The house is dark: without the lock-out it would be brought back to L1.
    line.close()
    for _ in range(2):
        rig = Rig(line, path)
        await rig.until(lambda rig=rig: rig.driver.available)  # type: ignore[misc]
        assert rig.driver.locked == "locked out by Ben"
        await rig.end()
    assert line.closed == []
    assert line.writes == []


async def test_a_line_that_goes_down_takes_the_switch_offline_and_it_is_read_anew_afterwards(
    line: Board, path: Path
) -> None:
    rig = Rig(line, path)
    await rig.at_rest(L1)
    line.up = False
    await rig.until(lambda: not rig.driver.available and rig.driver.position is None)
    assert all(answer.phase is not None for answer in rig.answers), "it stands where it stood"
    line.close(3)
    line.up = True
    await rig.at_rest(L3)
    assert rig.presence == [True, False, True]
    assert line.writes == []
    await rig.end()


async def test_two_switches_on_one_board_move_at_the_same_time(line: Board, path: Path) -> None:
    line.put(Function.READ_COILS, 3, 0, 0, 1)
    one, two = Rig(line, path), Rig(line, path, house="h2", relays=(4, 5, 6))
    answers = await asyncio.gather(one.move(L1, L2, 1), two.move(L3, L1, 1))
    assert [answer.result for answer in answers] == [Result.DONE, Result.DONE]
    assert line.closed == [2, 4]
    assert not line.two_closed
    await one.end()
    await two.end()


async def test_a_flood_of_commands_is_refused_beyond_a_few_and_stops_no_move(line: Board, path: Path) -> None:
    rig = Rig(line, path)
    await rig.at_rest(L1)
    for number in range(1, 500):
        rig.driver.submit(command(L1, L2, number))
    refused = [answer for answer in rig.answers if "wait already" in answer.reason]
    assert len(refused) == 499 - MOST_WAITING
    await rig.until(lambda: any(answer.result is Result.DONE for answer in rig.answers))
    assert line.closed == [2]
    await rig.end()


async def test_stopping_lets_a_move_end_and_takes_no_more_commands(line: Board, path: Path) -> None:
    rig = Rig(line, path)
    await rig.at_rest(L1)
    rig.driver.submit(command(L1, L2, 1))
    await rig.until(lambda: any(answer.result is Result.MOVING for answer in rig.answers))
    rig.driver.submit(command(L2, L3, 2))
    assert await rig.driver.stop(GUARD_S)
    await rig.task
    results = [(answer.id, answer.result) for answer in rig.answers if answer.id and answer.result is not Result.MOVING]
    assert results[0] == ("c-1", Result.DONE)
    assert results[1:] == [("c-2", Result.REJECTED)]
    assert line.closed == [2]
    rig.memory.close()


async def test_a_move_that_cannot_end_does_not_hold_up_the_end(line: Board, path: Path) -> None:
    rig = Rig(line, path)
    await rig.at_rest(L1)
    gate = asyncio.Event()
    answer = line.ask

    async def stuck(request: Request, *, urgent: bool = False) -> tuple[int, ...]:
        if request.values:
            await gate.wait()
        return await answer(request, urgent=urgent)

    line.ask = stuck  # type: ignore[method-assign]
    rig.driver.submit(command(L1, L2, 1))
    await rig.until(lambda: any(each.result is Result.MOVING for each in rig.answers))
    assert not await rig.driver.stop(0.05)
    await rig.end()


async def test_a_person_at_the_bridge_orders_a_phase_from_the_dark(line: Board, path: Path) -> None:
    line.close()
    rig = Rig(line, path)
    await rig.until(lambda: rig.driver.locked != "")
    rig.driver.order(L2, "by hand")
    await rig.at_rest(L2)
    assert [(each.id, each.result) for each in rig.answers if each.id] == [
        ("by hand", Result.MOVING),
        ("by hand", Result.DONE),
    ]
    await rig.end()


async def test_an_unsigned_command_never_reaches_the_interlock(line: Board, path: Path) -> None:
    rig = Rig(line, path, authority=Authority((b"0123456789abcdef",), "base"))
    await rig.at_rest(L1)
    answer = await rig.move(L1, L2, 1)
    assert (answer.result, answer.refusal) == (Result.REJECTED, Refusal.UNSIGNED)
    assert line.writes == []
    await rig.end()
