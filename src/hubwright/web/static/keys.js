// Single keys, only when no field has the focus. Elements with data-key are clicked; `?` lists all; they can be turned off.
const orders = {};

export function offer(more) { Object.assign(orders, more); } // what a page's own script does at a key

export function startKeys() {
  const dialog = document.querySelector("#keys");
  const box = dialog.querySelector("input");
  box.checked = localStorage.getItem("keys") !== "off";
  box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
  for (const button of document.querySelectorAll("[data-open=keys]")) {
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
  }
  document.querySelector("#theme")?.addEventListener("click", turn);
  document.querySelector("#theme")?.removeAttribute("hidden");

  offer({
    "?": () => dialog.open ? dialog.close() : dialog.showModal(),
    g: () => scrollTo(0, 0), G: () => scrollTo(0, document.documentElement.scrollHeight),
    ...orders, // of a script that was quicker
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
    if (event.key !== "?" && (!box.checked || dialog.open)) return;
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
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

function turn() { // light, dark, as the system has it; a cookie, so that the server sends the page right at once
  const root = document.documentElement;
  const next = { "": "dark", dark: "light", light: "" }[root.dataset.theme ?? ""];
  if (next) root.dataset.theme = next; else delete root.dataset.theme;
  document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
  const button = document.querySelector("#theme");
  button.title = `Theme: ${next || "system"}`;
  button.setAttribute("aria-label", button.title);
}
