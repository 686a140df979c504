// The gallery: pictures picked by rule, what each method made of them, and a slider that lays one over another.

const shown = { gallery: 0, pick: 0, left: "original", right: "" };

const gallery = () => told.galleries[shown.gallery];
const picked = () => gallery().picks[shown.pick];
/** What can be laid on either side: the picture itself, what is seen of it, and every method that has an answer. */
const sides = () => ["original", "seen", ...gallery().methods.map((_, place) => String(place))];
const nameOf = (side) => gallery().methods[side] ?? side;

function paintSide(canvas, side) {
  const { image, fills } = picked();
  const layer = side === "original" ? null : side === "seen" ? fills.find(Boolean) : fills[side];
  canvas.setAttribute("aria-label", `${nameOf(side)}: ${picked().id}`);
  paint(canvas, layer ? [image, layer] : [image], side === "seen");
}

/** The scores of a method on the picture that is shown, in words. */
function scoresOf(side) {
  const scores = picked().scores[side];
  if (!scores) return side === "seen" ? "what a method may look at" : "as it was";
  const words = { psnr: (value) => `${value.toFixed(2)} dB`, ssim: (value) => `ssim ${value.toFixed(3)}` };
  return Object.entries(scores).filter(([, value]) => value !== null).map(([name, value]) => words[name](value)).join(", ");
}

function thumb(label, small, isPressed, onChosen) {
  const button = make("button", { type: "button", class: "thumb", "aria-pressed": String(isPressed) },
    make("canvas", { "aria-hidden": "true" }), make("span", {}, label), make("small", {}, small));
  button.addEventListener("click", onChosen);
  return button;
}

function showPicks() {
  by("picks").replaceChildren(...gallery().picks.map((pick, place) => {
    const button = thumb(pick.rule, "", place === shown.pick, () => { shown.pick = place; showPicture(); });
    button.setAttribute("aria-label", `${pick.rule}: ${pick.id}`);
    paint(button.firstChild, [pick.image]);
    return button;
  }));
}

function showPicture() {
  [...by("picks").children].forEach((button, place) => button.setAttribute("aria-pressed", String(place === shown.pick)));
  by("fills").replaceChildren(...sides().filter((side) => side === "original" || side === "seen" || picked().fills[side]).map((side) => {
    const button = thumb(nameOf(side), scoresOf(side), side === shown.right, () => { shown.right = side; showPair(); });
    button.dataset.side = side;
    paintSide(button.firstChild, side);
    return button;
  }));
  showPair();
}

function showPair() {
  for (const place of ["left", "right"]) {
    by(`${place}-of`).value = shown[place];
    paintSide(by(place), shown[place]);
  }
  for (const button of by("fills").children) button.setAttribute("aria-pressed", String(button.dataset.side === shown.right));
  const words = (side) => `${nameOf(side)} (${scoresOf(side)})`;
  by("told").textContent = `${picked().id}. Left: ${words(shown.left)}. Right: ${words(shown.right)}.`;
}

function slide() {
  const share = Number(by("slider").value);
  by("left").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  by("left").style.zIndex = "1";
  document.querySelector(".seam").style.cssText = `left: ${share}%; z-index: 2`;
}

function showGallery(place) {
  const scores = told.galleries[place].picks[0].scores.map(({ psnr }) => psnr ?? -Infinity);
  Object.assign(shown, { gallery: place, pick: 0, left: "original", right: String(scores.indexOf(Math.max(...scores))) });
  by("galleries").value = String(place);
  for (const name of ["left-of", "right-of"]) {
    by(name).replaceChildren(...sides().map((side) => make("option", { value: side }, nameOf(side))));
  }
  by("rules").textContent = [gallery().told, ...gallery().missing].join(". ");
  showPicks();
  showPicture();
}

/** Where the filters leave the gallery out, the first one that they leave in is shown. */
function follow() {
  const places = told.galleries.map((one, place) => (fits(one.about) ? place : -1)).filter((place) => place >= 0);
  [...by("galleries").options].forEach((option, place) => { option.hidden = !places.includes(place); });
  if (places.length && !places.includes(shown.gallery)) showGallery(places[0]);
}

if (told.galleries.length) {
  by("galleries").addEventListener("change", (event) => showGallery(Number(event.target.value)));
  by("slider").addEventListener("input", slide);
  for (const place of ["left", "right"]) {
    by(`${place}-of`).addEventListener("change", (event) => { shown[place] = event.target.value; showPair(); });
  }
  document.addEventListener("filtered", follow);
  showGallery(0);
  slide();
}
