// Light, dark, or as the system has it; in a cookie, so that the server sends the page right at once.
const NEXT = { "": "dark", dark: "light", light: "" };

export function startTheme() {
  const button = document.querySelector("#theme");
  if (!button) return; // a page without a top
  button.hidden = false;
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const next = NEXT[root.dataset.theme ?? ""];
    if (next) root.dataset.theme = next; else delete root.dataset.theme;
    document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
    button.title = `Theme: ${next || "system"}`;
    button.setAttribute("aria-label", button.title);
  });
}
