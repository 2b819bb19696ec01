"""The demo as a calm picture on a terminal, drawn with rich. Drawing only: what it shows is in `watch`."""

from __future__ import annotations

from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edge_balancer.demo.lines import local_time
from edge_balancer.demo.watch import HISTORY_STEP_S, HISTORY_STEPS, Watch
from edge_balancer.types.phases import Phase

_BAR_WIDTH: Final = 26
_LEAST_SCALE_W: Final = 10_000.0
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_NOTES: Final = 6
_WIDTH: Final = 118
_WHY_LINES: Final = 3
_STYLES: Final = {"move": "cyan", "failure": "bold red", "alert": "bold yellow", "cleared": "green"}


def bar(value: float, scale: float, width: int = _BAR_WIDTH) -> str:
    """A horizontal bar in eighths of a character."""
    eighths = round(max(0.0, min(1.0, value / scale)) * width * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def sparkline(values: list[float], largest: float) -> str:
    """One character per value, the tallest for `largest`."""
    if largest <= 0.0:
        return _SPARKS[0] * len(values)
    return "".join(_SPARKS[min(len(_SPARKS) - 1, int(value / largest * len(_SPARKS)))] for value in values)


class LiveView:
    """Redraws in place each time it is asked to; nothing flickers between."""

    def __init__(self, watch: Watch, utc_offset_h: float, title: str, console: Console | None = None) -> None:
        self._watch = watch
        self._offset_h = utc_offset_h
        self._title = title
        self._console = console or Console()
        # Drawn only when asked, so a slow terminal holds up nothing but the next picture.
        self._live = Live(console=self._console, auto_refresh=False, transient=False, vertical_overflow="crop")
        self._scale_w = _LEAST_SCALE_W

    def open(self) -> None:
        self._live.start()

    def refresh(self) -> None:
        self._live.update(self.render(), refresh=True)

    def close(self) -> None:
        self.refresh()
        self._live.stop()

    def render(self) -> RenderableType:
        watch = self._watch
        when = local_time(watch.truth.wall, self._offset_h) if watch.truth else "--:--"
        return Panel(
            Group(
                self._head(),
                Text(),
                self._phases(),
                Text(),
                self._neutral(),
                Text(),
                self._notes(),
                self._why(),
                self._alerts(),
            ),
            title=self._title,
            subtitle=f"{when} simulated · Ctrl-C ends it",
            width=min(self._console.width, _WIDTH),
        )

    def _head(self) -> Text:
        feeder = self._watch.feeder
        if feeder is None:
            return Text("waiting for the controller", style="dim")
        return Text(
            f"mode {feeder.mode}   meters fresh {feeder.houses_fresh} of {feeder.houses_total}   "
            f"decisions {self._watch.decisions}   failed moves {self._watch.failures}"
        )

    def _phases(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for justify in ("left", "left", "right", "right", "left"):
            table.add_column(justify=justify, no_wrap=True)
        table.add_row("", Text("load, solar", style="dim"), "", Text("net", style="dim"), Text("voltage", style="dim"))
        truth, feeder = self._watch.truth, self._watch.feeder
        if truth is None:
            return table
        # The scale only grows: bars that jump with every picture tell nothing.
        self._scale_w = max(self._scale_w, float(truth.load_w.max()), float(truth.solar_w.max()))
        for phase in Phase:
            load, solar = float(truth.load_w[phase]), float(truth.solar_w[phase])
            volts = ""
            if feeder is not None:
                state = feeder.phases[phase]
                if state.v_min is not None and state.v_max is not None:
                    volts = f"{state.v_min:.0f} to {state.v_max:.0f} V"
            table.add_row(
                str(phase),
                Text(bar(load, self._scale_w), style="blue"),
                f"{load / 1000.0:5.1f} kW",
                f"{(load - solar) / 1000.0:+6.1f} kW",
                volts,
            )
            table.add_row("", Text(bar(solar, self._scale_w), style="yellow"), f"{solar / 1000.0:5.1f} kW", "", "")
        return table

    def _neutral(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for justify in ("left", "right", "left"):
            table.add_column(justify=justify, no_wrap=True)
        truth = self._watch.truth
        balanced, without = list(self._watch.balanced_a), list(self._watch.without_a)
        largest = max([*balanced, *without], default=0.0)
        hours = HISTORY_STEP_S * HISTORY_STEPS / 3600.0
        table.add_row(Text("Neutral current", style="bold"), "", Text(f"last {hours:.0f} hours", style="dim"))
        table.add_row(
            "balanced",
            Text(f"{truth.neutral_a:.0f} A" if truth else "", style="bold green"),
            Text(sparkline(balanced, largest), style="green"),
        )
        table.add_row(
            "without moves",
            Text(f"{truth.neutral_without_a:.0f} A" if truth else "", style="bold red"),
            Text(sparkline(without, largest), style="red"),
        )
        return table

    def _notes(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style="dim", min_width=len("Mon 06:10"))
        table.add_column(overflow="ellipsis", no_wrap=True)
        notes = list(self._watch.notes)[-_NOTES:]
        table.add_row("", Text("Last moves, and why", style="bold"))
        for note in reversed(notes):
            text = Text(note.text, _STYLES[note.kind], overflow="ellipsis", no_wrap=True)
            table.add_row(local_time(note.wall, self._offset_h), text)
        # Always the same height, so that the picture does not jump.
        for _ in range(_NOTES - len(notes)):
            table.add_row("", "")
        return table

    def _why(self) -> Text:
        """The newest note in full, always as many lines."""
        note = self._watch.notes[-1] if self._watch.notes else None
        text = Text(note.text if note else "", style=_STYLES[note.kind] if note else "")
        lines = list(text.wrap(self._console, min(self._console.width, _WIDTH) - 4))[:_WHY_LINES]
        return Text("\n").join([Text(), *lines, *[Text()] * (_WHY_LINES - len(lines) + 1)])

    def _alerts(self) -> Text:
        standing = list(self._watch.alerts.values())
        if not standing:
            return Text("No alerts", style="dim")
        more = f"  (and {len(standing) - 1} more)" if len(standing) > 1 else ""
        return Text(f"Alert: {standing[-1]}{more}", style="bold yellow", no_wrap=True, overflow="ellipsis")
