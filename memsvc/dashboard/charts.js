// Charts by uPlot, each with the same figures as a table for whoever cannot or will not look at it.

import { add, h, theirs } from "./dom.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const colour = (at) => css(`--series-${at % 8}`);

const drawn = new Set();

/** Draw all charts anew: colours or widths are others. */
export function redraw() {
  sweep();
  for (const one of drawn) one.draw();
}

// A plot that is not destroyed stays with the window, whose events it listens to.
function sweep() {
  for (const one of drawn) {
    if (one.holder.isConnected) continue;
    one.plot?.destroy();
    drawn.delete(one);
  }
}

let waiting = 0;
new ResizeObserver(() => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(redraw);
}).observe(document.documentElement);

function axes(format, times, labels) {
  const line = { stroke: css("--faint"), grid: { stroke: css("--grid"), width: 1 }, ticks: { show: false }, font: `12px ${css("--font")}` };
  const x = { ...line, size: 30, grid: { show: false } };
  if (labels) x.values = (_u, ticks) => ticks.map((t) => (Number.isInteger(t) ? labels[t] ?? "" : ""));
  if (labels) x.incrs = [1, 2, 5, 7, 10, 14, 30, 60];
  if (!times && !labels) x.values = (_u, ticks) => ticks.map((t) => (Number.isInteger(t) ? t.toLocaleString("en-US") : ""));
  return [x, { ...line, size: 62, values: (_u, ticks) => ticks.map(format) }];
}

// Bars of one series stand on those of the series before it: drawn from the highest sum down.
function stacked(series) {
  const sums = series.map(() => []);
  series[0]?.values.forEach((_, at) => {
    let sum = 0;
    series.forEach((one, which) => sums[which].push((sum += one.values[at] || 0)));
  });
  return sums;
}

/** A chart. Args:
      title, x (numbers), series [{name, values, colour?, dash?}], kind "bars" (stacked), "pairs" or "lines",
      format (of a value), labels (names of whole x values), marks [{x, text}], height in pixels. */
export function chart({ title, x, series, kind = "lines", format, labels, marks = [], height = 220, sign }) {
  const holder = h("div", { className: "plot", aria: { hidden: "true" } });
  const legend = h("ul", { className: "legend" }, series.map((one, at) => {
    const key = h("span", { className: `key ${kind === "lines" ? "line" : ""} ${one.dash ? "dash" : ""}` });
    key.style.setProperty("--c", `var(--series-${one.colour ?? at})`);
    return h("li", {}, key, theirs(one.name));
  }));
  const readout = h("p", { className: "readout", aria: { hidden: "true" } });
  const one = { holder, plot: null, draw };
  const box = h("figure", { className: "chart" }, h("figcaption", { className: "unseen" }, title), legend, holder, readout,
    asTable(title, x, series, format, labels, sign));
  drawn.add(one);
  requestAnimationFrame(() => {
    sweep(); // what this one took the place of
    draw();
  });
  return box;

  function draw() {
    one.plot?.destroy();
    holder.replaceChildren();
    if (!holder.isConnected || holder.clientWidth < 40 || !x.length) return;
    one.plot = new uPlot(options(), data(), holder);
  }

  function data() {
    if (kind !== "bars") return [x, ...series.map((s) => s.values)];
    return [x, ...stacked(series).reverse()];
  }

  function options() {
    const lines = kind === "lines";
    const order = series.map((s, at) => ({ ...s, paint: colour(s.colour ?? at), at }));
    if (kind === "bars") order.reverse();
    const across = kind === "pairs" ? order.length : 1;
    const drawnAs = order.map((s, at) => ({
      label: s.name,
      stroke: s.paint,
      fill: lines ? undefined : s.paint,
      width: lines ? 2 : 0,
      dash: s.dash ? [6, 4] : undefined,
      points: { show: lines && x.length <= 100 }, // a day between two without figures is no line
      spanGaps: false,
      paths: lines ? undefined : uPlot.paths.bars({ size: [0.7 / across, 46], align: across > 1 ? (at ? 1 : -1) : 0, radius: 0.12 }),
    }));
    const pad = lines ? 0 : 0.6;
    return {
      width: holder.clientWidth,
      height,
      padding: [10, 22, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: lines }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: (_u, low, high) => [low - pad, Math.max(high, low + (lines ? 1 : 0)) + pad] },
        y: { range: (_u, low, high) => [Math.min(0, low ?? 0), (high || 0) > 0 ? high * 1.08 : low < 0 ? 0 : 1] },
      },
      axes: axes(format, false, labels),
      series: [{}, ...drawnAs],
      hooks: { setCursor: [tell], draw: marks.length ? [paintMarks] : [] },
    };
  }

  function tell(plot) {
    const at = plot.cursor.idx;
    if (at === null || at === undefined) return readout.replaceChildren();
    const name = labels ? labels[x[at]] : `${sign || ""}${x[at].toLocaleString("en-US")}`;
    readout.replaceChildren();
    add(readout, [h("strong", {}, name), series.filter((s) => s.values[at] !== null && s.values[at] !== undefined)
      .map((s) => [" · ", theirs(s.name), ` ${format(s.values[at])}`])]);
  }

  function paintMarks(plot) {
    const pen = plot.ctx;
    pen.save();
    pen.strokeStyle = css("--edge");
    pen.fillStyle = css("--faint");
    pen.font = `${11 * devicePixelRatio}px ${css("--font")}`;
    pen.textAlign = "left";
    pen.setLineDash([]);
    let free = -Infinity;
    for (const mark of marks) {
      const left = plot.valToPos(mark.x, "x", true);
      pen.beginPath();
      pen.moveTo(left, plot.bbox.top);
      pen.lineTo(left, plot.bbox.top + plot.bbox.height);
      pen.stroke();
      const { width } = pen.measureText(mark.text);
      const begin = left + 4 + width > plot.bbox.left + plot.bbox.width ? left - 4 - width : left + 4; // not past the edge
      if (begin > free) {
        pen.fillText(mark.text, begin, plot.bbox.top + 12 * devicePixelRatio);
        free = begin + width + 8;
      }
    }
    pen.restore();
  }
}

const MOST_ROWS = 400;

function asTable(title, x, series, format, labels, sign) {
  const box = h("details", { className: "figures" }, h("summary", {}, "As a table", h("span", { className: "unseen" }, `: ${title}`)));
  // Made when it is wanted: a long conversation has thousands of rows.
  box.addEventListener("toggle", () => {
    if (!box.open || box.dataset.made) return;
    box.dataset.made = "yes";
    const step = Math.ceil(x.length / MOST_ROWS);
    const rows = x.map((_, at) => at).filter((at) => at % step === 0 || at === x.length - 1);
    box.append(h("div", { className: "scroll", tabIndex: 0, attr: { role: "region" }, aria: { label: title } }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, sign ? "Message" : labels ? "Day" : "Call"),
        series.map((s) => h("th", { scope: "col", className: "num" }, theirs(s.name))))),
      h("tbody", {}, rows.map((at) => h("tr", {}, h("th", { scope: "row" }, labels ? labels[x[at]] : x[at]),
        series.map((s) => h("td", { className: "num" }, format(s.values[at])))))))));
    if (step > 1) box.append(h("p", { className: "note" }, `Every ${step}th row.`));
  });
  return box;
}
