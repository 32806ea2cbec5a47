// Part of the training report: what was measured of the layers.

// ------------------------------------------------------------------ layers

function layers() {
  const charts = [];
  const lines = (series) => series.columns.map((c) => ({ name: c.name, x: series.times, y: c.values }));
  if (data.gradients?.times.length)
    charts.push(lineChart({ title: "Gradient norm of each layer", note: "Before clipping. Lines that fall apart by powers of ten: the gradient vanishes or explodes on its way.",
      xLabel: "step", wholeX: true, logY: true, height: 300, series: lines(data.gradients) }));
  if (data.idle?.times.length)
    charts.push(lineChart({ title: "Units that do nothing", note: "Percent of an activation's units that were 0 (relu) or at their ends (sigmoid, tanh) for every sample looked at.",
      xLabel: "epoch", wholeX: true, zero: true, top: 100, height: 300,
      series: lines(data.idle).map((s) => ({ ...s, y: s.y.map((v) => (v === null ? null : 100 * v)) })) }));
  if (data.grad_norms) charts.push(normHistogram(data.grad_norms));
  const content = charts.length ? [el("div", { class: "grid" }, charts)] : [];
  if (data.layers?.length) content.push(layerTable(data.layers));
  section("Layers", null, ...content);
}

/** How often the whole gradient had which norm. */
function normHistogram(g) {
  const setting = data.config.find(([name]) => name === "clip-norm")?.[1];
  const used = Number(setting) > 0 ? ` The run was clipped at ${setting}.` : "";
  const zeros = g.zeros ? ` In ${format(g.zeros, 9)} it was 0.` : "";
  return barChart({ title: "Gradient norm of all layers", note: `How often which norm occurred in ${format(g.steps, 9)} steps, before clipping.${zeros} Nine tenths lie below ${format(g.clip, 2)}, a limit to try for clip-norm.${used}`,
    xLabel: "norm", edges: g.edges, counts: g.counts, height: 300, marks: [{ x: g.clip, text: `suggested limit: ${format(g.clip, 2)}` }] });
}

/** What the monitor measured, epoch by epoch. */
function layerTable(epochs) {
  const percent = (v) => (isNumber(v) ? `${format(100 * v, 3)} %` : "");
  const shown = (v) => (isNumber(v) ? format(v, 3) : "");
  const holder = el("div", {});
  const show = (i) => holder.replaceChildren(
    table(["layer", "module", "parameters", "gradient norm", "weight norm", "update / weight", "output mean", "deviation", "dead", "saturated"],
      epochs[i].rows.map((l) => [l.name || "(model)", l.module, l.parameters ? format(l.parameters, 9) : "", shown(l.grad_norm), shown(l.weight_norm), shown(l.update_ratio), shown(l.mean), shown(l.std), percent(l.dead), percent(l.saturated)]),
      { numbers: (i) => i > 1 }), ...(epochs[i].left_out ? [el("p", { class: "soft" }, `and ${epochs[i].left_out} more`)] : []));
  return el("div", { class: "layers" }, el("h3", {}, "Layer by layer"),
    el("p", { class: "soft" }, "Means over the steps of an epoch that were looked at. An update of about a thousandth of the weights is usual; dead: units of a relu that were 0 for every sample looked at; saturated: outputs of a sigmoid or tanh at their ends."),
    slider("Epoch", epochs.length, show, (i) => `epoch ${epochs[i].epoch}`), holder);
}

/** A figure with bars between edges on a logarithmic axis: {title, note, xLabel, edges, counts, marks}. */
function barChart(options) {
  const stage = el("div", { class: "stage", role: "img", "aria-label": `${options.title}. ${options.note}` });
  const figure = el("figure", { class: "panel chart" }, el("h3", {}, options.title), el("p", { class: "soft" }, options.note), stage);
  const { edges, counts } = options;
  whenWide(stage, () => {
    const width = paperWidth(stage) || Math.max(stage.clientWidth || 540, 260), height = paperWidth(stage) ? 200 : options.height || 250;
    const box = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const x = scaleOf(edges[0] / 1.05, edges[edges.length - 1] * 1.05, box.width, { log: true, count: Math.max(2, box.width / 80) });
    const y = scaleOf(0, Math.max(...counts) * 1.2, box.height, { flip: true, whole: true, count: 5 });
    const root = svg("g", { transform: `translate(${MARGIN.left} ${MARGIN.top})` });
    axes(root, box, x, y, { xLabel: options.xLabel, logX: true });
    counts.forEach((count, i) => {
      const left = x.at(edges[i]), right = x.at(edges[i + 1]);
      if (count) root.append(svg("rect", { class: "bar-of", x: left + 0.5, width: Math.max(1, right - left - 1), y: y.at(count), height: box.height - y.at(count) },
        svg("title", {}, `${format(edges[i], 3)} to ${format(edges[i + 1], 3)}: ${format(count, 9)} steps`)));
    });
    placeMarks(root, box, x, options.marks.filter((m) => m.x >= x.low && m.x <= x.high));
    stage.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, root));
  });
  return figure;
}

// ------------------------------------------------------------------ histograms

function histograms() {
  const kinds = data.histograms && [["Weights", data.histograms.weights], ["Gradients", data.histograms.gradients], ["Activations", data.histograms.activations]].filter(([, s]) => s.times.length);
  if (!kinds?.length) return;
  const times = kinds[0][1].times;
  const updates = [];
  const parts = kinds.map(([title, series]) => el("div", {}, el("h3", {}, title), el("div", { class: "cells" }, series.columns.map((column) => {
    const { node, show } = histogramCell(column, series.times, title !== "Gradients");
    updates.push(show);
    return node;
  }))));
  section("Histograms", "Bars: the chosen epoch. Outline: the first one. Gradients are those of the epoch's last step, on an axis that fits the epoch; activations are those of up to 256 training samples; of many numbers a part is counted.",
    slider("Epoch", times.length, (i) => updates.forEach((show) => show(times[i])), (i) => timeName(times[i])), ...parts);
}

/** One histogram; `shared`: with an axis that holds for all epochs, and the first one's outline. */
function histogramCell(column, times, shared) {
  const width = 200, height = 84, floor = 62;
  const counts = (row) => row.slice(2), bins = column.values[0].length - 2;
  const filled = column.values.filter((row) => counts(row).some((c) => c > 0));
  const figure = (...content) => el("figure", {}, svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Histogram of ${column.name}` }, ...content), el("figcaption", {}, column.name));
  if (!filled.length) return { node: figure(svg("text", { x: width / 2, y: 40, "text-anchor": "middle" }, "no finite numbers")), show: () => {} };
  // Bins differ in width between epochs; the tallest bar of each is full.
  const outline = (row, low, high) => {
    const most = Math.max(...counts(row)), x = (v) => 4 + ((v - low) / (high - low)) * (width - 8);
    if (!(most > 0)) return "";
    const flat = !(row[1] > row[0]), step = flat ? (high - low) / 40 : (row[1] - row[0]) / bins, from = flat ? row[0] - step / 2 : row[0];
    let d = `M${x(from).toFixed(1)} ${floor}`;
    (flat ? [most] : counts(row)).forEach((c, i) => { d += `V${(floor - (c / most) * (floor - 8)).toFixed(1)}H${x(from + (i + 1) * step).toFixed(1)}`; });
    return `${d}V${floor}Z`;
  };
  const rangeOfRows = (rows) => {
    const low = Math.min(...rows.map((row) => row[0])), high = Math.max(...rows.map((row) => row[1]));
    return low < high ? [low, high] : [low - (Math.abs(low) * 0.1 || 0.5), high + (Math.abs(high) * 0.1 || 0.5)];
  };
  const title = svg("title", {}), bars = svg("path", { class: "bars" }, title);
  const left = svg("text", { x: 2, y: height - 6 }), right = svg("text", { x: width - 2, y: height - 6, "text-anchor": "end" });
  const node = figure(bars, shared ? svg("path", { class: "ghost", d: outline(column.values[0], ...rangeOfRows(filled)) }) : null, svg("line", { x1: 0, x2: width, y1: floor, y2: floor }), left, right);
  const show = (time) => {
    const at = times.indexOf(time), row = column.values[at < 0 ? times.length - 1 : at], range = rangeOfRows(shared ? filled : [row]);
    bars.setAttribute("d", outline(row, ...range));
    left.textContent = format(range[0], 2);
    right.textContent = format(range[1], 2);
    title.textContent = `${column.name}: from ${format(row[0])} to ${format(row[1])}, ${format(counts(row).reduce((a, b) => a + b, 0), 9)} numbers`;
  };
  return { node, show };
}
