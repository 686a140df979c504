// A blinded page: one question after the other, and the votes as a CSV file. Whose the fills are is not in here.

const store = `inbench-votes-${told.page}`;
let votes = [], asked = 0, since = 0;

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(store) || "[]");
    return Array.isArray(found) ? found.slice(0, told.questions.length) : [];
  } catch { return []; }
}

function show() {
  const isDone = asked >= told.questions.length;
  by("ask").hidden = isDone;
  by("done").hidden = !isDone;
  by("progress").max = told.questions.length;
  by("progress").value = asked;
  by("back").disabled = asked === 0;
  by("save").disabled = votes.length === 0;
  since = performance.now();
  if (isDone) { by("done").focus(); return; }
  by("count").textContent = `${asked + 1} of ${told.questions.length}`;
  for (const side of ["left", "right"]) paint(by(side).firstChild, [told.questions[asked].seen, told.questions[asked][side]]);
}

function vote(side) {
  if (asked >= told.questions.length) return;
  votes[asked] = { question: asked + 1, choice: side, seconds: ((performance.now() - since) / 1000).toFixed(1) };
  asked += 1;
  try { localStorage.setItem(store, JSON.stringify(votes)); } catch { /* a reload begins anew, then */ }
  show();
}

function save() {
  const lines = votes.map((one) => [told.page, one.question, one.choice, one.seconds].join(","));
  const file = new Blob([["page,question,choice,seconds", ...lines].join("\n") + "\n"], { type: "text/csv" });
  const link = make("a", { href: URL.createObjectURL(file), download: `votes-${told.page}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  by("saved").textContent = `${votes.length} of ${told.questions.length} votes saved; send the file back.`;
}

for (const side of ["left", "right"]) by(side).addEventListener("click", () => vote(side));
by("back").addEventListener("click", () => { asked -= 1; show(); });
by("save").addEventListener("click", save);
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
  if (event.key === "ArrowLeft") vote("left");
  if (event.key === "ArrowRight") vote("right");
});

votes = kept();
asked = votes.length;
show();
