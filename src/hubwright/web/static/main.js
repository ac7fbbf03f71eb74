// What every page needs. All can be read without it; a page that needs more links its own script, in {% block scripts %}.
import { startClock } from "./clock.js";
import { startFinder } from "./finder.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startNotices } from "./notices.js";
import { startTheme } from "./theme.js";

document.documentElement.classList.add("js");
startTheme();
startClock();
startKeys(startFinder());
startLive(startNotices());
