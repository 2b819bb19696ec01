"""The weather of a place: clear-sky index at one second, and temperature. No sun, no panels.

The clear-sky index is the irradiance on the horizontal over that of a cloudless sky. Its model:

1. a Markov chain of days (clear, mixed, overcast; a day resembles the one before it);
2. within a day a Markov chain of regimes in ten-minute slots (clear, scattered, broken, overcast) with the weights of
   the day's kind;
3. in scattered and broken skies clouds pass one after another: chords with a power law of exponent 1.66 (R. Wood,
   P. Field, J. Climate 24 (2011) 4800-4816), divided by the speed of the clouds (as J. Bright et al. build minutes of
   irradiance, Solar Energy 115 (2015) 229-242), each with a depth of its own, soft edges, and brighter gaps;
4. in clear and overcast skies a slow bounded noise.

A day is drawn from the seed and its own number, so it is the same whichever days are asked for. Regimes break at local
midnight, when nobody sees it.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.noise import Floats, keys, value_noise
from edge_balancer.twin.weather.clouds import passing_clouds, soften
from edge_balancer.twin.weather.site import Site

_DAYS_IN_CHAIN: Final = 364
"""The chain of days starts anew after so many, so that no day is far from a beginning."""
_PERSISTENCE: Final = 0.45
"""How often a day simply continues the kind of the day before."""
_SLOT_S: Final = 600
_KEPT_DAYS: Final = 4
_YEAR_DAYS: Final = 365.2425
_COLDEST_DAY: Final = 20.0
_WARMEST_H: Final = 15.0


class Regime(IntEnum):
    """What the sky looks like for a while."""

    CLEAR = 0
    SCATTERED = 1
    BROKEN = 2
    OVERCAST = 3


# For each kind of day (clear, mixed, overcast) the weights of the regimes, and how long a regime lasts.
_REGIME_WEIGHTS: Final = np.array([[0.78, 0.20, 0.02, 0.0], [0.16, 0.34, 0.34, 0.16], [0.01, 0.04, 0.17, 0.78]])
_DWELL_S: Final = (7200.0, 3600.0, 3600.0, 7200.0)


class Weather:
    """Clear-sky index and temperature at any instant. The same site and seed give the same weather, to the byte."""

    def __init__(self, site: Site, seed: int) -> None:
        if seed < 0:
            raise ValueError(f"seed = {seed}: give a whole number from 0")
        self.site = site
        self._seed = seed
        self._chains: dict[int, NDArray[np.int64]] = {}
        self._days: OrderedDict[int, Floats] = OrderedDict()
        key = keys(np.random.default_rng([seed, 20]), 6)
        self._haze_keys, self._spell_keys = key[:3], key[3:]

    def day_kind(self, day: int) -> int:
        """0 for a clear day, 1 for a mixed one, 2 for an overcast one; `day` in local days since 1970-01-01."""
        block, index = divmod(day, _DAYS_IN_CHAIN)
        chain = self._chains.get(block)
        if chain is None:
            rng = np.random.default_rng([self._seed, 21, block])
            weights = [self.site.clear_share, 1.0 - self.site.clear_share - self.site.overcast_share]
            fresh = np.searchsorted(np.cumsum(weights), rng.random(_DAYS_IN_CHAIN), side="right")
            stays = rng.random(_DAYS_IN_CHAIN) < _PERSISTENCE
            stays[0] = False
            # Where a day stays, it takes the kind of the last day that did not.
            source = np.maximum.accumulate(np.where(stays, 0, np.arange(_DAYS_IN_CHAIN)))
            chain = self._chains[block] = np.asarray(fresh[source], dtype=np.int64)
        return int(chain[index])

    def regimes(self, day: int) -> list[Regime]:
        """The regime of each ten-minute slot of a local day."""
        rng = np.random.default_rng([self._seed, 22, day])
        cumulative = np.cumsum(_REGIME_WEIGHTS[self.day_kind(day)])
        slots = 86400 // _SLOT_S
        drawn = np.searchsorted(cumulative / cumulative[-1], rng.random(slots), side="right")
        change = rng.random(slots)
        out = [Regime(int(drawn[0]))]
        for slot in range(1, slots):
            before = out[-1]
            leaves = change[slot] < _SLOT_S / _DWELL_S[before]
            out.append(Regime(int(drawn[slot])) if leaves else before)
        return out

    def _day(self, day: int) -> Floats:
        """The clear-sky index at each second of a local day."""
        index = self._days.get(day)
        if index is not None:
            self._days.move_to_end(day)
            return index
        index = np.empty(86400)
        rng = np.random.default_rng([self._seed, 23, day])
        seconds = self.site.local_midnight(day) + np.arange(0.0, 86401.0, 60.0)
        slow = 0.65 * value_noise(seconds / 2400.0, self._haze_keys[0])
        slow += 0.35 * value_noise(seconds / 500.0, self._haze_keys[1])
        calm = np.interp(np.arange(86400.0), np.arange(0.0, 86401.0, 60.0), slow)
        grey, clarity, wind_m_s = rng.uniform(0.18, 0.48), rng.uniform(0.95, 1.03), rng.uniform(4.0, 14.0)
        regimes = self.regimes(day)
        begin = 0
        for slot in range(1, len(regimes) + 1):
            if slot < len(regimes) and regimes[slot] is regimes[begin]:
                continue
            span = slice(begin * _SLOT_S, slot * _SLOT_S)
            length = span.stop - span.start
            match regimes[begin]:
                case Regime.CLEAR:
                    index[span] = clarity + 0.03 * (calm[span] - 0.5)
                case Regime.OVERCAST:
                    index[span] = grey * (0.6 + 0.8 * calm[span])
                case Regime.SCATTERED:
                    index[span] = clarity * passing_clouds(length, 0.25, wind_m_s, rng)
                case Regime.BROKEN:
                    index[span] = clarity * passing_clouds(length, 0.62, wind_m_s, rng)
            begin = slot
        index = soften(index)
        self._days[day] = index
        if len(self._days) > _KEPT_DAYS:
            self._days.popitem(last=False)
        return index

    def sky_index(self, start: int, seconds: int) -> Floats:
        """The clear-sky index at each whole second from `start` (Unix seconds); shape (seconds,)."""
        out = np.empty(seconds)
        done = 0
        while done < seconds:
            day = self.site.local_day(start + done)
            first = start + done - self.site.local_midnight(day)
            count = min(86400 - first, seconds - done)
            out[done : done + count] = self._day(day)[first : first + count]
            done += count
        return out

    def temperature_c(self, wall: Floats) -> Floats:
        """Temperature of the air in the shade at Unix seconds, degrees Celsius.

        The year's and the day's swing as cosines, spells of some days as bounded noise; cloudy days swing less. It
        depends on no order of asking.
        """
        site = self.site
        wall = np.asarray(wall, dtype=np.float64)
        local = wall + site.utc_offset_h * 3600.0
        season = np.cos(2.0 * np.pi * ((local / 86400.0) % _YEAR_DAYS - _COLDEST_DAY) / _YEAR_DAYS)
        if site.latitude_deg < 0.0:
            season = -season
        spell = value_noise(wall / (4.5 * 86400.0), self._spell_keys[0])
        spell = 0.75 * spell + 0.25 * value_noise(wall / (1.2 * 86400.0), self._spell_keys[1])
        hour = local / 3600.0 % 24.0
        # How much this spell lets the day swing: between a third under cloud and the whole of it.
        swing = 0.35 + 0.65 * value_noise(wall / (1.5 * 86400.0), self._spell_keys[2])
        return np.asarray(
            site.mean_temperature_c
            - site.yearly_swing_k * season
            + site.daily_swing_k * swing * np.cos(2.0 * np.pi * (hour - _WARMEST_H) / 24.0)
            + site.synoptic_k * 4.0 * (spell - 0.5)
        )
