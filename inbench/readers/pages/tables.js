// Tables that sort by their heads, and the filters above them.

/** The value a cell is sorted by: a number where there is one, null where there is nothing. */
function valueOf(cell) {
  const text = cell.dataset.value ?? cell.textContent.trim();
  if (text === "" || text === "-") return null;
  const number = Number(text.split(" ")[0]);
  return Number.isNaN(number) ? text : number;
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

/** Sorts by a column; what has no value stays below, whichever way. */
function sortBy(head) {
  const table = head.closest("table"), before = head.getAttribute("aria-sort");
  const falls = before === "none" ? head.dataset.better === "higher" : before === "ascending";
  for (const other of table.tHead.rows[0].cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", falls ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [valueOf(row.cells[head.cellIndex]), row]);
  const total = rows.filter(([, row]) => row.classList.contains("total"));
  const held = rows.filter(([value, row]) => value !== null && !row.classList.contains("total"));
  const empty = rows.filter(([value, row]) => value === null && !row.classList.contains("total"));
  held.sort(([one], [other]) => (falls ? compare(other, one) : compare(one, other)));
  body.append(...[...held, ...empty, ...total].map(([, row]) => row));
}

for (const button of document.querySelectorAll("table.sortable thead button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}

const filters = by("filters");
const choices = [...filters.querySelectorAll("select")];
const method = filters.querySelector("input[type=search]");

/** What is asked for, by name; an empty text asks for everything. */
const asked = () => Object.fromEntries(choices.map((choice) => [choice.name, choice.value]));

/** Whether something about a data set, a size, a hole and a budget is asked for; what it does not say does not matter. */
const fits = (about) => Object.entries(asked()).every(([name, value]) => !value || !(name in about) || about[name] === value);

const isAsked = (name) => name.toLowerCase().includes(method.value.trim().toLowerCase());

function filter() {
  for (const row of document.querySelectorAll("[data-method]")) row.hidden = !isAsked(row.dataset.method);
  const tables = [...document.querySelectorAll("#scores article")];
  for (const table of tables) {
    table.hidden = !fits(table.dataset) || !table.querySelector("tbody tr:not([hidden])");
  }
  for (const one of document.querySelectorAll(".broken")) one.hidden = one.hidden || !fits(one.dataset);
  for (const one of document.querySelectorAll("#holes article, #cost article")) one.hidden = !fits(one.dataset);
  const shown = tables.filter((table) => !table.hidden).length;
  filters.querySelector("output").textContent = `${shown} of ${tables.length} tables`;
  document.dispatchEvent(new Event("filtered"));
}

/** Of very many tables, the first data set's are enough to begin with; the line beside the filters says so. */
function beginWithFew() {
  for (const name of ["dataset", "mask"]) {
    const choice = choices.find((one) => one.name === name), values = [...choice.options].map((option) => option.value);
    if (document.querySelectorAll("#scores article:not([hidden])").length > 4 && values.length > 2) {
      choice.value = values.includes("center") ? "center" : values[1];
      filter();
    }
  }
}

for (const choice of choices) choice.addEventListener("change", filter);
method.addEventListener("input", filter);
by("reset").addEventListener("click", () => {
  for (const choice of choices) choice.value = "";
  method.value = "";
  filter();
});

filter();
beginWithFew();
