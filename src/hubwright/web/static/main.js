// What every page needs. All can be read without it; a page that needs more links its own script, in {% block scripts %}.
import { startClock } from "./clock.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";

document.documentElement.classList.add("js");
startClock();
startKeys();
startLive();
