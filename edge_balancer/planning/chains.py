"""The cheapest way of one or a few houses through all slots: dynamic programming, all stretches of time at once. Pure.

Time is folded: slot t = s * L + l lies at [l, s] of an (L, S) array, so that S stretches of L slots are advanced
together, each from every state in which it may begin; then the stretches are joined, and the way is read backwards.
That is exact, and numpy has something to do at each step. Costs are of any kind, as long as each slot has its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def fold_shape(slots: int) -> tuple[int, int]:
    """(L, S) with L * S >= slots, both near the root."""
    length = max(1, math.isqrt(slots))
    return length, -(-slots // length)


def fold(values: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """(..., T) to (..., L, S), filled up with zeros."""
    length, stretches = shape
    padded = np.zeros((*values.shape[:-1], length * stretches), dtype=values.dtype)
    padded[..., : values.shape[-1]] = values
    return np.ascontiguousarray(np.swapaxes(padded.reshape(*values.shape[:-1], stretches, length), -1, -2))


def unfold(values: NDArray[Any], slots: int) -> NDArray[Any]:
    """(..., L, S) to (..., T)."""
    flat = np.swapaxes(values, -1, -2).reshape(*values.shape[:-2], -1)
    return np.ascontiguousarray(flat[..., :slots])


def cheapest(costs: Array, prices: list[Array]) -> NDArray[np.int8]:
    """The phases (n, L, S) of n houses that cost least in all.

    `costs` (3, ..., 3, L, S): one axis of three for each house. `prices`, one for each house: (L, S) of a move into
    that slot, or (3, L, S) by the phase that it leads to; those of the first slot do not count, where a house begins is
    free.
    """
    houses = len(prices)
    length, stretches = costs.shape[-2:]
    states = 3**houses
    flat = costs.reshape(states, length, stretches)
    prices = [price.copy() for price in prices]
    for price in prices:
        price[..., 0, 0] = 0.0
    apart = _apart(houses)
    # From every state that the stretch before may end in.
    value = _entered(apart, [price[..., 0, :] for price in prices])
    value += flat[:, np.newaxis, 0]
    for step in range(1, length):
        _move(value, [price[..., step, :] for price in prices])
        value += flat[:, np.newaxis, step]
    first, last = _joined(value)
    # Once more from the states that are known now, to read the way backwards.
    kept = np.empty((length, states, 1, stretches), dtype=np.float32)
    every = np.arange(stretches)
    entered = _entered(apart, [price[..., 0, :] for price in prices])[:, first, every][:, np.newaxis]
    kept[0] = entered + flat[:, np.newaxis, 0]
    for step in range(1, length):
        kept[step] = kept[step - 1]
        _move(kept[step], [price[..., step, :] for price in prices])
        kept[step] += flat[:, np.newaxis, step]
    digits = _digits(houses)
    way = np.empty((length, stretches), dtype=np.intp)
    way[-1] = last
    for step in range(length - 1, 0, -1):
        move = sum(apart[k][:, way[step]] * _to(prices[k][..., step, :], digits[k][way[step]]) for k in range(houses))
        way[step - 1] = np.argmin(kept[step - 1, :, 0] + move, axis=0)
    return digits[:, way].astype(np.int8)


def _apart(houses: int) -> NDArray[np.float32]:
    """(n, 3^n, 3^n): whether house k is on another phase in the one state than in the other."""
    digits = _digits(houses)
    return np.asarray(digits[:, :, np.newaxis] != digits[:, np.newaxis, :], dtype=np.float32)


def _digits(houses: int) -> NDArray[np.intp]:
    """(n, 3^n): house k's phase in each state."""
    state = np.arange(3**houses)
    return np.stack([state // 3 ** (houses - 1 - k) % 3 for k in range(houses)])


def _to(price: Array, phase: NDArray[np.intp]) -> Array:
    """What a move to these phases (S,) costs."""
    return price if price.ndim == 1 else np.asarray(price[phase, np.arange(price.shape[1])])


def _entered(apart: NDArray[np.float32], price: list[Array]) -> Array:
    """(states, states before, S): what the moves into the first slot of each stretch cost."""
    total = np.zeros((*apart.shape[1:], price[0].shape[-1]), dtype=np.float32)
    digits = _digits(len(price))
    for k, one in enumerate(price):
        total += apart[k][:, :, np.newaxis] * (one if one.ndim == 1 else one[digits[k]][:, np.newaxis])
    return total


def _move(value: Array, price: list[Array]) -> None:
    """Let each house move, in place; prices (S,) or (3, S) of each. Houses move one after the other: prices add up."""
    states = len(value)
    for k, one in enumerate(price):
        inner = 3 ** (len(price) - 1 - k)
        axes = value.reshape(states // (3 * inner), 3, inner, *value.shape[1:])
        least = np.minimum(axes[:, 0], axes[:, 1])
        np.minimum(least, axes[:, 2], out=least)
        if one.ndim == 1:
            least += one
            np.minimum(axes, least[:, np.newaxis], out=axes)
        else:
            dear = one.reshape(3, *(1,) * (axes.ndim - 3), one.shape[-1])
            np.minimum(axes, least[:, np.newaxis] + dear, out=axes)


def _joined(value: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """From `value` (end, before, S) the states (S,) before and at the end of each stretch on the cheapest way."""
    states, _, stretches = value.shape
    so_far = np.zeros(states)
    came = np.empty((stretches, states), dtype=np.intp)
    joint = np.ascontiguousarray(np.moveaxis(value, 2, 0), dtype=np.float64)
    for s in range(stretches):
        total = joint[s] + so_far
        came[s] = np.argmin(total, axis=1)
        so_far = total[np.arange(states), came[s]]
    before, end = np.empty(stretches, dtype=np.intp), np.empty(stretches, dtype=np.intp)
    end[-1] = np.argmin(so_far)
    for s in range(stretches - 1, -1, -1):
        before[s] = came[s, end[s]]
        if s:
            end[s - 1] = before[s]
    return before, end
