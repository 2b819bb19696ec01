"""Joins what the meters of a single-phase house say, message by message, into readings of its net load.

A source's values may arrive on several topics or in partial objects: a message with active power makes a reading,
together with the other values of its source if they are at most `JOIN_S` old; one without only brings those up to
date. Several sources of one house are added by role: net; or load minus generation; or minus a lone generation. A sum
is made only of fresh parts. Believability is judged before (`validate`). Three-phase houses have their own file
(`merge_three`).
"""

from __future__ import annotations

from math import inf, isnan
from typing import Final, Literal

from edge_balancer.settings.houses import MeterSource
from edge_balancer.telemetry.measurement import Measurement
from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.types.readings import NAN, Reading

JOIN_S: Final = 60.0
"""Oldest voltage, current or reactive power that is taken as belonging to a new active power."""

ASLEEP_BELOW_W: Final = 30.0
ASLEEP_AT_MOST_S: Final = 18 * 3600.0
"""An inverter lives on its panels' power: it falls silent at dusk, its last power near nothing, and speaks again at
dawn. Silence that began like this counts as 0 W for the length of a winter night. Any other silence makes the
generation unknown.
"""

SAME_INSTANT_S: Final = 2.0
"""Devices publish one measurement twice, with a stamp and without; the two may seem to be this far apart."""

Role = Literal["net", "load", "generation"]


class Order:
    """Refuses what a source has said before, or later."""

    __slots__ = ("last_at", "last_t")

    def __init__(self) -> None:
        self.last_t = NAN
        self.last_at = -inf

    def admit(self, t: float, at: float, latest: float) -> float:
        """The instant under which a measurement may enter: `at`, or the last one's if they differ by less than clocks
        do.

        `t` is its stamp (NaN for none) and `latest` the greatest stamp that is believable now, so that a stamp from
        before a clock was put right blocks nothing. Raises Refused for duplicates and for what comes too late.
        """
        last_t = self.last_t
        if t <= last_t:
            if t == last_t:
                raise Refused(Reason.DUPLICATE, f"t = {t:.3f} was received before")
            if last_t <= latest:
                raise Refused(Reason.OUT_OF_ORDER, f"t = {t:.3f} is {last_t - t:.3f} s before the last reading")
        last_at = self.last_at
        if at < last_at:
            if at < last_at - SAME_INSTANT_S:
                raise Refused(Reason.OUT_OF_ORDER, f"measured {last_at - at:.1f} s before the last reading")
            at = last_at
        self.last_at = at
        if not isnan(t):
            self.last_t = t
        return at


class Directions:
    """Net power of a meter that sends import and export by themselves, one after the other."""

    __slots__ = ("_has_export", "_imported", "_imported_at")

    def __init__(self) -> None:
        self._imported, self._imported_at = NAN, -inf
        self._has_export = False

    def net(self, imported: float, exported: float, at: float) -> float:
        """Net W after hearing one direction or both (NaN for the other); NaN while the other direction has yet to
        speak.

        A meter shows one direction at a time, so a positive value says all. A zero says something only together with
        the other.
        """
        heard_before = self._imported_at > -inf
        if not isnan(imported):
            self._imported, self._imported_at = imported, at
        if not isnan(exported):
            self._has_export = True
        if not isnan(imported) and not isnan(exported):
            return imported - exported
        if imported > 0.0:
            return imported
        if exported > 0.0:
            return -exported
        if not isnan(imported):
            # A meter that has not mentioned export by its second word has none; one that has will say it next.
            return 0.0 if heard_before and not self._has_export else NAN
        if not isnan(exported) and self._imported == 0.0 and at - self._imported_at <= JOIN_S:
            return 0.0
        return NAN


class PowerSource:
    """The newest values of one source, each with the instant it was measured."""

    __slots__ = (
        "_directions", "_invert", "_scale", "e_export", "e_import", "energy_at", "i", "i_at", "order", "p", "p_at",
        "plain", "q", "q_at", "role", "v", "v_at",
    )  # fmt: skip

    def __init__(self, settings: MeterSource) -> None:
        self.role: Role = settings.role
        self._scale = settings.scale
        self._invert = settings.invert
        self.plain = settings.scale == 1.0 and not settings.invert
        self._directions = Directions()
        self.order = Order()
        self.p = self.q = self.v = self.i = self.e_import = self.e_export = NAN
        self.p_at = self.q_at = self.v_at = self.i_at = self.energy_at = -inf

    def to_watts(self, m: Measurement) -> Measurement:
        """The measurement with the source's scale and direction undone. The scale is for powers only."""
        scale = self._scale
        if not self._invert:
            return Measurement(
                m.p * scale, m.q * scale, m.v, m.i, m.t, m.e_import, m.e_export, m.p_import * scale, m.p_export * scale
            )
        return Measurement(
            -m.p * scale, -m.q * scale, m.v, m.i, m.t, m.e_export, m.e_import, m.p_export * scale, m.p_import * scale
        )

    def power(self, m: Measurement, at: float) -> float:
        """The active power that the message makes known, NaN for none."""
        if isnan(m.p) and not (isnan(m.p_import) and isnan(m.p_export)):
            return self._directions.net(m.p_import, m.p_export, at)
        return m.p

    def refresh(self, m: Measurement, at: float) -> None:
        """Take over everything but the active power."""
        if not isnan(m.v):
            self.v, self.v_at = m.v, at
        if not isnan(m.i):
            self.i, self.i_at = m.i, at
        if not isnan(m.q):
            self.q, self.q_at = m.q, at
        if not isnan(m.e_import):
            self.e_import, self.energy_at = m.e_import, at
        if not isnan(m.e_export):
            self.e_export, self.energy_at = m.e_export, at

    def joined_q(self) -> float:
        return self.q if self.p_at - self.q_at <= JOIN_S else NAN

    def production(self, at: float, fresh_s: float) -> float:
        """W produced as seen at `at`; NaN where unknown. Only for sources of generation."""
        age = at - self.p_at
        if age <= fresh_s:
            return max(0.0, self.p)
        return 0.0 if self.p < ASLEEP_BELOW_W and age <= ASLEEP_AT_MOST_S else NAN


class HouseMerge:
    """All sources of one single-phase house."""

    __slots__ = ("_fresh_s", "_generations", "_loads", "_nets", "_only", "house")

    def __init__(self, house: str, sources: list[PowerSource], fresh_s: float) -> None:
        self.house = house
        self._fresh_s = fresh_s
        self._nets = [s for s in sources if s.role == "net"]
        self._loads = [s for s in sources if s.role == "load"]
        self._generations = [s for s in sources if s.role == "generation"]
        self._only = sources[0] if len(sources) == 1 else None

    def reading(self, spoke: PowerSource) -> Reading | None:
        """The reading that a new power of `spoke` makes, or None while another part is missing."""
        s = self._only
        if s is None:
            return self._sum(spoke)
        at = s.p_at
        oldest = at - JOIN_S
        q = s.q if s.q_at >= oldest else NAN
        v = s.v if s.v_at >= oldest else NAN
        i = s.i if s.i_at >= oldest else NAN
        e_import, e_export = (s.e_import, s.e_export) if s.energy_at >= oldest else (NAN, NAN)
        if s.role == "generation":
            return Reading(self.house, at, -s.p, -q, v, i, e_export, e_import, max(0.0, s.p))
        return Reading(self.house, at, s.p, q, v, i, e_import, e_export)

    def _sum(self, spoke: PowerSource) -> Reading | None:
        nets = self._nets
        if nets and spoke.role != "net":
            return None  # The net meter already contains it, and an old net power must not look new.
        drawing = nets or self._loads
        at = max((s.p_at for s in drawing), default=spoke.p_at)
        if not nets:
            at = max(at, spoke.p_at)
        p, q = 0.0, 0.0
        for s in drawing:
            if at - s.p_at > self._fresh_s:
                return None
            p += s.p
            q += s.joined_q()
        generation = NAN
        if self._generations:
            generation = sum(s.production(at, self._fresh_s) for s in self._generations)
        if not nets and self._generations:
            if isnan(generation):
                return None
            p -= generation
            # An inverter that does not say otherwise feeds in at unity power factor.
            reactive = [s.joined_q() for s in self._generations]
            q -= sum(value for value in reactive if not isnan(value))
        return Reading(self.house, at, p, q, self._voltage(at), NAN, NAN, NAN, generation)

    def _voltage(self, at: float) -> float:
        """The house's voltage: of the first of its meters that has measured it lately."""
        for s in (*self._nets, *self._loads, *self._generations):
            if at - s.v_at <= JOIN_S:
                return s.v
        return NAN
