"""Joins what the meters of a three-phase house, or of the transformer, say into readings of all three phases.

The rules are those of `merge`, phase by phase: a message with the active power of any phase makes a reading once the
power of all three is known and at most `JOIN_S` old.
"""

from __future__ import annotations

from math import inf, isnan

from edge_balancer.settings.houses import MeterSource
from edge_balancer.telemetry.measurement import ThreePhaseMeasurement
from edge_balancer.telemetry.merge import ASLEEP_AT_MOST_S, ASLEEP_BELOW_W, JOIN_S, Directions, Order, Role
from edge_balancer.types.readings import NAN, UNKNOWN_TRIPLE, ThreePhaseReading, Triple


class TripleSource:
    """The newest values of one three-phase source, phase by phase."""

    __slots__ = (
        "_directions", "_factor", "_i", "_i_at", "_i_n", "_i_n_at", "_invert", "_orders", "_p", "_q", "_q_at", "_scale",
        "_v", "_v_at", "_v_ll", "_v_ll_at", "p_at", "role",
    )  # fmt: skip

    def __init__(self, settings: MeterSource) -> None:
        self.role: Role = settings.role
        self._scale = settings.scale
        self._invert = settings.invert
        self._factor = -settings.scale if settings.invert else settings.scale
        self._directions = (Directions(), Directions(), Directions())
        self._orders = (Order(), Order(), Order())
        self._p, self._q, self._v, self._i = [NAN] * 3, [NAN] * 3, [NAN] * 3, [NAN] * 3
        self.p_at = [-inf] * 3
        self._q_at, self._v_at, self._i_at = [-inf] * 3, [-inf] * 3, [-inf] * 3
        self._v_ll, self._v_ll_at = UNKNOWN_TRIPLE, -inf
        self._i_n, self._i_n_at = NAN, -inf

    def to_watts(self, m: ThreePhaseMeasurement) -> ThreePhaseMeasurement:
        """The measurement with the source's scale and direction undone."""
        if self._factor == 1.0:
            return m
        imported, exported = _times(m.p_import, self._scale), _times(m.p_export, self._scale)
        if self._invert:
            imported, exported = exported, imported
        return ThreePhaseMeasurement(
            _times(m.p, self._factor), _times(m.q, self._factor), m.v, m.i, m.t, m.v_ll, m.i_n, imported, exported
        )

    def power(self, m: ThreePhaseMeasurement, at: float) -> Triple:
        """The active power that the message makes known, phase by phase, NaN for none."""
        a, b, c = (
            self._directions[k].net(m.p_import[k], m.p_export[k], at)
            if isnan(m.p[k]) and not (isnan(m.p_import[k]) and isnan(m.p_export[k]))
            else m.p[k]
            for k in range(3)
        )
        return a, b, c

    def take_power(self, p: Triple, t: float, at: float, latest: float) -> None:
        """Take over the phases whose power is known. Raises Refused, having changed nothing, if one of them is a
        repetition.
        """
        known = [k for k in range(3) if not isnan(p[k])]
        before = [(self._orders[k].last_t, self._orders[k].last_at) for k in range(3)]
        try:
            entered = [self._orders[k].admit(t, at, latest) for k in known]
        except Exception:
            for k in range(3):
                self._orders[k].last_t, self._orders[k].last_at = before[k]
            raise
        for k, when in zip(known, entered, strict=True):
            self._p[k], self.p_at[k] = p[k], when

    def refresh(self, m: ThreePhaseMeasurement, at: float) -> None:
        """Take over everything but the active power."""
        for k in range(3):
            if not isnan(m.q[k]):
                self._q[k], self._q_at[k] = m.q[k], at
            if not isnan(m.v[k]):
                self._v[k], self._v_at[k] = m.v[k], at
            if not isnan(m.i[k]):
                self._i[k], self._i_at[k] = m.i[k], at
        if not all(isnan(v) for v in m.v_ll):
            self._v_ll, self._v_ll_at = m.v_ll, at
        if not isnan(m.i_n):
            self._i_n, self._i_n_at = m.i_n, at

    def newest(self) -> float:
        return max(self.p_at)

    def p(self, at: float, fresh_s: float) -> Triple:
        """Active power of the phases whose values are fresh."""
        return _fresh(self._p, self.p_at, at, fresh_s)

    def production(self, at: float, fresh_s: float) -> Triple:
        """W produced, phase by phase; a source that fell silent at dusk counts as 0 (see `merge`)."""
        asleep = max(self._p) < ASLEEP_BELOW_W and at - self.newest() <= ASLEEP_AT_MOST_S
        a, b, c = (0.0 if isnan(p) and asleep else p for p in self.p(at, fresh_s))
        return a, b, c

    def q(self, at: float) -> Triple:
        return _fresh(self._q, self._q_at, at, JOIN_S)

    def v(self, at: float) -> Triple:
        return _fresh(self._v, self._v_at, at, JOIN_S)

    def i(self, at: float) -> Triple:
        return _fresh(self._i, self._i_at, at, JOIN_S)

    def v_ll(self, at: float) -> Triple:
        return self._v_ll if at - self._v_ll_at <= JOIN_S else UNKNOWN_TRIPLE

    def i_n(self, at: float) -> float:
        return self._i_n if at - self._i_n_at <= JOIN_S else NAN


class ThreePhaseMerge:
    """All sources of one three-phase house, or of the transformer."""

    __slots__ = ("_fresh_s", "_generations", "_loads", "_nets", "_sources", "house")

    def __init__(self, house: str, sources: list[TripleSource], fresh_s: float) -> None:
        self.house = house
        self._sources = sources
        # Alone, a source's phases must belong together; among several, each has its own rhythm.
        self._fresh_s = JOIN_S if len(sources) == 1 else fresh_s
        self._nets = [s for s in sources if s.role == "net"]
        self._loads = [s for s in sources if s.role == "load"]
        self._generations = [s for s in sources if s.role == "generation"]

    def reading(self, spoke: TripleSource) -> ThreePhaseReading | None:
        """The reading that a new power of `spoke` makes, or None while another part is missing."""
        if self._nets and spoke.role != "net":
            return None
        drawing = self._nets or self._loads
        counted = drawing if self._nets else [*drawing, *self._generations]
        at = max(s.newest() for s in counted)
        p = _total([s.p(at, self._fresh_s) for s in drawing])
        q = _total([s.q(at) for s in drawing])
        if not self._nets and self._generations:
            p = _minus(p, _total([s.production(at, self._fresh_s) for s in self._generations]))
            q = _minus(q, _total([_known(s.q(at)) for s in self._generations]))
        if any(isnan(value) for value in p):
            return None
        first = self._sources[0]
        i = first.i(at) if len(self._sources) == 1 else UNKNOWN_TRIPLE
        return ThreePhaseReading(self.house, at, p, q, self._voltages(at), i, first.v_ll(at), first.i_n(at))

    def _voltages(self, at: float) -> Triple:
        for s in self._sources:
            v = s.v(at)
            if not all(isnan(value) for value in v):
                return v
        return UNKNOWN_TRIPLE


def _fresh(values: list[float], ats: list[float], at: float, most: float) -> Triple:
    a, b, c = (values[k] if at - ats[k] <= most else NAN for k in range(3))
    return a, b, c


def _times(values: Triple, factor: float) -> Triple:
    return values[0] * factor, values[1] * factor, values[2] * factor


def _total(parts: list[Triple]) -> Triple:
    a, b, c = (sum(part[k] for part in parts) for k in range(3))
    return a, b, c


def _minus(left: Triple, right: Triple) -> Triple:
    return left[0] - right[0], left[1] - right[1], left[2] - right[2]


def _known(values: Triple) -> Triple:
    a, b, c = (0.0 if isnan(value) else value for value in values)
    return a, b, c
