"use strict";
// Elements, numbers and charts: no library, no network. Texts only ever go in as text.

const SVG = document.getElementById("svg").namespaceURI;

/** An HTML element with attributes and children (elements or texts). */
function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
/** An SVG element. */
function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const chosenTheme = new URLSearchParams(location.search).get("theme");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
function applyTheme() {
  document.documentElement.dataset.theme = chosenTheme || (prefersDark.matches ? "dark" : "light");
}
applyTheme();
prefersDark.addEventListener("change", applyTheme);

// ------------------------------------------------------------------ numbers

const isNumber = (v) => typeof v === "number" && Number.isFinite(v);
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const superscript = (n) =>
  (n < 0 ? "⁻" : "") + [...String(Math.abs(n))].map((digit) => SUPERSCRIPTS[digit]).join("");

/** 0.01235, 1,234, 1.2·10⁻⁷: `digits` significant ones. */
function format(value, digits = 4) {
  if (!isNumber(value)) return "not finite";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    const short = String(Number(mantissa)).replace("-", "−");
    const power = "10" + superscript(Number(exponent));
    return short === "1" ? power : `${short}·${power}`;
  }
  return Number(value.toPrecision(Math.max(digits, Math.ceil(Math.log10(size + 1)))))
    .toLocaleString("en-US", { maximumFractionDigits: 10 }).replace("-", "−");
}

/** Round numbers that cover [low, high], about `count`. */
function linearTicks(low, high, count, whole = false) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  if (whole) step = Math.max(1, Math.round(step));
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** Powers of ten within [low, high]; with 2 and 5 between them where there are few. */
function logTicks(low, high, count) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((last - first) / count));
  const ticks = [];
  for (let power = first; power <= last; ++power)
    for (const m of last - first <= 2 ? [1, 2, 5] : [1])
      if (power % every === 0) ticks.push(m * 10 ** power);
  return ticks.filter((t) => t >= low * 0.999 && t <= high * 1.001);
}

/** Where a number lies on an axis of `length` pixels, and the axis' ticks. */
function scaleOf(low, high, length, { log = false, count = 5, whole = false, flip = false } = {}) {
  if (!(low < high)) [low, high] = log ? [low / 2, high * 2] : [low - (Math.abs(low) * 0.1 || 1), high + (Math.abs(high) * 0.1 || 1)];
  const f = log ? Math.log10 : (v) => v;
  const at = (v) => {
    const part = log && v <= 0 ? 0 : (f(v) - f(low)) / (f(high) - f(low));
    return (flip ? 1 - part : part) * length;
  };
  const ticks = log ? logTicks(low, high, count) : linearTicks(low, high, count, whole);
  return { at, ticks, low, high };
}

const CATEGORIES = 6;
/** The colour of the i-th of n things; many that have an order go from blue to red. */
function colour(i, n) {
  if (n <= CATEGORIES) return `var(--c${i + 1})`;
  return `hsl(${Math.round(225 - (225 * i) / (n - 1))} 62% var(--ramp-light))`;
}

// ------------------------------------------------------------------ line charts

const MARGIN = { left: 58, right: 14, top: 10, bottom: 38 };

function tickText(tick, log) {
  const power = Math.log10(tick);
  if (log && Math.abs(power - Math.round(power)) < 1e-9 && (power < -3 || power > 4))
    return "10" + superscript(Math.round(power));
  return format(tick, 3);
}

/** Grid, axes and their texts. */
function axes(root, box, x, y, options) {
  for (const tick of y.ticks) {
    root.append(svg("line", { class: "grid", x1: 0, x2: box.width, y1: y.at(tick), y2: y.at(tick) }));
    root.append(svg("text", { x: -7, y: y.at(tick) + 4, "text-anchor": "end" }, tickText(tick, options.logY)));
  }
  let free = -Infinity;
  for (const tick of x.ticks) {
    const text = tickText(tick, options.logX), half = text.length * 3.4, at = x.at(tick);
    root.append(svg("line", { class: "axis", x1: at, x2: at, y1: box.height, y2: box.height + 4 }));
    if (at - half < free) continue;  // no room beside the one before
    free = at + half + 8;
    root.append(svg("text", { x: at, y: box.height + 17, "text-anchor": "middle" }, text));
  }
  root.append(svg("line", { class: "axis", x1: 0, x2: box.width, y1: box.height, y2: box.height }));
  root.append(svg("text", { class: "label", x: box.width / 2, y: box.height + 33, "text-anchor": "middle" }, options.xLabel || ""));
}

/** A path through the points that are there; gaps where numbers are not finite. */
function pathOf(xs, ys, x, y, log) {
  let text = "", pen = false;
  for (let i = 0; i < xs.length; ++i) {
    if (!isNumber(xs[i]) || !isNumber(ys[i])) { pen = false; continue; }
    const alone = !pen && !isNumber(ys[i + 1]);
    text += `${pen ? "L" : "M"}${x.at(xs[i]).toFixed(1)} ${y.at(ys[i]).toFixed(1)}`;
    if (alone) text += "h0.01";
    pen = true;
  }
  return text;
}

function rangeOf(lists, log) {
  let low = Infinity, high = -Infinity;
  for (const list of lists)
    for (const v of list)
      if (isNumber(v) && (!log || v > 0)) { low = Math.min(low, v); high = Math.max(high, v); }
  return low <= high ? [low, high] : log ? [0.1, 1] : [0, 1];
}

/**
 * A figure with lines over a common x: {title, note, xLabel, series: [{name, x, y, colour, dash,
 * faint}], logX, logY, zero (y begins at 0), wholeX, marks: [{x, text}], ordered}.
 */
function lineChart(options) {
  const series = options.series.map((s, i) => ({ ...s, colour: s.colour || colour(i, options.series.length) }));
  const figure = el("figure", { class: "panel chart" }, el("h3", {}, options.title));
  if (options.note) figure.append(el("p", { class: "soft" }, options.note));
  const legend = el("div", { class: "legend" });
  if (series.length > 1)
    series.forEach((s, i) => legend.append(
      el("button", { type: "button", "aria-pressed": "false", title: "show this line alone",
                     onclick: () => { chosen = chosen === i ? -1 : i; draw(); } },
         el("i", { style: `background:${s.colour}`, class: s.dash ? "dashed" : "" }), s.name)));
  const stage = el("div", { class: "stage", tabindex: "0", role: "img", "aria-label": spoken(options, series) });
  const tip = el("div", { class: "tip", hidden: "" });
  figure.append(legend, stage);
  stage.append(tip);
  const all = [...new Set(series.flatMap((s) => s.x))].filter(isNumber).sort((a, b) => a - b);
  let chosen = -1, at = -1, frame = null;

  function draw() {
    const width = paperWidth(stage) || Math.max(stage.clientWidth || 540, 260), height = paperWidth(stage) ? 200 : options.height || 250;
    const box = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const [x0, x1] = rangeOf([all], options.logX);
    let [y0, y1] = rangeOf(series.map((s) => s.y), options.logY);
    if (options.zero) y0 = Math.min(0, y0);
    if (options.top !== undefined) y1 = Math.max(y1, options.top);
    const pad = options.logY ? 1.15 : (y1 - y0) * 0.05;
    const x = scaleOf(x0, x1, box.width, { log: options.logX, whole: options.wholeX, count: Math.max(2, box.width / 80) });
    const y = scaleOf(options.logY ? y0 / pad : y0 - (options.zero && y0 >= 0 ? 0 : pad), options.logY ? y1 * pad : y1 + pad, box.height,
                      { log: options.logY, flip: true, count: 5 });
    const root = svg("g", { transform: `translate(${MARGIN.left} ${MARGIN.top})` });
    axes(root, box, x, y, options);
    series.forEach((s, i) => root.append(svg("path", {
      class: "line", d: pathOf(s.x, s.y, x, y, options.logY), stroke: s.colour,
      "stroke-dasharray": s.dash ? "5 4" : null, "stroke-width": s.faint || s.x.length > 150 ? 1.2 : 2,
      opacity: chosen >= 0 && chosen !== i ? 0.12 : s.faint ? 0.5 : 1 })));
    placeMarks(root, box, x, options.marks || []);
    const cross = svg("g", { class: "cross" });
    root.append(cross);
    stage.querySelector("svg")?.remove();
    stage.prepend(svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, root));
    [...legend.children].forEach((b, i) => b.setAttribute("aria-pressed", String(chosen === i)));
    frame = { width, box, x, y, cross };
    if (at >= 0) point(at);
  }

  /** Shows the values at the k-th x. */
  function point(k) {
    at = Math.min(Math.max(k, 0), all.length - 1);
    if (at < 0) return;
    const { width, box, x, y, cross } = frame;
    const px = x.at(all[at]);
    cross.replaceChildren(svg("line", { x1: px, x2: px, y1: 0, y2: box.height }));
    const rows = series.map((s) => ({ s, v: s.y[s.x.indexOf(all[at])] })).filter((r) => r.v !== undefined);
    for (const { s, v } of rows)
      if (isNumber(v)) cross.append(svg("circle", { cx: px, cy: y.at(v), r: 3.5, fill: s.colour }));
    tip.replaceChildren(
      el("b", {}, `${options.xName || options.xLabel || "x"} ${format(all[at])}`),
      ...rows.slice(0, 14).map(({ s, v }) => el("div", {}, el("i", { style: `background:${s.colour}` }), s.name, el("span", { class: "num" }, v === null ? "not finite" : format(v)))),
      ...(rows.length > 14 ? [el("div", {}, `and ${rows.length - 14} more`)] : []));
    tip.hidden = false;
    const right = px + MARGIN.left > width / 2;
    tip.style.left = right ? "auto" : `${px + MARGIN.left + 12}px`;
    tip.style.right = right ? `${width - px - MARGIN.left + 12}px` : "auto";
  }
  function leave() {
    at = -1;
    tip.hidden = true;
    frame?.cross.replaceChildren();
  }
  stage.addEventListener("pointermove", (event) => {
    const bounds = stage.getBoundingClientRect();
    const px = ((event.clientX - bounds.left) * frame.width) / bounds.width - MARGIN.left;
    let best = 0;
    all.forEach((v, i) => { if (Math.abs(frame.x.at(v) - px) < Math.abs(frame.x.at(all[best]) - px)) best = i; });
    point(best);
  });
  stage.addEventListener("pointerleave", leave);
  stage.addEventListener("blur", leave);
  stage.addEventListener("keydown", (event) => {
    const step = Math.max(1, Math.round(all.length / 200));
    const moves = { ArrowRight: at + step, ArrowLeft: (at < 0 ? all.length : at) - step, Home: 0, End: all.length - 1, Escape: null };
    if (!(event.key in moves)) return;
    event.preventDefault();
    if (moves[event.key] === null) leave(); else point(moves[event.key]);
  });
  whenWide(stage, draw);
  return figure;
}

/** Vertical lines with a text at the top; a text that would meet the one before goes a row down. */
function placeMarks(root, box, x, marks) {
  const ends = [];
  for (const mark of [...marks].sort((a, b) => a.x - b.x)) {
    const px = x.at(mark.x), wide = mark.text.length * 6.3 + 10;
    const left = px + wide > box.width;
    const from = left ? px - wide : px;
    let row = 0;
    while (ends[row] > from) ++row;
    ends[row] = left ? px + 4 : px + wide;
    root.append(svg("line", { class: "mark", x1: px, x2: px, y1: 15 * row, y2: box.height }));
    root.append(svg("text", { class: "mark", x: left ? px - 5 : px + 5, y: 11 + 15 * row, "text-anchor": left ? "end" : "start" }, mark.text));
  }
}

/** What a screen reader says instead of the picture. */
function spoken(options, series) {
  const parts = series.slice(0, 8).map((s) => {
    const known = s.y.filter(isNumber);
    return known.length ? `${s.name}: from ${format(known[0])} to ${format(known[known.length - 1])}` : `${s.name}: no numbers`;
  });
  return `${options.title}. ${parts.join("; ")}. Left and right keys read the values.`;
}

let printing = false;
/** On paper charts stand in two columns, or alone across the page; 0 on a screen. */
const paperWidth = (stage) => (!printing ? 0 : stage.closest(".grid") ? 350 : 680);
const redraws = [];
for (const [event, state] of [["beforeprint", true], ["afterprint", false]])
  addEventListener(event, () => { printing = state; redraws.forEach((draw) => draw()); });

/** Calls draw now and whenever the element's width changes. */
function whenWide(element, draw) {
  let width = 0;
  redraws.push(draw);
  new ResizeObserver(() => {
    if (printing || Math.abs(element.clientWidth - width) < 2) return;
    width = element.clientWidth;
    draw();
  }).observe(element);
  requestAnimationFrame(draw);
}

/** A slider over `count` states with buttons; show(i) is called now and at every change. */
function slider(label, count, show, textOf) {
  const range = el("input", { type: "range", min: 0, max: count - 1, value: count - 1, "aria-label": label });
  const out = el("output", { class: "num" });
  const go = (i) => {
    range.value = i;
    out.textContent = textOf(Number(range.value));
    range.setAttribute("aria-valuetext", out.textContent);
    show(Number(range.value));
  };
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; };
  const play = el("button", { type: "button", onclick: () => {
    if (timer) return stop();
    if (Number(range.value) >= count - 1) go(0);
    play.textContent = "Stop";
    timer = setInterval(() => { if (Number(range.value) >= count - 1) stop(); else go(Number(range.value) + 1); }, 450);
  } }, "Play");
  range.addEventListener("input", () => { stop(); go(Number(range.value)); });
  go(count - 1);
  return el("div", { class: "slider screen" }, el("span", {}, label), range, out, play);
}
