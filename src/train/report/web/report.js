// The training report: one function for each section, in the order of the page.

const data = JSON.parse(document.getElementById("data").textContent);
const page = document.getElementById("report");

const className = (i) => data.class_names[i] ?? String(i);
const inputName = (i) => data.input_names[i] ?? `input ${i + 1}`;
const some = (list) => Array.isArray(list) && list.some(isNumber);

function sectionOf(title, note, ...content) {
  return el("section", {}, el("h2", {}, title), note ? el("p", { class: "soft" }, note) : null, ...content);
}
function section(title, note, ...content) {
  if (content.length) page.append(sectionOf(title, note, ...content));
}
function table(head, rows, { numbers = () => false, mark = () => false } = {}) {
  const cell = (tag, text, i) => el(tag, { class: numbers(i) ? "n" : null, scope: tag === "th" ? "col" : null }, text);
  return el("div", { class: "scroll" }, el("table", { class: "lines" },
    head ? el("thead", {}, el("tr", {}, head.map((text, i) => cell("th", text, i)))) : null,
    el("tbody", {}, rows.map((row, r) => el("tr", { class: mark(r) ? "best" : null }, row.map((text, i) => cell("td", text, i)))))));
}
const details = (title, ...content) => el("details", {}, el("summary", {}, title), ...content);

/** The index of the epoch whose weights were kept; if that is not told, of the lowest loss. */
function bestEpoch() {
  const h = data.history;
  if (h.epoch.includes(data.best_epoch)) return h.epoch.indexOf(data.best_epoch);
  const judged = some(h.validation_loss) && h.validation_loss.some((v) => v !== 0) ? h.validation_loss : h.train_loss;
  let best = -1;
  judged.forEach((v, i) => { if (isNumber(v) && (best < 0 || v < judged[best])) best = i; });
  return best;
}
/** What stands for a time of a snapshot. */
function timeName(time) {
  if (time !== data.kept) return `epoch ${time}`;
  const best = bestEpoch();
  return best >= 0 ? `kept weights (epoch ${data.history.epoch[best]})` : "kept weights";
}
const hasValidation = () => data.history.validation_loss.some((v) => isNumber(v) && v !== 0);

// ------------------------------------------------------------------ head and findings

function head() {
  document.title = data.title;
  page.append(el("h1", {}, data.title));
  const facts = [...data.facts];
  const h = data.history, best = bestEpoch();
  if (best >= 0) {
    const kind = hasValidation() ? "validation" : "training";
    const loss = hasValidation() ? h.validation_loss[best] : h.train_loss[best];
    facts.push(["epochs", `${h.epoch[h.epoch.length - 1]} in ${format(h.seconds.reduce((a, b) => a + (b || 0), 0), 3)} s`]);
    facts.push([`best ${kind} loss`, `${format(loss)} in epoch ${h.epoch[best]}`]);
    const accuracy = h.metrics.find((m) => m.name === "accuracy");
    if (accuracy && isNumber(accuracy.values[best])) facts.push(["its accuracy", `${format(100 * accuracy.values[best])} %`]);
  }
  page.append(el("dl", { class: "facts" }, facts.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", { class: "num" }, text)))));
}

function findings() {
  const since = (f) => [f.where, f.epoch ? `epoch ${f.epoch}` : f.step ? "" : "before training", f.step ? `step ${format(f.step, 9)}` : ""].filter(Boolean).join(", ");
  const items = [...data.findings].sort((a, b) => Number(b.alarm) - Number(a.alarm)).map((f) =>
    el("li", { class: f.alarm ? "alarm" : "" }, el("b", {}, `${f.alarm ? "⚠ " : ""}${f.kind.replaceAll("_", " ")}`), f.text, " ", el("span", { class: "soft" }, `(${since(f)})`)));
  if (items.length || data.history.epoch.length) section("Findings", null, items.length ? el("ul", { class: "findings" }, items) : el("p", {}, "Nothing was found that calls for action."));
}

// ------------------------------------------------------------------ curves

function marksOfBest() {
  const best = bestEpoch();
  return best >= 0 && (hasValidation() || data.best_epoch) ? [{ x: data.history.epoch[best], text: `best: epoch ${data.history.epoch[best]}` }] : [];
}

/** A logarithmic axis shows more: all above 0, and more than a factor of 50 apart. */
function spansPowers(lists) {
  const [low, high] = rangeOf(lists, true);
  return high / low > 50 && lists.every((list) => list.every((v) => v === null || v > 0));
}

function curves() {
  const h = data.history, charts = [];
  if (h.epoch.length) {
    const losses = [{ name: "training", x: h.epoch, y: h.train_loss }];
    if (hasValidation()) losses.push({ name: "validation", x: h.epoch, y: h.validation_loss });
    const log = spansPowers(losses.map((s) => s.y));
    charts.push(lineChart({ title: "Loss", xLabel: "epoch", wholeX: true, zero: !log, logY: log, series: losses, marks: marksOfBest() }));
    charts.push(...metricCharts(h));
  }
  if (data.steps?.times.length) {
    const [lr, loss] = data.steps.columns;
    charts.push(lineChart({ title: "Learning rate", xLabel: "step", wholeX: true, zero: true, series: [{ name: "learning rate", x: data.steps.times, y: lr.values }] }));
    const log = spansPowers([loss.values]);
    charts.push(lineChart({ title: "Loss of single steps", note: "One batch each: noisy by nature.", xLabel: "step", wholeX: true, zero: !log, logY: log,
      series: [{ name: "one batch", x: data.steps.times, y: loss.values, faint: true }, { name: "smoothed", x: data.steps.times, y: smooth(loss.values), colour: "var(--c2)" }] }));
  } else if (some(h.lr)) {
    charts.push(lineChart({ title: "Learning rate", xLabel: "epoch", wholeX: true, zero: true, series: [{ name: "learning rate", x: h.epoch, y: h.lr }] }));
  }
  if (charts.length) section("How it went", null, el("div", { class: "grid" }, charts));
}

/** Metrics between 0 and 1 share a chart, six at most; others have one each. */
function metricCharts(h) {
  const known = h.metrics.filter((m) => some(m.values));
  const parts = known.filter((m) => m.values.every((v) => v === null || (v >= 0 && v <= 1)));
  const others = known.filter((m) => !parts.includes(m)).slice(0, 8);
  const charts = [];
  for (let i = 0; i < Math.min(parts.length, 24); i += CATEGORIES) {
    const series = parts.slice(i, i + CATEGORIES).map((m) => ({ name: m.name, x: h.epoch, y: m.values }));
    charts.push(lineChart({ title: series.length > 1 ? "Metrics" : series[0].name, note: "Of the validation part.", xLabel: "epoch", wholeX: true, top: 1, series, marks: marksOfBest() }));
  }
  for (const m of others)
    charts.push(lineChart({ title: m.name, note: "Of the validation part.", xLabel: "epoch", wholeX: true, series: [{ name: m.name, x: h.epoch, y: m.values }] }));
  return charts;
}

/** An exponential mean that forgets after about a hundredth of the run. */
function smooth(values) {
  const keep = 1 - 1 / Math.max(2, values.length / 100);
  let sum = 0, weight = 0;
  return values.map((v) => {
    if (!isNumber(v)) return null;
    sum = keep * sum + (1 - keep) * v;
    weight = keep * weight + (1 - keep);
    return sum / weight;
  });
}

// ------------------------------------------------------------------ learning rate finder

function lrCurve() {
  const curve = data.lr_curve;
  if (!curve) return;
  const content = [];
  if (curve.lr.length) {
    const series = [{ name: "loss", x: curve.lr, y: curve.loss, faint: curve.smoothed.length > 0 }];
    if (curve.smoothed.length) series.push({ name: "smoothed", x: curve.lr, y: curve.smoothed });
    content.push(lineChart({ title: "Loss while the learning rate grows", xLabel: "learning rate", logX: true, logY: curve.loss.every((v) => v === null || v > 0), series,
      marks: curve.suggestions.filter((s) => isNumber(s.lr)).map((s) => ({ x: s.lr, text: `${s.name}: ${format(s.lr, 2)}` })) }));
  }
  section("Learning rate finder", curve.note || null, ...(content.length ? content : [el("p", {}, "No curve.")]));
}

// ------------------------------------------------------------------ what the model answers over its inputs

const SURFACE_COLOURS = [[42, 120, 214], [224, 98, 38], [26, 147, 107], [190, 140, 10], [122, 87, 201], [208, 68, 126], [90, 90, 90], [120, 160, 60], [60, 170, 190], [150, 90, 60]];
const classColour = (k) => SURFACE_COLOURS[k % SURFACE_COLOURS.length];
const rgb = (c, a = 1) => `rgb(${c[0]} ${c[1]} ${c[2]} / ${a})`;

/** Colour of a quantity between low and high: blue, nothing, orange. */
function quantityColour(v, low, high) {
  const part = high > low ? (2 * (v - low)) / (high - low) - 1 : 0;
  return [...(part < 0 ? SURFACE_COLOURS[0] : SURFACE_COLOURS[1]), Math.min(1, Math.abs(part)) * 0.75];
}

/** The picture of one frame as a data URL; transparent where the model is undecided. */
function surfaceImage(s, frame, low, high) {
  const canvas = el("canvas", { width: s.side, height: s.side });
  const context = canvas.getContext("2d");
  const image = context.createImageData(s.side, s.side);
  frame.forEach((v, i) => {
    const row = s.side - 1 - Math.floor(i / s.side), at = 4 * (row * s.side + (i % s.side));
    if (!isNumber(v)) return;
    let c;
    if (s.classes) {
      const k = Math.floor(v);
      c = [...classColour(k), 0.12 + 0.6 * (v - k) ** 2];
    } else c = quantityColour(v, low, high);
    image.data.set([c[0], c[1], c[2], Math.round(255 * c[3])], at);
  });
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

function surfacePlot(s, urls, low, high, size) {
  const box = { width: size - 68, height: size - 68 };
  const x = scaleOf(s.range[0], s.range[1], box.width, { count: size > 300 ? 6 : 3 });
  const y = scaleOf(s.range[2], s.range[3], box.height, { flip: true, count: size > 300 ? 6 : 3 });
  const root = svg("g", { transform: "translate(58 10)" });
  axes(root, box, x, y, { xLabel: inputName(0) });
  const image = svg("image", { x: 0, y: 0, width: box.width, height: box.height, preserveAspectRatio: "none" });
  root.append(image);
  for (let i = 0; i + 2 < s.points.length; i += 3) {
    const [px, py, t] = s.points.slice(i, i + 3);
    const fillColour = s.classes ? rgb(classColour(t)) : rgb(quantityColour(t, low, high), 0.25 + quantityColour(t, low, high)[3]);
    root.append(svg("circle", { cx: x.at(px), cy: y.at(py), r: size > 300 ? 3.4 : 1.6, fill: fillColour, stroke: s.classes ? "var(--surface)" : "var(--soft)", "stroke-width": size > 300 ? 1 : 0.4 },
      svg("title", {}, `${inputName(0)} ${format(px)}, ${inputName(1)} ${format(py)}: ${s.classes ? className(t) : format(t)}`)));
  }
  root.append(svg("text", { class: "label", x: -box.height / 2, y: -46, transform: "rotate(-90)", "text-anchor": "middle" }, inputName(1)));
  const plot = svg("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": "What the model answers over its two inputs" }, root);
  return { plot, show: (i) => image.setAttribute("href", urls[i]) };
}

function surface() {
  const s = data.surface;
  if (!s?.frames.times.length) return;
  const frames = s.frames.columns[0].values, times = s.frames.times;
  const name = (i) => timeName(times[i]);
  if (s.inputs === 1) return fitted(s, frames, times, name);
  const targets = s.points.filter((_, i) => i % 3 === 2);
  const [low, high] = rangeOf([targets], false);
  const urls = frames.map((frame) => surfaceImage(s, frame, low, high));
  const { plot, show } = surfacePlot(s, urls, low, high, 600);
  const count = s.classes ? Math.max(...targets, ...frames[frames.length - 1].filter(isNumber).map(Math.floor)) + 1 : 0;
  const legend = el("div", { class: "legend" }, s.classes
    ? Array.from({ length: Math.min(count, 20) }, (_, k) => el("span", { class: "soft" }, el("i", { style: `background:${rgb(classColour(k))};height:10px` }), className(k), "\u2003"))
    : el("span", { class: "soft" }, `blue: ${format(low, 3)}, orange: ${format(high, 3)}, of the ${data.target_name || "target"}`));
  const picks = [...new Set([0, 1, 2, 3].map((k) => Math.round((k * (frames.length - 1)) / 3)))];
  const strip = el("div", { class: "strip paper" }, picks.map((i) => {
    const small = surfacePlot(s, urls, low, high, 260);
    small.show(i);
    return el("figure", { class: "chart" }, small.plot, el("figcaption", {}, name(i)));
  }));
  section(s.classes ? "Decision boundary" : "Answer over both inputs", s.classes ? "The stronger the colour, the surer the model. Dots: samples of the training part." : "Dots: samples of the training part.",
    el("div", { class: "panel chart surface" }, slider("Epoch", frames.length, show, name), legend, plot), strip);
}

/** For one input: the curve through the samples. */
function fitted(s, frames, times, name) {
  const holder = el("div", {});
  const xs = frames[0].map((_, i) => s.range[0] + ((s.range[1] - s.range[0]) * (i + 0.5)) / s.side);
  const points = s.points.filter((_, i) => i % 2 === 0), targets = s.points.filter((_, i) => i % 2 === 1);
  const show = (i) => {
    const answers = s.classes ? frames[i].map((v) => (v === null ? null : Math.floor(v))) : frames[i];
    holder.replaceChildren(scatter({ title: `Answer, ${name(i)}`, xLabel: inputName(0), x: points, y: targets, line: { x: xs, y: answers } }));
  };
  section("Answer over the input", "Dots: samples of the training part. Line: the model.", el("div", { class: "surface" }, slider("Epoch", frames.length, show, name), holder));
}

/** Dots, and a line; {title, note, xLabel, yLabel, x, y, line: {x, y}}. */
function scatter(options) {
  const width = 600, height = 380;
  const box = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const [x0, x1] = rangeOf([options.x, options.line.x], false), [y0, y1] = rangeOf([options.y, options.line.y], false);
  const padX = (x1 - x0) * 0.03, padY = (y1 - y0) * 0.05;
  const x = scaleOf(x0 - padX, x1 + padX, box.width, { count: 7 });
  const y = scaleOf(y0 - padY, y1 + padY, box.height, { flip: true, count: 6 });
  const root = svg("g", { transform: `translate(${MARGIN.left} ${MARGIN.top})` });
  axes(root, box, x, y, options);
  const dots = svg("g", {});
  options.x.forEach((v, i) => {
    if (!isNumber(v) || !isNumber(options.y[i])) return;
    dots.append(svg("circle", { cx: x.at(v), cy: y.at(options.y[i]), r: 3.2, fill: "var(--c1)", "fill-opacity": 0.55 },
      svg("title", {}, `${options.xName || options.xLabel} ${format(v)}, ${options.yName || "target"} ${format(options.y[i])}`)));
  });
  root.append(dots, svg("path", { class: "line", d: pathOf(options.line.x, options.line.y, x, y), stroke: "var(--c2)", "stroke-width": 2 }));
  return el("figure", { class: "panel chart" }, el("h3", {}, options.title), options.note ? el("p", { class: "soft" }, options.note) : null,
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": options.title }, root));
}

// ------------------------------------------------------------------ answers

/** One part, with a button for each if there are several. */
function answers() {
  const parts = data.judged ?? [];
  if (!parts.length) return;
  const holder = el("div", {});
  const choice = el("div", { class: "choice screen", role: "group", "aria-label": "part of the data" });
  const show = (j) => {
    const [first, ...rest] = answersOf(j);
    if (parts.length > 1) first.querySelector("h2").after(choice);
    for (const button of choice.children) button.setAttribute("aria-pressed", String(button.textContent === j.part));
    holder.replaceChildren(first, ...rest);
  };
  choice.append(...parts.map((j) => el("button", { type: "button", onclick: (event) => { show(j); event.target.focus(); } }, j.part)));
  show(parts.find((j) => j.part === "test") ?? parts[parts.length - 1]);
  page.append(holder);
}

function answersOf(j) {
  const content = [];
  if (j.confusion.length) content.push(j.classes <= 30 ? confusionTable(j) : confusedPairs(j));
  if (j.truths.length) {
    const [low, high] = rangeOf([j.truths], false);
    content.push(el("div", { class: "surface" }, scatter({ title: "Answer and truth", note: "On the line the answer is right.", xLabel: `true ${data.target_name || "value"}`, xName: "true", yName: "answer",
      x: j.truths, y: j.answers, line: { x: [low, high], y: [low, high] } })));
  }
  const sections = [sectionOf(j.classes ? "Confusion matrix" : "Answers", `${format(j.samples, 9)} samples of the ${j.part} part` + (j.confusion.length && j.classes <= 30 ? "; a row for each true class, a column for each answer." : "."), ...content)];
  if (j.wrong.length) sections.push(sectionOf(j.classes ? "Most wrong" : "Furthest off", j.classes ? "Wrong answers of which the model was surest." : null, mostWrong(j)));
  else if (j.classes) sections.push(sectionOf("Most wrong", null, el("p", {}, "No answer was wrong.")));
  return sections;
}

function confusionTable(j) {
  const n = j.classes, at = (r, c) => j.confusion[r * n + c];
  const rows = Array.from({ length: n }, (_, r) => {
    const total = Array.from({ length: n }, (_, c) => at(r, c)).reduce((a, b) => a + b, 0);
    return el("tr", {}, el("th", { scope: "row", title: className(r) }, className(r)),
      Array.from({ length: n }, (_, c) => {
        const part = total ? at(r, c) / total : 0;
        const kind = at(r, c) === 0 ? "none" : r === c ? "right" : "miss";
        const strength = r === c ? 0.12 + 0.5 * part : Math.min(0.7, 0.2 + 2 * part);
        return el("td", { class: kind, style: `--a:${strength.toFixed(3)}`, title: `true ${className(r)}, answer ${className(c)}: ${at(r, c)} (${format(100 * part, 3)} %)` }, at(r, c) ? String(at(r, c)) : "·");
      }),
      el("td", { class: "none" }, total ? `${format((100 * at(r, r)) / total, 3)} %` : ""));
  });
  return el("div", { class: "scroll" }, el("table", { class: "confusion" },
    el("thead", {}, el("tr", {}, el("th", {}, "true \\ answer"), Array.from({ length: n }, (_, c) => el("th", { scope: "col", title: className(c) }, className(c))), el("th", { scope: "col" }, "right"))),
    el("tbody", {}, rows)));
}

function confusedPairs(j) {
  const pairs = [];
  j.confusion.forEach((count, i) => {
    const r = Math.floor(i / j.classes), c = i % j.classes;
    if (r !== c && count) pairs.push([className(r), className(c), count]);
  });
  pairs.sort((a, b) => b[2] - a[2]);
  return table(["true class", "answer", "times"], pairs.slice(0, 20).map((p) => p.map(String)), { numbers: (i) => i === 2 });
}

function mostWrong(j) {
  const pixels = j.wrong[0].inputs.length, side = Math.round(Math.sqrt(pixels));
  const show = (v) => (j.classes ? className(v) : format(v));
  if (j.classes && side >= 4 && side * side === pixels && j.wrong.every((w) => w.inputs.length === pixels))
    return el("div", { class: "wrong" }, j.wrong.map((w) => el("figure", {}, picture(w.inputs, side, `sample ${w.sample}`),
      el("figcaption", {}, "answer ", el("b", {}, show(w.answer)), ` (${format(100 * w.certainty, 3)} %)`, el("br"), "truth ", el("b", {}, show(w.truth)), el("br"), `sample ${w.sample}`))));
  const columns = Math.min(pixels, 8);
  const inputs = Array.from({ length: columns }, (_, i) => inputName(i));
  // An input of 0 that was scaled and scaled back is 0 but for rounding.
  const largest = inputs.map((_, i) => Math.max(...j.wrong.map((w) => Math.abs(w.inputs[i] ?? 0))));
  if (pixels > columns) inputs.push(`and ${pixels - columns} more`);
  return table(["sample", "truth", "answer", j.classes ? "certainty" : "off by", ...inputs],
    j.wrong.map((w) => [String(w.sample), show(w.truth), show(w.answer), j.classes ? `${format(100 * w.certainty, 3)} %` : format(w.certainty, 3),
      ...w.inputs.slice(0, columns).map((v, i) => format(Math.abs(v) < 1e-6 * largest[i] ? 0 : v)), ...(pixels > columns ? ["…"] : [])]), { numbers: () => true });
}

/** Ink on paper: the largest value is black. */
function picture(values, side, text) {
  const canvas = el("canvas", { width: side, height: side, role: "img", "aria-label": text });
  const context = canvas.getContext("2d"), image = context.createImageData(side, side);
  const [low, high] = rangeOf([values], false);
  values.forEach((v, i) => {
    const ink = isNumber(v) && high > low ? (v - low) / (high - low) : 0, grey = Math.round(255 - 235 * ink);
    image.data.set([grey, grey, grey, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

// ------------------------------------------------------------------ tables

function tables() {
  if (data.model) section("Model", null, el("div", { class: "panel" }, el("pre", {}, data.model)));
  if (data.config.length) section("Configuration", null, el("div", { class: "columns" }, table(null, data.config)));
  const h = data.history;
  if (!h.epoch.length) return;
  const metrics = h.metrics.slice(0, 8), best = bestEpoch(), every = Math.max(1, Math.ceil(h.epoch.length / 200));
  const kept = h.epoch.map((_, i) => i).filter((i) => i % every === 0 || i === best || i === h.epoch.length - 1);
  const shown = (v, digits) => (v === null || v === undefined ? "" : format(v, digits));
  section("Epochs", every > 1 ? `Every ${every}th epoch, the best and the last.` : null,
    details("Numbers of every epoch", table(["epoch", "training loss", ...(hasValidation() ? ["validation loss"] : []), ...metrics.map((m) => m.name.replaceAll("_", " ")), "learning rate", "gradient norm", "seconds"],
      kept.map((i) => [String(h.epoch[i]), shown(h.train_loss[i]), ...(hasValidation() ? [shown(h.validation_loss[i])] : []), ...metrics.map((m) => shown(m.values[i])), shown(h.lr[i]), shown(h.grad_norm[i]), shown(h.seconds[i], 3)]),
      { numbers: () => true, mark: (r) => kept[r] === best })));
}

for (const part of [head, findings, curves, layers, lrCurve, surface, answers, histograms, tables]) {
  try {
    part();
  } catch (error) {  // one part that cannot be drawn does not take the others along
    page.append(el("p", { class: "soft" }, `This part could not be drawn (${part.name}): ${error.message}`));
    console.error(error);
  }
}
page.append(el("footer", {}, "Written by gradus. The page holds all of its data and loads nothing."));
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
