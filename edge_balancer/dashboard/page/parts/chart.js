/**
 * A chart that stays: made once, afterwards only `setData`. Drawn by uPlot, which is loaded when the first chart is shown.
 * Colours are read from the style sheet at each drawing, so that a change of theme needs no new chart.
 */
import { h, onClose } from "../core/dom.js";
import { NONE, dayMonth, fullTime, hourMinute, monthYear, timeZone } from "../core/format.js";
import { onPreference } from "../core/preferences.js";

let loading = null;

function library() {
  loading ??= new Promise((resolve, reject) => {
    const sheet = h("link", { rel: "stylesheet", href: new URL("../vendor/uPlot/uPlot.min.css", import.meta.url) });
    const script = h("script", { src: new URL("../vendor/uPlot/uPlot.iife.min.js", import.meta.url) });
    script.addEventListener("load", () => resolve(window.uPlot));
    script.addEventListener("error", () => {
      loading = null;
      reject(new Error("uPlot"));
    });
    document.head.append(sheet, script);
  });
  return loading;
}

const probe = h("span", { class: "colour-probe", "aria-hidden": "true" });

/** The present value of a colour of the style sheet, with an opacity. */
export function colour(name, opacity = 1) {
  if (!probe.isConnected) {
    document.body.append(probe);
  }
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  return opacity === 1 ? found : found.replace(/^rgb\((.*)\)$/, `rgba($1, ${opacity})`);
}

const DAY = 86_400;
/** Of more marks only the heads are drawn: their lines would hide the curve. */
const MOST_LINES = 24;

function ticks(_, values, __, ___, step) {
  let day = null;
  return values.map((value) => {
    if (step >= 28 * DAY) {
      return monthYear(value);
    }
    if (step >= DAY) {
      return dayMonth(value);
    }
    const today = dayMonth(value);
    const shown = day !== today && day !== null ? today : hourMinute(value);
    day = today;
    return shown;
  });
}

function options({ series, bands, height, decimals, unit, hooks, onZoom, sync, limits }, legend) {
  const axis = {
    stroke: () => colour("--muted"),
    grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { show: false },
  };
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return {
    width: 300,
    height,
    legend: { show: false },
    tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), timeZone()),
    cursor: {
      y: false,
      drag: { x: Boolean(onZoom), y: false, setScale: false },
      points: { size: 6 },
      // The line under the pointer goes through all charts; a stretch that is drawn belongs to one.
      ...(sync
        ? { sync: { key: sync, filters: { pub: (event) => event === "mousemove" || event === "mouseleave" } } }
        : {}),
    },
    scales: {
      x: { time: true },
      y: {
        range: (_, low, high) => {
          if (low === null) {
            return [0, 1];
          }
          const [bottom, top] = limits?.(low, high) ?? [Math.min(0, low), Math.max(0, high)];
          const room = Math.max((top - bottom) * 0.06, 1e-3);
          return [bottom < 0 || limits ? bottom - room : 0, top + room];
        },
      },
    },
    axes: [
      { ...axis, font, size: 30, space: 64, values: ticks },
      {
        ...axis,
        font,
        size: 56,
        values: (_, values) => values.map((value) => `${Number(value.toFixed(3))}`.replace("-", "−")),
        label: unit,
        labelSize: 16,
        labelFont: font,
        labelGap: 0,
      },
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.name,
        scale: "y",
        stroke: () => colour(one.colour, one.opacity ?? 1),
        fill: one.fill ? () => colour(one.colour, one.fill) : undefined,
        width: one.width ?? 1.5,
        dash: one.dash,
        spanGaps: false,
        points: { show: false },
      })),
    ],
    bands: (bands ?? []).map((band) => ({
      series: band.series,
      fill: () => colour(band.colour, band.opacity ?? 0.15),
    })),
    hooks: {
      ...hooks,
      setCursor: [(plot) => legend.show(plot, decimals)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) {
            return;
          }
          const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onZoom?.(from, to);
        },
      ],
    },
  };
}

/** Names, colours, and the values under the pointer, in slots of fixed width. */
function makeLegend(series) {
  const when = h("span", { class: "legend-time" }, "");
  const values = series.map(() => h("span", { class: "legend-value" }, NONE));
  const node = h(
    "div",
    { class: "legend", "aria-hidden": "true" },
    series.map((one, index) =>
      h(
        "span",
        { class: "legend-item" },
        h("span", {
          class: `swatch ${one.dash ? "dashed" : ""} ${one.opacity ? "faint" : ""}`.trim(),
          vars: { "--swatch": `var(${one.colour})` },
        }),
        one.name,
        values[index],
      ),
    ),
    when,
  );
  const put = (slot, text) => {
    if (slot.textContent !== text) {
      slot.textContent = text;
    }
  };
  return {
    node,
    show(plot, decimals) {
      const at = plot.cursor.idx;
      for (const [index, slot] of values.entries()) {
        const value = at === null || at === undefined ? null : plot.data[index + 1]?.[at];
        put(slot, typeof value === "number" ? value.toFixed(decimals).replace("-", "−") : NONE);
      }
      put(when, at === null || at === undefined || !plot.data[0].length ? "" : fullTime(plot.data[0][at]));
    },
  };
}

/** Vertical marks, such as moves: `marks()` gives [{ t, colour }]. */
function marksHook(marks) {
  return (plot) => {
    const { ctx } = plot;
    const { top, height, left, width } = plot.bbox;
    const tall = 9 * devicePixelRatio;
    const shown = marks();
    ctx.save();
    for (const mark of shown) {
      const x = plot.valToPos(mark.t, "x", true);
      if (x < left || x > left + width) {
        continue;
      }
      if (shown.length <= MOST_LINES) {
        ctx.globalAlpha = 0.25;
        ctx.fillStyle = colour("--muted");
        ctx.fillRect(x - 0.5, top, devicePixelRatio, height);
        ctx.globalAlpha = 1;
      }
      ctx.fillStyle = colour(mark.colour);
      ctx.fillRect(x - 2 * devicePixelRatio, top, 4 * devicePixelRatio, tall);
    }
    ctx.restore();
  };
}

/**
 * `title`, `unit`, `decimals`, `height`, `series` of { name, colour, dash?, fill? }, `bands`, `marks()`, `limits(low, high)`,
 * `onZoom(from, to)`, `sync`. Gives { node, setData([t, ...values], range?), describe(text), redraw }.
 */
export function chart(asked) {
  const legend = makeLegend(asked.series);
  const drawing = h("div", {
    class: "chart-area",
    role: "img",
    "aria-label": asked.title,
    vars: { "--height": `${asked.height}px` },
  });
  const node = h(
    "figure",
    { class: "chart" },
    h("figcaption", null, asked.heading ?? h("h2", null, asked.title)),
    legend.node,
    drawing,
  );
  let plot = null;
  let closed = false;
  let waiting = null;

  const resize = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (plot && width > 0 && width !== plot.width) {
      plot.setSize({ width, height: asked.height });
    }
  });
  const draw = (data, range) => {
    plot.setData(data, false);
    plot.setScale("x", range ? { min: range[0], max: range[1] } : { min: data[0][0] ?? 0, max: data[0].at(-1) ?? 1 });
    legend.show(plot, asked.decimals);
  };
  library().then(
    (uPlot) => {
      if (closed) {
        return;
      }
      const hooks = asked.marks ? { draw: [marksHook(asked.marks)] } : {};
      plot = new uPlot(
        { ...options({ ...asked, hooks }, legend), width: Math.max(120, drawing.clientWidth) },
        [[], ...asked.series.map(() => [])],
        drawing,
      );
      resize.observe(drawing);
      if (waiting) {
        draw(...waiting);
      }
    },
    () => {
      drawing.textContent = NONE;
    },
  );
  const forget = onPreference(() => plot?.redraw(false, true));
  onClose(() => {
    closed = true;
    forget();
    resize.disconnect();
    plot?.destroy();
  });
  return {
    node,
    setData(data, range) {
      waiting = [data, range];
      if (plot) {
        draw(data, range);
      }
    },
    describe(text) {
      drawing.setAttribute("aria-label", text);
    },
  };
}
