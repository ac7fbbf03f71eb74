// A page with a log: the viewer, its keys, and what the page's event stream tells it.
import { offer } from "./keys.js";
import { follow } from "./live.js";
import { LogView } from "./log.js";

const root = document.querySelector("#log");
if (root) {
  const view = new LogView(root);
  follow(view);
  offer({
    j: () => view.step(1), k: () => view.step(-1),
    e: () => view.errors.step(1), E: () => view.errors.step(-1),
    n: () => view.search.step(1), N: () => view.search.step(-1),
    G: () => view.bottom(),
    w: () => view.toggleWrap(), x: () => view.fold(), t: () => view.times.turn(),
    "/": () => view.search.focus(),
  });
}
