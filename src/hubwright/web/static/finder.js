// The command palette: the list of /search in a dialog, while its words are typed. Without scripts its link opens the page.
const PAUSE = 90; // ms without a key before the server is asked

export function startFinder() {
  const dialog = document.querySelector("#finder");
  const input = dialog.querySelector("input");
  const links = () => [...dialog.querySelectorAll("#found a")];
  let asked = null;
  let timer = 0;

  async function find() {
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(`/search?q=${encodeURIComponent(input.value)}`, { signal: asked.signal });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      dialog.querySelector(".list").replaceChildren(page.querySelector("#found"));
      dialog.querySelector("[role=status]").textContent = `${links().length} found`;
    } catch (error) {
      if (error.name !== "AbortError") dialog.querySelector(".list").textContent = "The hub does not answer.";
    }
  }

  function open() {
    dialog.showModal();
    input.select();
    find();
  }

  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, PAUSE); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => { // arrows walk through the list, from the field and back to it
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const stops = [input, ...links()];
    stops.at((stops.indexOf(document.activeElement) + way) % stops.length).focus();
  });
  dialog.querySelector("form").addEventListener("submit", async (event) => { // Enter opens the best one
    event.preventDefault();
    clearTimeout(timer);
    await find();
    links()[0]?.click();
  });
  for (const link of document.querySelectorAll("[data-open=finder]")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open();
    });
  }
  return open;
}
