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
    e: () => view.error(1), E: () => view.error(-1),
    G: () => view.bottom(),
    w: () => view.toggleWrap(), x: () => view.fold(),
    "/": () => document.querySelector("#line").focus(),
  });
}
