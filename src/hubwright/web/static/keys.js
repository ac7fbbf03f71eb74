// Single keys, only when no field has the focus. Elements with data-key are clicked; `?` lists all; they can be turned off.
// https://www.w3.org/TR/WCAG22/#character-key-shortcuts
const ROWS = "main :is(.builds > li, .files > li, tbody > tr)";
const orders = {};

export function offer(more) { Object.assign(orders, more); } // what a page's own script does at a key

export function startKeys(find) {
  const dialog = document.querySelector("#keys");
  const box = dialog.querySelector("input");
  box.checked = localStorage.getItem("keys") !== "off";
  box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
  for (const button of document.querySelectorAll("[data-open=keys]")) {
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
  }
  offer({
    "?": () => dialog.showModal(),
    ".": find,
    "-": () => (document.querySelector(":is(a, button)[data-key='-']") ?? [...document.querySelectorAll(".brand, .crumbs a")].at(-1)).click(),
    j: () => step(1), k: () => step(-1),
    g: () => scrollTo(0, 0), G: () => scrollTo(0, document.documentElement.scrollHeight),
    ...orders, // of a script that was quicker
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !box.checked) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    if (document.querySelector("dialog[open]")) { if (event.key === "?") dialog.close(); return; }
    const named = `:is(a, button)[data-key="${CSS.escape(event.key)}"]`;
    const target = document.querySelector(`main ${named}`) ?? document.querySelector(named); // the page's own comes first
    const order = orders[event.key] ?? (target && (() => target.click()));
    if (!order) return;
    event.preventDefault();
    order();
  });
  document.addEventListener("click", (event) => { // a button that stands for a key
    const button = event.target.closest("button[type=button][data-key]");
    if (button) orders[button.dataset.key]?.();
  });
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.ask;
    if (question && !confirm(question)) event.preventDefault();
  });
}

function step(way) { // the next or previous row of the page's lists; from nowhere the first that is to be seen
  const rows = [...document.querySelectorAll(ROWS)].filter((row) => row.checkVisibility() && row.querySelector("a[href]"));
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = at < 0 ? rows.find((row) => row.getBoundingClientRect().top >= 0) : rows[at + way];
  next?.querySelector("a[href]").focus();
}
