"""The control loop's end of the board: when a picture is made, and how orders join those that MQTT brings.

All of it runs in the control loop's thread, but for `submit` and `recent`, which hand over to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, TypeVar

from edge_balancer.dashboard.board import Board, News, OrdersRefused, Past, View
from edge_balancer.telemetry.batch import Order
from edge_balancer.types.ports import Outputs

T = TypeVar("T")

WATCHED_EVERY_S: Final = 0.1
UNWATCHED_EVERY_S: Final = 1.0
"""Where nobody follows live, the picture serves requests and `/metrics` alone."""


class Publisher:
    """Hands pictures over, at most ten a second, the last one never held back for longer than that."""

    def __init__(
        self,
        board: Board,
        make_view: Callable[[], View],
        take_order: Callable[[Order], None],
        recent: Callable[[str, float], Past],
    ) -> None:
        """All three run between two turns of control and must be quick; `take_order` may raise OrdersRefused."""
        self._board = board
        self._make_view = make_view
        self._take_order = take_order
        self._recent = recent
        self._loop = asyncio.get_running_loop()
        self._shown_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._takes = True
        board.connect(self)

    def turn(self, outputs: Outputs) -> None:
        """After a turn of control: what happened in it, and a picture when one is due."""
        self._board.tell(News(outputs.events, outputs.decisions, outputs.alerts, outputs.mode))
        every_s = WATCHED_EVERY_S if self._board.watched else UNWATCHED_EVERY_S
        due = self._shown_at + every_s
        if self._loop.time() >= due:
            self._show()
        elif self._timer is None or self._timer.when() > due:
            # Readings that came right after a picture must not wait for the next ones.
            self._cancel()
            self._timer = self._loop.call_at(due, self._show)

    def take_no_more(self) -> None:
        """No more orders, those included that the server has handed over and that have not come here yet."""
        self._takes = False
        self._board.connect(None)

    def close(self) -> None:
        """No more pictures, and no more orders."""
        self.take_no_more()
        self._cancel()

    def submit(self, order: Order) -> Future[None]:
        """In the server's thread."""
        return self._ask(lambda: self._take_order(order))

    def recent(self, house: str, seconds: float) -> Future[Past]:
        """In the server's thread."""
        return self._ask(lambda: self._recent(house, seconds))

    def _show(self) -> None:
        self._cancel()
        self._shown_at = self._loop.time()
        self._board.show(self._make_view())

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask(self, question: Callable[[], T]) -> Future[T]:
        done: Future[T] = Future()
        refused = OrdersRefused("the controller has stopped")

        def answer() -> None:
            # Whoever asked may have given up waiting, and was told that nothing will be done.
            if done.set_running_or_notify_cancel():
                try:
                    if not self._takes:
                        raise refused
                    done.set_result(question())
                except Exception as error:  # noqa: BLE001 -- it is the asker's, and no matter of the control loop
                    done.set_exception(error)

        try:
            self._loop.call_soon_threadsafe(answer)
        except RuntimeError:
            with suppress(RuntimeError):
                done.set_exception(refused)
        return done
