"""Line charts as inline SVG: light, calm, nothing loaded from anywhere. Pure; knows nothing of plans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH: Final = 640
_HEIGHT: Final = 260
_LEFT: Final = 52
_RIGHT: Final = 16
_TOP: Final = 34
_BOTTOM: Final = 44
_GRID_LINES: Final = 5
_LEGEND_ROW: Final = 16


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its points, colour (CSS) and whether it is drawn dashed."""

    name: str
    colour: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False
    dots: bool = False


def line_chart(
    label: str, x_title: str, y_title: str, lines: Sequence[Line], *, x_ticks: Sequence[float], y_from_zero: bool = True
) -> str:
    """A chart as an `<svg>` element; `label` is what a screen reader says of it."""
    y_values = [y for line in lines for y in line.y if math.isfinite(y)]
    x_values = [*(x for line in lines for x in line.x), *x_ticks]
    low = min(0.0, *y_values, 0.0) if y_from_zero else min(y_values, default=0.0)
    step = _round_step((max(y_values, default=1.0) - low) or 1.0)
    high = math.ceil(max(y_values, default=1.0) / step) * step or step
    low = math.floor(low / step) * step
    frame = _Frame(min(x_values, default=0.0), max(x_values, default=1.0), low, high)
    legend, above = _legend(lines, 24.0 + 8.0 * len(y_title))
    box = f"0 {-above:.0f} {_WIDTH} {_HEIGHT + above:.0f}"
    parts = [f'<svg viewBox="{box}" role="img" aria-label="{escape(label)}">']
    for k in range(round((high - low) / step) + 1):
        value = low + k * step
        y = frame.y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    under = _HEIGHT - _BOTTOM + 16
    parts += [
        f'<text class="tick" x="{frame.x(tick):.1f}" y="{under}" text-anchor="middle">{tick:g}</text>'
        for tick in x_ticks
    ]
    parts.append(
        f'<text class="tick" x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{escape(x_title)}</text>"
    )
    parts.append(f'<text class="tick" x="4" y="{_TOP - 20}">{escape(y_title)}</text>')
    for line in lines:
        parts += _drawn(line, frame)
    parts += legend
    parts.append("</svg>")
    return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where values lie on the paper."""

    left: float
    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        return _LEFT + (value - self.left) / ((self.right - self.left) or 1.0) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - self.low) / (self.high - self.low) * (_HEIGHT - _TOP - _BOTTOM)


def _drawn(line: Line, frame: _Frame) -> list[str]:
    points = [(frame.x(x), frame.y(y)) for x, y in zip(line.x, line.y, strict=True) if math.isfinite(y)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = ' stroke-dasharray="5 4"' if line.dashed else ""
    drawn = [f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="1.8"{dash}/>']
    if line.dots:
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{line.colour}"/>' for x, y in points]
    return drawn


def _legend(lines: Sequence[Line], left: float) -> tuple[list[str], float]:
    """What is drawn how, in as many rows as it takes, the last one above the chart; and how much room the others need
    above that."""
    rows: list[list[tuple[float, Line]]] = [[]]
    x = left
    for line in lines:
        wide = 42 + 8.0 * len(line.name)
        if rows[-1] and x + wide > _WIDTH:
            rows.append([])
            x = left
        rows[-1].append((x, line))
        x += wide
    parts = []
    for k, row in enumerate(reversed(rows)):
        y = 10 - _LEGEND_ROW * k
        for x, line in row:
            style = f'stroke="{line.colour}" stroke-width="2"' + (' stroke-dasharray="5 4"' if line.dashed else "")
            parts.append(f'<line x1="{x:.0f}" y1="{y}" x2="{x + 20:.0f}" y2="{y}" {style}/>')
            parts.append(f'<text class="tick" x="{x + 25:.0f}" y="{y + 4}">{escape(line.name)}</text>')
    return parts, float(_LEGEND_ROW * (len(rows) - 1))


def _round_step(span: float) -> float:
    """A grid step of 1, 2 or 5 times a power of ten that gives about five lines."""
    rough = span / _GRID_LINES
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * (1 - 1e-9))
