"""Routes of orders. They wait in line with those that MQTT brings, and the guard judges them as any other.

Here only what can never be carried out is refused: no such house, no such alert, nothing locked.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus

from edge_balancer.dashboard.api.context import ANSWER_S
from edge_balancer.dashboard.api.model import House
from edge_balancer.dashboard.api.order_model import Accepted, ClearOrder, ModeOrder, MoveOrder, SilenceOrder
from edge_balancer.dashboard.api.problems import Problem, not_found, unavailable
from edge_balancer.dashboard.api.route import Call
from edge_balancer.dashboard.board import OrdersRefused
from edge_balancer.telemetry.batch import Order
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import AlertAck, ClearRequest, ModeRequest, SilenceRequest, SwitchRequest


async def set_mode(call: Call) -> Accepted:
    wish: ModeOrder = call.body
    return await _give(call, lambda order: ModeRequest(wish.mode, call.who.by, _plain(wish.reason), order))


async def move_house(call: Call) -> Accepted:
    wish: MoveOrder = call.body
    house = _house(call)
    if house.three_phase:
        raise Problem(HTTPStatus.CONFLICT, f"{house.id} is connected to all three phases: it cannot be moved")
    phase = Phase.parse(wish.phase)
    return await _give(call, lambda order: SwitchRequest(house.id, phase, call.who.by, _plain(wish.reason), order))


async def clear_switch(call: Call) -> Accepted:
    wish: ClearOrder = call.body
    house = _house(call)
    if house.locked is None and not house.doubt:
        raise Problem(HTTPStatus.CONFLICT, f"{house.id} is not locked out: there is nothing to release")
    reason = _plain(wish.reason)
    if not reason:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "reason: it says nothing; write what was found at the switch")
    return await _give(call, lambda order: ClearRequest(house.id, call.who.by, reason, order))


async def acknowledge_alert(call: Call) -> Accepted:
    key = call.path["key"]
    view = call.context.hub.catch_up()
    if all(alert.key != key for alert in view.alerts):
        raise not_found(f"no alert {key!r} stands")
    return await _give(call, lambda order: AlertAck(key, call.who.by, order))


async def silence_alerts(call: Call) -> Accepted:
    wish: SilenceOrder = call.body
    if not call.context.config.contacts:
        raise Problem(HTTPStatus.CONFLICT, "nobody is told of alerts, so nobody can be spared them: [[contacts]]")
    keys = _plain(wish.keys)
    return await _give(call, lambda order: SilenceRequest(keys, wish.minutes, call.who.by, order))


def _house(call: Call) -> House:
    name = call.path["house"]
    house = call.context.hub.house(name)
    if house is None:
        raise not_found(f"no house {name!r} is configured")
    return house


def _plain(text: str) -> str:
    """One line that a terminal can show: it goes into the log, the trail and messages to people."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


async def _give(call: Call, make: Callable[[str], Order]) -> Accepted:
    """Hand an order to the control loop, and say so once it has it. `make` gives it, under an id."""
    name = str(uuid.uuid4())
    try:
        taken = call.context.board.control.submit(make(name))
        await _taken(taken)
    except OrdersRefused as refusal:
        raise unavailable(str(refusal)) from refusal
    except TimeoutError as error:
        raise unavailable("the controller does not answer: the order was taken back. Is its disk well?", 5) from error
    return Accepted(True, name)


async def _taken(order: Future[None]) -> None:
    """Wait until the control loop has it. Raises OrdersRefused, and TimeoutError where it was taken back in time."""
    try:
        await asyncio.wait_for(asyncio.wrap_future(order), ANSWER_S)
    except TimeoutError:
        # Cancelled by the waiting, unless the control loop had it in hand at that moment.
        if order.cancelled():
            raise
        await asyncio.wrap_future(order)
