// Starts what the page needs. Everything can be read without it.
import { startClock } from "./clock.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { LogView } from "./log.js";

document.documentElement.classList.add("js");
const log = document.querySelector("#log");
const view = log && new LogView(log);
startClock();
startKeys(view);
startLive(view);
