"use strict";
// Filters the tables of rows. Without it they are simply whole.
for (const section of document.querySelectorAll("section.rows")) {
  const box = section.querySelector(".filter");
  const input = box.querySelector("input");
  const said = box.querySelector("output");
  const rows = Array.from(section.querySelectorAll("tbody tr"), (row) => [row, row.textContent.toLowerCase()]);
  box.hidden = rows.length < 2;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    said.textContent = words.length ? `${shown} of ${rows.length} shown` : "";
  });
}
