// Quality against time: a point for each method, its interval, and its name where there is room for it.

/** The first of some boxes that covers nothing that is there; the last of them where all do. */
function free(boxes, taken) {
  const isOver = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
  return boxes.find((box) => !taken.some((other) => isOver(box, other))) ?? boxes.at(-1);
}

function plane(one) {
  const width = Math.min(Math.max(by("planes").clientWidth, 320), 1100), height = width < 640 ? 340 : 420;
  const left = 44, right = width - 16, low = height - 44, points = one.points;
  const times = ends(points.map(({ x }) => Math.log10(x))), values = ends(points.flatMap((point) => [point.mean, point.low ?? point.mean, point.high ?? point.mean]));
  const across = scaled(times, left + 30, right - 110), y = scaled(values, low - 8, 14), x = (time) => across(Math.log10(time));
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `psnr-pooled in dB against milliseconds an image. ${points.map((point) => `${point.name}: ${point.mean.toFixed(2)} dB, ${point.x.toPrecision(2)} ms`).join("; ")}` });
  for (const tick of ticks(values, 5)) {
    svg.append(make("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }), make("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, String(tick)));
  }
  for (let power = Math.ceil(times[0]); power <= times[1]; power += 1) {
    svg.append(make("line", { class: "grid", x1: across(power), x2: across(power), y1: 8, y2: low }), make("text", { x: across(power), y: low + 18, "text-anchor": "middle" }, String(Number((10 ** power).toPrecision(1)))));
  }
  svg.append(make("text", { x: right, y: low + 36, "text-anchor": "end" }, `ms an image (hole ${one.mask})`), make("text", { x: left - 8, y: 6, "text-anchor": "end" }, "dB"));
  const taken = points.map((point) => ({ left: x(point.x) - 5, right: x(point.x) + 5, top: y(point.mean) - 5, bottom: y(point.mean) + 5 }));
  taken.push({ left: right, right: Infinity, top: -Infinity, bottom: Infinity });  // the end of the chart
  for (const point of points) {
    const [px, py, wide] = [x(point.x), y(point.mean), 6.4 * short(point.name).length];
    const at = (near, top) => ({ left: near, right: near + wide, top, bottom: top + 12 });
    const box = free([at(px + 8, py - 6), at(px - 8 - wide, py - 6), at(px - wide / 2, py - 20), at(px - wide / 2, py + 8), at(px + 8, py - 18), at(px + 8, py + 6), at(px - 8 - wide, py - 18), at(px - 8 - wide, py + 6)], taken);
    taken.push(box);
    svg.append(make("g", { class: "point" }, make("title", {}, `${point.name}: ${point.mean.toFixed(2)} dB, ${point.x.toPrecision(3)} ms`),
      ...(point.low === null ? [] : [make("line", { x1: px, x2: px, y1: y(point.low), y2: y(point.high) })]),
      make("circle", { cx: px, cy: py, r: 4 }), make("text", { class: "name", x: box.left, y: box.bottom - 2 }, short(point.name))));
  }
  const { dataset, size, budget } = one.about;
  return make("article", { class: "chart" }, make("h3", {}, dataset, ...[`${size} × ${size}`, `budget ${budget}`, "psnr-pooled against time"].map((text) => make("span", {}, text))), svg);
}

function showPlanes() {
  by("planes").replaceChildren(...told.planes
    .map((one) => ({ ...one, points: one.points.filter((point) => isAsked(point.name)) }))
    .filter((one) => fits(one.about) && one.points.length > 1).map(plane));
}

if (by("planes")) document.addEventListener("filtered", showPlanes);
