// Headings become buttons that sort their table; what has no number goes last. On paper everything folded is open.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(h => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = row => row.cells[i].textContent.trim();
      const value = row => head.classList.contains("number") ? parseFloat(text(row)) : text(row);
      const empty = v => v === "" || Number.isNaN(v);
      const order = (a, b) => {
        const [x, y] = [value(a), value(b)];
        if (empty(x) || empty(y)) return empty(x) - empty(y);
        const by = typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true });
        return up ? by : -by;
      };
      body.append(...[...body.rows].sort(order));
      table.dispatchEvent(new Event("ordered"));
    });
  });
}
// A table of many lines gets a field that leaves those in which the words typed stand.
for (const table of document.querySelectorAll("table.searchable")) {
  const label = document.createElement("label"), input = document.createElement("input");
  label.className = "search";
  input.type = "search";
  label.append("Search the columns", input);
  table.before(label);
  // Of a long table the first lines are shown, until somebody asks for all or searches.
  const few = 20, all = document.createElement("button"), body = table.tBodies[0];
  let cut = body.rows.length > few + 5;
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    [...body.rows].forEach((row, i) => {
      row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
      row.classList.toggle("more", cut && !input.value && i >= few);
    });
    all.hidden = !cut || input.value !== "";
  };
  all.type = "button";
  all.className = "all";
  all.append(`Show all ${body.rows.length} columns`);
  all.addEventListener("click", () => { cut = false; show(); });
  table.after(all);
  input.addEventListener("input", show);
  table.addEventListener("ordered", show);
  show();
}
// A link into something folded opens it; the menu of a small screen closes behind it.
const reveal = () => {
  let at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  document.querySelectorAll("details.menu").forEach(menu => { menu.open = false; });
  for (let e = at; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
  if (at) at.scrollIntoView();
};
addEventListener("hashchange", reveal);
reveal();
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { d.open = true; }));
