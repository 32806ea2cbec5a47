// One forward and one backward pass, node by node. Every number comes from the engine; this script
// only shows them and writes the formulas around them.

const data = JSON.parse(document.getElementById("data").textContent);
const last = data.layers.length - 1;
const inputs = { name: "inputs", a: data.x, a_grad: data.x_grad, input: true };
const before = (l) => (l === 0 ? inputs : data.layers[l - 1]);
const inputName = (i) => data.input_names[i] ?? `x${i + 1}`;
const className = (i) => data.class_names[i] ?? String(i);
/** Modules of a Sequential are called "0", "1", …: their place says more. */
const layerName = (l) => (/^[0-9]*$/.test(data.layers[l].name) ? `layer ${l + 1}` : data.layers[l].name);
const show = (v) => (v === null ? "not finite" : format(v, 4));
/** In a sum or product a negative number stands in brackets. */
const term = (v) => (isNumber(v) && v < 0 ? `(${show(v)})` : show(v));

// ------------------------------------------------------------------ the steps

/** {phase, l, j}: start, forward unit, loss, error of a unit, gradients of its weights, end. */
function listSteps() {
  const steps = [{ phase: "start" }];
  data.layers.forEach((layer, l) => layer.z.forEach((_, j) => steps.push({ phase: "forward", l, j })));
  steps.push({ phase: "loss" });
  for (let l = last; l >= 0; --l) {
    data.layers[l].z.forEach((_, j) => steps.push({ phase: "error", l, j }));
    data.layers[l].z.forEach((_, j) => steps.push({ phase: "weights", l, j }));
  }
  steps.push({ phase: "end" });
  return steps;
}
const steps = listSteps();
const stepOf = (phase, l, j) => steps.findIndex((s) => s.phase === phase && s.l === l && s.j === j);

// ------------------------------------------------------------------ the words

const ACTIVATIONS = {
  relu: ["keeps what is positive, and makes the rest 0", "max(0, z)", "1 where z is positive, else 0"],
  sigmoid: ["presses the sum between 0 and 1", "1 / (1 + e⁻ᶻ)", "a · (1 − a)"],
  tanh: ["presses the sum between −1 and 1", "tanh(z)", "1 − a²"],
  leaky_relu: ["keeps what is positive, and shrinks the rest", "z, or a small part of it below 0", "1 where z is positive, else the small part"],
  gelu: ["weighs the sum by how probable a smaller normal number is", "z · Φ(z)", "Φ(z) + z · φ(z)"],
  silu: ["weighs the sum by its sigmoid", "z · sigmoid(z)", "s + a · (1 − s), s = sigmoid(z)"],
  softplus: ["is a smooth relu", "ln(1 + eᶻ)", "sigmoid(z)"],
  elu: ["keeps what is positive, and bends the rest towards −α", "z, or α (eᶻ − 1) below 0", "1, or a + α below 0"],
};

/** "0.15·0.05 + 0.25·0.1 + … 3 more", the largest terms first where not all have room. */
function sumText(factors, room = 8) {
  const parts = factors.map(([a, b]) => ({ text: `${term(a)}·${term(b)}`, size: Math.abs(a * b) }));
  if (parts.length <= room) return parts.map((p) => p.text).join(" + ");
  const largest = [...parts].sort((a, b) => b.size - a.size).slice(0, room);
  return `${largest.map((p) => p.text).join(" + ")} + … ${parts.length - room} more`;
}
const formula = (...lines) => el("div", { class: "formula" }, lines.filter(Boolean).map((line) => el("div", {}, line)));
const value = (v) => el("b", { class: "value" }, show(v));
const slope = (v) => el("b", { class: "slope" }, show(v));
const line = (text, number) => el("span", {}, text, number);
const unit = (s) => `${layerName(s.l)}, unit ${s.j + 1} of ${data.layers[s.l].z.length}`;

function forwardWords(s) {
  const layer = data.layers[s.l], from = before(s.l);
  const factors = layer.weight[s.j].map((w, i) => [w, from.a[i]]);
  const bias = layer.bias ? ` + ${term(layer.bias[s.j])}` : "";
  const words = [el("p", {}, `Multiply each ${s.l ? "value of the layer before" : "input"} by its weight, add the products${layer.bias ? ", and add the bias" : ""}.`),
    formula(line(`z = ${sumText(factors)}${bias} = `, layer.activation ? show(layer.z[s.j]) : value(layer.z[s.j])))];
  if (layer.activation) {
    const known = ACTIVATIONS[layer.activation];
    words.push(el("p", {}, known ? `Then ${layer.activation} ${known[0]}: ${known[1]}.` : `Then apply ${layer.kind}.`),
      formula(line(`a = ${layer.activation}(${show(layer.z[s.j])}) = `, value(layer.a[s.j]))));
  } else words.push(el("p", {}, "No activation follows: this is the value."));
  return words;
}

function lossWords() {
  const { name, value: total, target, compared: t, weight: w, probabilities: p } = data.loss, y = data.layers[last].a;
  const n = y.length, differences = y.map((v, i) => [`(${show(v)} − ${term(t[i])})²`]);
  const spread = t.some((share, i) => share !== (i === target[0] ? 1 : 0));
  const few = (list, room) => (list.length > room ? [...list.slice(0, room), `… ${list.length - room} more`] : list);
  const squares = differences.slice(0, 6).join(" + ") + (n > 6 ? ` + … ${n - 6} more` : "");
  const known = {
    cross_entropy: () => spread ? ["Softmax turns the outputs into probabilities p that add up to 1. They are compared with shares t, which label smoothing spreads over the classes and class weights weigh. The loss is minus the sum of each share times the logarithm of its probability.",
      formula(...few(y.map((_, i) => `${className(i)}: t = ${show(t[i])}, p = ${show(p[i])}`), 8),
        line(`L = −(${few(y.map((_, i) => `${term(t[i])} · ln ${show(p[i])}`), 4).join(" + ")}) = `, value(total)))] : ["Softmax turns the outputs into probabilities that add up to 1. The loss is minus the logarithm of the true class's probability: 0 if the network is sure and right.",
      formula(`p(${className(target[0])}) = ${show(p[target[0]])}`, line(`L = −ln ${show(p[target[0]])} = `, value(total)))],
    mse: () => ["The loss is the mean of the squared differences between outputs and targets.", formula(line(`L = ${n > 1 ? `(${squares}) / ${n}` : squares} = `, value(total)))],
    half_mse: () => ["The loss is half of the squared difference between output and target.", formula(line(`L = ${n > 1 ? `(${squares})` : squares} / 2 = `, value(total)))],
    l1: () => ["The loss is the mean distance between outputs and targets.", formula(line("L = ", value(total)))],
    bce_with_logits: () => [`A sigmoid turns ${n > 1 ? "each" : "the"} output into a probability p, which is compared with t${t.some((v) => v !== 0 && v !== 1) ? ", the target after label smoothing" : ""}. The loss is minus the logarithm of the probability given to what is true${n > 1 ? ", a mean over the outputs" : ""}${w !== 1 ? ", times the weight of the sample's class" : ""}.`,
      formula(...few(y.map((_, i) => `t = ${show(t[i])}, p = ${show(p[i])}`), 4),
        line(`L = −${w !== 1 ? `${show(w)} · ` : ""}${n > 1 ? "mean of " : ""}(t · ln p + (1 − t) · ln(1 − p)) = `, value(total)))],
  }[data.loss.known ? name : ""];
  const [text, numbers] = known ? known() : [`The loss (${name}) compares outputs and target in one number.`, formula(line("L = ", value(total)))];
  return [el("p", {}, text), numbers, el("p", {}, "Now backwards: how does the loss change if a value changes a little? That is the value's gradient.")];
}

/** Where the gradient of an output comes from. */
function outputWords(s) {
  const { name, target, compared: t, weight: w, probabilities: p } = data.loss, y = data.layers[last].a, j = s.j;
  const sum = t.reduce((a, b) => a + b, 0), spread = t.some((share, i) => share !== (i === target[0] ? 1 : 0));
  const many = y.length > 1 ? ` / ${y.length}` : "";
  return {
    cross_entropy: () => spread ? ["For softmax with cross-entropy the gradient is the probability, times the sum of all shares, less the share of the class.", `dL/da = ${show(p[j])} · ${show(sum)} − ${term(t[j])} = `] : ["For softmax with cross-entropy the gradient is the probability, less 1 for the true class.", `dL/da = ${show(p[j])} − ${j === target[0] ? 1 : 0} = `],
    mse: () => ["The gradient of a squared difference is twice the difference.", `dL/da = 2 · (${show(y[j])} − ${term(t[j])})${many} = `],
    half_mse: () => ["The gradient of half a squared difference is the difference.", `dL/da = ${show(y[j])} − ${term(t[j])} = `],
    l1: () => ["The gradient of a distance is its sign.", `dL/da = sign(${show(y[j])} − ${term(t[j])})${many} = `],
    bce_with_logits: () => ["For a sigmoid with cross-entropy the gradient is the probability less the target.", `dL/da = ${w !== 1 ? `${show(w)} · ` : ""}(${show(p[j])} − ${term(t[j])})${many} = `],
  }[data.loss.known ? name : ""]?.() ?? [`The gradient of the loss (${name}) for this output:`, "dL/da = "];
}

function errorWords(s) {
  const layer = data.layers[s.l], words = [];
  if (s.l === last) {
    const [text, start] = outputWords(s);
    words.push(el("p", {}, text), formula(line(start, slope(layer.a_grad[s.j]))));
  } else {
    const next = data.layers[s.l + 1];
    words.push(el("p", {}, "Every unit of the next layer sends its error back, multiplied by the weight between them. Add what arrives."),
      formula(line(`dL/da = ${sumText(next.z_grad.map((d, k) => [next.weight[k][s.j], d]))} = `, slope(layer.a_grad[s.j]))));
  }
  if (!layer.activation) return [...words, el("p", {}, "No activation: the error of the sum is the same.")];
  const known = ACTIVATIONS[layer.activation], g = layer.a_grad[s.j], d = layer.z_grad[s.j];
  const ratio = isNumber(g) && isNumber(d) && g !== 0 ? d / g : null;
  return [...words, el("p", {}, `Multiply by the slope of ${layer.activation} at z = ${show(layer.z[s.j])}${known ? `: ${known[2]}` : ""}.`),
    formula(line(ratio === null ? "dL/dz = " : `dL/dz = ${term(g)} · ${term(ratio)} = `, slope(d)))];
}

function weightWords(s) {
  const layer = data.layers[s.l], from = before(s.l), error = layer.z_grad[s.j];
  const order = layer.weight[s.j].map((_, i) => i).sort((a, b) => Math.abs(layer.weight_grad[s.j][b]) - Math.abs(layer.weight_grad[s.j][a]));
  const shown = order.slice(0, 10).sort((a, b) => a - b);
  const name = (i) => (s.l ? `unit ${i + 1}` : inputName(i));
  return [el("p", {}, `The gradient of a weight is the error of its unit times the value that came in through it. ${layer.bias ? "The bias gets the error itself." : ""}`),
    formula(...shown.map((i) => line(`from ${name(i)}: ${term(error)} · ${term(from.a[i])} = `, slope(layer.weight_grad[s.j][i]))),
      order.length > 10 ? `… ${order.length - 10} smaller ones` : null,
      layer.bias ? line("bias: ", slope(layer.bias_grad[s.j])) : null)];
}

function describe(s) {
  if (s.phase === "start")
    return ["The sample", [el("p", {}, "The inputs are set. The network has not computed anything yet."),
      formula(...data.x.slice(0, 10).map((v, i) => line(`${inputName(i)} = `, value(v))), data.x.length > 10 ? `… ${data.x.length - 10} more` : null)]];
  if (s.phase === "forward") return [`Forward: ${unit(s)}`, forwardWords(s)];
  if (s.phase === "loss") return ["The loss", lossWords()];
  if (s.phase === "error") return [`Backward: ${unit(s)}, its error`, errorWords(s)];
  if (s.phase === "weights") return [`Backward: ${unit(s)}, its weights`, weightWords(s)];
  return ["Done", [el("p", {}, "Every weight has its gradient. An optimizer now moves each weight a little against its gradient, and the loss falls."),
    el("p", {}, "The table below the picture has all numbers.")]];
}

// ------------------------------------------------------------------ the picture

const columns = [inputs, ...data.layers];
const WIDTH = 780, TOP = 34;
const most = Math.max(...columns.map((c) => c.a.length));
const side = Math.round(Math.sqrt(data.x.length));
const gridded = data.x.length >= 16 && side * side === data.x.length;
const tallest = Math.max(...columns.map((c, i) => (i === 0 && gridded ? 0 : c.a.length)), 1);
const HEIGHT = Math.min(Math.max(320, tallest * 70), 700);
const gap = (WIDTH - (gridded ? 170 : 0)) / (columns.length + 1);
const rowHeight = (HEIGHT - TOP - 12) / tallest, smallestWithNumbers = 13;
// Between two units there is room for the ring of one and the error below the other.
const radius = Math.max(2, Math.min(25, gap * 0.2, Math.max((rowHeight - 27) / 2, Math.min(0.3 * rowHeight, smallestWithNumbers - 0.1))));

/** Where the j-th unit of a column stands; column 0 are the inputs. */
function place(c, j) {
  if (c === 0 && gridded) {
    const cell = 168 / side;
    return { x: 24 + cell * ((j % side) + 0.5), y: TOP + (HEIGHT - TOP) / 2 - 84 + cell * (Math.floor(j / side) + 0.5), r: cell * 0.42 };
  }
  const count = columns[c].a.length, step = (HEIGHT - TOP - 12) / Math.max(count, 1);
  return { x: (gridded ? 170 : 0) + gap * (c + 0.5), y: TOP + step * (j + 0.5), r: radius };
}
const lossPlace = { x: (gridded ? 170 : 0) + gap * (columns.length + 0.5), y: TOP + (HEIGHT - TOP) / 2, r: Math.max(18, Math.min(25, gap * 0.25)) };
const largest = (list) => Math.max(1e-30, ...list.filter(isNumber).map(Math.abs));

const edges = new Map(), nodes = new Map();
const labels = svg("g", {});

function drawNetwork() {
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 8}`, role: "img", "aria-label": "The network; the text beside it says what happens" });
  const lines = svg("g", {}), circles = svg("g", {});
  data.layers.forEach((layer, l) => {
    const biggest = largest(layer.weight.flat()), count = layer.weight.flat().length;
    const faint = Math.min(1, Math.max(0.15, Math.sqrt(60 / count)));  // many lines would be one grey
    layer.weight.forEach((row, j) => row.forEach((w, i) => {
      const a = place(l, i), b = place(l + 1, j), part = isNumber(w) ? Math.abs(w) / biggest : 0;
      const path = svg("line", { class: "edge", x1: a.x + a.r, y1: a.y, x2: b.x - b.r, y2: b.y, "stroke-width": ((0.3 + 4 * part) * Math.max(faint, 0.4)).toFixed(2),
        "stroke-dasharray": w < 0 ? "6 3" : null, opacity: ((0.25 + 0.55 * part) * faint + 0.2 * (faint === 1)).toFixed(3) });
      edges.set(`${l}/${j}/${i}`, path);
      lines.append(path);
    }));
  });
  data.layers[last].a.forEach((_, j) => {
    const a = place(last + 1, j);
    lines.append(svg("line", { class: "edge", x1: a.x + a.r, y1: a.y, x2: lossPlace.x - lossPlace.r, y2: lossPlace.y, "stroke-width": 0.8, "stroke-dasharray": "1 3" }));
  });
  columns.forEach((column, c) => {
    const at = place(c, 0), x = c === 0 && gridded ? 108 : at.x;
    circles.append(svg("text", { class: "name", x, y: 16 }, c ? layerName(c - 1) : column.name));
    if (column.activation) circles.append(svg("text", { x, y: 30 }, column.activation));
    column.a.forEach((_, j) => circles.append(drawNode(c, j)));
  });
  const { x, y, r } = lossPlace;
  const loss = svg("g", { class: "node" }, svg("rect", { class: "body", x: x - r, y: y - r, width: 2 * r, height: 2 * r, rx: 6 }),
    svg("rect", { class: "fill", x: x - r, y: y - r, width: 2 * r, height: 2 * r, rx: 6, opacity: 0 }), svg("text", { class: "in", x, y: y + 4 }, ""));
  loss.addEventListener("click", () => go(steps.findIndex((s) => s.phase === "loss")));
  nodes.set("loss", loss);
  circles.append(loss, svg("text", { class: "name", x, y: 16 }, "loss"));
  root.append(lines, circles, labels);
  return root;
}

function drawNode(c, j) {
  const { x, y, r } = place(c, j);
  const node = svg("g", { class: "node" }, svg("title", {}, ""), svg("circle", { class: "body", cx: x, cy: y, r }),
    svg("circle", { class: "fill", cx: x, cy: y, r, opacity: 0 }), svg("circle", { class: "ring", cx: x, cy: y, r: r + 2, "stroke-width": 0 }),
    svg("text", { class: "in", x, y: y + 4 }, ""), svg("text", { class: "slope", x, y: y + r + 17 }, ""));
  node.addEventListener("click", () => {
    const wanted = c === 0 ? 0 : stepOf(now >= steps.findIndex((s) => s.phase === "loss") ? "error" : "forward", c - 1, j);
    go(wanted);
  });
  nodes.set(`${c}/${j}`, node);
  return node;
}

/** A number inside a node: in two digits, as large as fits; nothing for null. */
function write(text, number, r) {
  text.textContent = number === null ? "" : format(number, 2);
  if (text.textContent.length > 6) text.textContent = format(number, 1);
  text.setAttribute("font-size", Math.min(12, (3.1 * r) / Math.max(text.textContent.length, 1)).toFixed(1));
}

/** Which values and errors are known after a step. */
function known(s) {
  const order = steps.indexOf(s);
  const at = (phase, l, j) => stepIndex.get(`${phase}/${l}/${j}`) <= order;
  const weightsOfFirst = stepIndex.get(`weights/0/0`) <= order;
  return { value: (c, j) => c === 0 || at("forward", c - 1, j), error: (c, j) => (c === 0 ? weightsOfFirst : at("error", c - 1, j)) };
}
const stepIndex = new Map(steps.map((s, i) => [`${s.phase}/${s.l}/${s.j}`, i]));
const biggestError = largest(data.layers.flatMap((l) => l.z_grad));

function paint(s) {
  const is = known(s);
  columns.forEach((column, c) => {
    const biggest = largest(column.a);
    const errors = column.input ? column.a_grad : column.z_grad;
    column.a.forEach((v, j) => {
      const [title, , fillCircle, ring, text, slopeText] = nodes.get(`${c}/${j}`).children;
      const hasValue = is.value(c, j), hasError = !column.input && is.error(c, j), room = place(c, j).r >= smallestWithNumbers;
      fillCircle.setAttribute("opacity", hasValue && isNumber(v) ? (0.1 + 0.6 * (Math.abs(v) / biggest)).toFixed(3) : 0);
      // The square root keeps an error visible that is a hundredth of the largest.
      const thick = 0.8 + Math.min(5, place(c, j).r / 2) * Math.sqrt(Math.abs(errors[j]) / biggestError);
      ring.setAttribute("stroke-width", hasError && errors[j] ? thick.toFixed(2) : 0);
      ring.setAttribute("r", place(c, j).r + 1 + Number(ring.getAttribute("stroke-width")) / 2);
      write(text, hasValue && room ? v : null, place(c, j).r);
      slopeText.textContent = hasError && room ? format(errors[j], 2) : "";
      title.textContent = `${column.input ? inputName(j) : `${layerName(c - 1)}, unit ${j + 1}`}${hasValue ? `, value ${show(v)}` : ""}${hasError ? `, error ${show(errors[j])}` : ""}`;
      nodes.get(`${c}/${j}`).classList.toggle("now", s.l === c - 1 && s.j === j);
    });
  });
  const done = steps.indexOf(s) >= steps.findIndex((other) => other.phase === "loss"), loss = nodes.get("loss");
  loss.classList.toggle("now", s.phase === "loss");
  loss.children[1].setAttribute("opacity", done ? 0.5 : 0);
  write(loss.children[2], done ? data.loss.value : null, lossPlace.r);
  paintEdges(s);
}

function paintEdges(s) {
  for (const edge of edges.values()) edge.classList.remove("forward", "backward");
  labels.replaceChildren();
  if (s.l === undefined) return;
  const layer = data.layers[s.l];
  const out = s.phase === "error";
  const next = out ? data.layers[s.l + 1] : null;
  const used = out ? (next ? next.weight.map((row, k) => [s.l + 1, k, s.j, row[s.j]]) : [])
    : layer.weight[s.j].map((w, i) => [s.l, s.j, i, s.phase === "weights" ? layer.weight_grad[s.j][i] : w]);
  for (const [l, j, i, number] of used) {
    const edge = edges.get(`${l}/${j}/${i}`);
    edge.classList.add(s.phase === "forward" ? "forward" : "backward");
    edge.parentNode.append(edge);
    if (used.length > 8) continue;
    // Near the end where the edges are apart.
    const a = place(l, i), b = place(l + 1, j), t = out ? 0.68 : 0.32;
    labels.append(svg("text", { class: s.phase === "weights" ? "slope" : "in", style: "stroke: var(--surface)", x: a.x + a.r + t * (b.x - b.r - a.x - a.r), y: a.y + t * (b.y - a.y) - 5 }, format(number, 3)));
  }
}

// ------------------------------------------------------------------ going through

let now = 0;
const page = document.getElementById("explain");
const range = el("input", { type: "range", min: 0, max: steps.length - 1, value: 0, "aria-label": "Step" });
const out = el("output", { class: "num" });
const text = el("div", { class: "panel step", "aria-live": "polite" });
const button = (label, hint, move) => el("button", { type: "button", title: hint, "aria-label": hint, onclick: move }, label);
const first = button("|◀", "First step (Home)", () => go(0)), back = button("◀", "Step back (left)", () => go(now - 1));
const forth = button("▶", "Next step (right)", () => go(now + 1)), end = button("▶|", "Last step (End)", () => go(steps.length - 1));

/** The first step of the next or the previous layer or phase. */
function jump(direction) {
  const group = (s) => `${s.phase}/${s.l}`;
  let i = now;
  while (steps[i + direction] && group(steps[i + direction]) === group(steps[now])) i += direction;
  i = Math.min(Math.max(i + direction, 0), steps.length - 1);
  while (direction < 0 && i > 0 && group(steps[i - 1]) === group(steps[i])) --i;
  go(i);
}

function go(i) {
  now = Math.min(Math.max(i, 0), steps.length - 1);
  const s = steps[now], [title, words] = describe(s);
  range.value = now;
  out.textContent = `step ${now} of ${steps.length - 1}`;
  range.setAttribute("aria-valuetext", `${out.textContent}: ${title}`);
  first.disabled = back.disabled = now === 0;
  forth.disabled = end.disabled = now === steps.length - 1;
  text.replaceChildren(el("h2", {}, title), ...words);
  paint(s);
  try { history.replaceState(null, "", `#${now}`); } catch { /* some browsers refuse this for files */ }
}

function numbersTable() {
  const rows = data.layers.flatMap((layer, l) => layer.z.map((_, j) => [`${layerName(l)}, unit ${j + 1}`, layer.z[j], layer.a[j], layer.a_grad[j], layer.z_grad[j]]));
  return el("details", {}, el("summary", {}, "All values and errors"), el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, ["unit", "sum z", "value a", "dL/da", "error dL/dz"].map((t) => el("th", { scope: "col" }, t)))),
    el("tbody", {}, rows.map(([name, ...numbers]) => el("tr", {}, el("td", {}, name), numbers.map((v) => el("td", {}, v === null ? "not finite" : format(v, 6)))))))));
}

document.title = data.title;
page.append(el("h1", {}, data.title),
  el("p", { class: "soft" }, "Left and right keys go step by step, Page Up and Page Down layer by layer, Home and End to the ends. A click on a node goes there."),
  el("div", { class: "bar" }, first, back, forth, end, range, out),
  el("div", { class: "split" }, el("div", { class: "panel network" }, drawNetwork(),
    el("div", { class: "key" }, el("span", {}, el("b", { class: "value" }, "● "), "value"), el("span", {}, el("b", { class: "slope" }, "◯ "), "error, dL/dz"),
      el("span", {}, "thick line: large weight"), el("span", {}, "dashed: negative"))), text), numbersTable());
range.addEventListener("input", () => go(Number(range.value)));
const KEYS = { ArrowRight: () => go(now + 1), ArrowLeft: () => go(now - 1), Home: () => go(0), End: () => go(steps.length - 1), PageDown: () => jump(1), PageUp: () => jump(-1) };
addEventListener("keydown", (event) => {
  if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  KEYS[event.key]();
});
// On paper the whole pass is worth more than its beginning.
let untouched = false;
addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((d) => { d.open = true; });
  untouched = now === 0;
  if (untouched) go(steps.length - 1);
});
addEventListener("afterprint", () => { if (untouched) go(0); });
go(Number(new URLSearchParams(location.search).get("step") ?? location.hash.slice(1)) || 0);
