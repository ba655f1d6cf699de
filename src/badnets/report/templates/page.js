"use strict";
const announcement = document.getElementById("announcement");
const numbers = new Intl.Collator("en", { numeric: true });

const keyOf = (row, column) => {
  const cell = row.cells[column];
  const key = cell.dataset.key ?? cell.firstChild?.textContent.trim() ?? "";
  return key === "" || Number.isNaN(Number(key)) ? key : Number(key);
};

const compare = (a, b) => {
  if (a === "" || b === "") return (a === "") - (b === ""); // nothing known: below
  if (typeof a === "number" && typeof b === "number") return a - b;
  return numbers.compare(String(a), String(b));
};

const inOrder = (rows, column, falls) => {
  const keyed = rows.map((row) => [keyOf(row, column), row]);
  keyed.sort(([a], [b]) => (falls && a !== "" && b !== "" ? compare(b, a) : compare(a, b)));
  return keyed.map(([, row]) => row);
};

const marked = (table, heading, falls) => {
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", falls ? "descending" : "ascending");
  const order = falls ? "largest first" : "smallest first";
  announcement.textContent = `sorted by ${heading.textContent.trim()}, ${order}`;
};

const sort = (table, heading, column) => {
  const falls = heading.getAttribute("aria-sort") === "ascending";
  marked(table, heading, falls);
  if (table.arrange) return table.arrange(column, falls); // a board shows a part of its rows
  const body = table.tBodies[0];
  body.append(...inOrder([...body.rows], column, falls));
};

for (const note of document.querySelectorAll("td small, th small")) {
  note.parentElement.title = note.textContent;
}

// a table that does not fit says so; one in a fold has no width before it is opened
const widths = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    target.classList.toggle("wide", target.scrollWidth > target.clientWidth + 1);
  }
});
for (const box of document.querySelectorAll(".scroll")) widths.observe(box);

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = table.tHead.rows[table.tHead.rows.length - 1].cells;
  [...headings].forEach((heading, column) => {
    if (heading.tagName !== "TH") return; // a column without a name
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(table, heading, column));
  });
}
