// Curves: validation of all methods of a table in one chart, and the losses of each in a small one. A line has a colour and a dash.

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a82"];
const DASHES = ["none", "7 3", "2 3", "9 3 2 3"];
const look = (place) => ({ stroke: COLOURS[place % COLOURS.length], "stroke-dasharray": DASHES[Math.floor(place / COLOURS.length + place) % DASHES.length] });

const swatch = (place) => make("svg", { viewBox: "0 0 26 8", class: "key", "aria-hidden": "true" },
  make("line", { x1: 0, x2: 26, y1: 4, y2: 4, "stroke-width": 2.5, ...look(place) }));

const ends = (values) => [Math.min(...values), Math.max(...values)];
const scaled = ([low, high], from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);
const pathOf = (points, x, y) => points.map(([one, other], place) => `${place ? "L" : "M"}${x(one).toFixed(1)} ${y(other).toFixed(1)}`).join("");

/** Round numbers between two ends. */
function ticks([low, high], count) {
  const rough = (high - low || 1) / count, unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * unit).find((one) => one >= rough);
  const found = [];
  for (let place = Math.ceil(low / step); place * step <= high; place += 1) found.push(Number((place * step).toPrecision(6)));
  return found;
}

/** Places for labels, no two nearer than `gap`. */
function apart(places, gap) {
  const order = places.map((place, number) => [place, number]).sort(([one], [other]) => one - other);
  for (let number = 1; number < order.length; number += 1) order[number][0] = Math.max(order[number][0], order[number - 1][0] + gap);
  const found = [];
  for (const [place, number] of order) found[number] = place;
  return found;
}

const labelOf = (one, all) => one.method + (all.filter((other) => other.method === one.method).length > 1 ? `, seed ${one.seed}` : "");

/** A name that has room beside a chart; the whole of it stands in the title of its line. */
const short = (name) => (name.length > 27 ? `${name.slice(0, 26)}…` : name);

function validationChart(members) {
  const width = Math.min(Math.max(by("charts").clientWidth, 320), 1100), isNarrow = width < 640;
  const height = isNarrow ? 260 : Math.max(320, 90 + 15 * members.length);
  const right = isNarrow ? width - 6 : width - 230, left = 44, low = height - 40;
  const steps = [0, Math.max(...members.map((one) => one.steps))];
  const values = ends(members.flatMap((one) => one.validation.map(([, value]) => value)));
  const x = scaled(steps, left, right), y = scaled(values, low, 12);
  const names = members.map((one) => labelOf(one, members));
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Validation psnr in dB by step. ${members.map((one, place) => `${names[place]} ends at ${one.validation.at(-1)[1].toFixed(2)}`).join("; ")}` });
  for (const tick of ticks(values, 5)) {
    svg.append(make("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
      make("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, String(tick)));
  }
  for (const tick of ticks(steps, 5)) svg.append(make("text", { x: x(tick), y: low + 20, "text-anchor": "middle" }, tick.toLocaleString("en")));
  svg.append(make("text", { x: right, y: low + 33, "text-anchor": "end" }, "steps"), make("text", { x: left - 8, y: 5, "text-anchor": "end" }, "dB"));
  const lasts = apart(members.map((one) => y(one.validation.at(-1)[1])), 15);
  members.forEach((one, place) => {
    const last = one.validation.at(-1), style = look(place);
    const beside = isNarrow ? [] : [
      make("line", { x1: x(last[0]) + 4, x2: right + 26, y1: y(last[1]), y2: lasts[place], stroke: style.stroke, opacity: .6 }),
      make("text", { class: "name", x: right + 32, y: lasts[place] + 4 }, `${short(names[place])}  ${last[1].toFixed(2)}`)];
    svg.append(make("g", {}, make("title", {}, names[place]),
      make("path", { d: pathOf(one.validation, x, y), fill: "none", "stroke-width": 2, "stroke-linejoin": "round", ...style }), ...beside));
  });
  if (!isNarrow) return [svg];
  return [svg, make("ul", { class: "legend" }, ...members.map((one, place) =>
    make("li", {}, swatch(place), `${names[place]}: ${one.validation.at(-1)[1].toFixed(2)} dB`)))];
}

function lossChart(one, all) {
  const names = Object.keys(one.losses), width = 260, height = 96;
  const x = scaled([0, one.steps], 0, width);
  const svg = make("svg", { viewBox: `0 -4 ${width} ${height + 8}`, role: "img", "aria-label": `Losses of ${labelOf(one, all)} by step` },
    make("line", { class: "grid", x1: 0, x2: width, y1: height, y2: height }));
  const key = names.map((name, place) => {
    const points = one.losses[name], range = ends(points.map(([, value]) => value)), style = look(place);
    svg.append(make("path", { d: pathOf(points, x, scaled(range, height, 0)), fill: "none", "stroke-width": 1.5, ...style }));
    return make("li", {}, swatch(place), `${name}: ${range.map((end) => Number(end.toPrecision(3))).join(" to ")}`);
  });
  return make("div", { class: "loss" }, make("h4", {}, labelOf(one, all)), svg, make("ul", {}, ...key));
}

/** The curves of one table; the small charts are drawn when they are asked for. */
function chart(members) {
  const { dataset, size, train_mask: mask, budget } = members[0];
  const head = make("h3", {}, dataset, ...[`${size} × ${size}`, `trained on ${mask}`, `budget ${budget}`].map((text) => make("span", {}, text)));
  const made = make("article", { class: "chart" }, head, make("div", {}, ...validationChart(members)));
  const withLosses = members.filter((one) => Object.keys(one.losses).length);
  if (withLosses.length) {
    const small = make("div", { class: "small" });
    const details = make("details", {}, make("summary", {}, "Losses of each training"), small);
    details.addEventListener("toggle", () => { if (!small.hasChildNodes()) small.append(...withLosses.map((one) => lossChart(one, members))); });
    made.append(details);
  }
  return made;
}

function showCurves() {
  const groups = new Map();
  for (const one of told.trainings) {
    const about = { dataset: one.dataset, size: one.size, budget: one.budget };
    if (!fits(about) || !isAsked(one.method) || !one.validation.length) continue;
    const name = JSON.stringify([one.dataset, one.size, one.train_mask, one.budget]);
    groups.set(name, [...(groups.get(name) || []), one]);
  }
  const made = [...groups.values()].map(chart);
  by("charts").replaceChildren(...(made.length ? made : [make("p", {}, "No training on what is chosen was watched step by step.")]));
}

if (by("charts")) document.addEventListener("filtered", showCurves);
