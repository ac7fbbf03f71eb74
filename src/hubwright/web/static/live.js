// One event stream per tab. It carries no data, only "facts" (the page has changed), "log" (so many lines now) and "news"
// (something happened elsewhere); what is shown is fetched again, so a cut stream can neither lose nor double anything.
import { ask } from "./asking.js";
import { morph } from "./morph.js";

const PAUSE = 400; // ms between two fetches of the page
const RETRY = [500, 1000, 2000, 5000, 10000];
const AWAY = 20000; // ms between two looks of a hidden tab that has no stream
const HIDDEN = 3; // streams of hidden tabs: browsers have six connections to a host without HTTP/2, for all tabs together

let source = null;
let timer = 0;
let fetching = false;
let again = false;
let view = null;
let failures = 0;
let ended = false;
const listeners = [];

export function follow(log) { view = log; } // who is told that the log has grown, and given it as the page has it

export function onNews(listener) { listeners.push(listener); } // who is told that something happened somewhere

export function startLive(everywhere) { // `everywhere`: news are wanted on pages too that do not change
  const address = document.body.dataset.stream || (everywhere ? "/fragments/stream" : "");
  if (!address) return;
  const pill = document.querySelector("#offline");
  const news = everywhere && address.includes("?") ? "&news=1" : "";
  const connect = () => {
    clearTimeout(timer);
    source?.close();
    if (ended) return;
    source = new EventSource(address + news);
    source.addEventListener("open", () => {
      if (failures) refresh(); // what happened meanwhile
      failures = 0;
      pill.hidden = true;
    });
    source.addEventListener("facts", () => refresh());
    source.addEventListener("news", () => tellNews());
    source.addEventListener("log", (event) => view?.grow(Number(event.data)));
    source.addEventListener("refused", () => location.reload()); // logged out: the page says so
    source.addEventListener("error", () => {
      source.close();
      if (failures++ === 2) {
        pill.textContent = `Offline since ${new Date().toLocaleTimeString()}, reconnecting…`;
        pill.hidden = false;
      }
      timer = setTimeout(connect, RETRY[Math.min(failures, RETRY.length) - 1]);
    });
  };
  connect();
  tellNews();
  document.addEventListener("visibilitychange", () => turn(connect));
}

let seat = 0; // which turn of hiding and showing this is; a lock that comes late is given back

async function turn(connect) { // a hidden tab keeps its stream while it has one of a few seats, else it looks now and then
  seat += 1;
  const mine = seat;
  clearTimeout(timer);
  if (ended) return;
  if (!document.hidden) {
    if (source.readyState !== EventSource.CLOSED) return;
    connect();
    refresh();
    return;
  }
  const seated = await sit(mine);
  if (mine !== seat || ended) return;
  if (seated) {
    if (source.readyState === EventSource.CLOSED) connect(); // it was about to, when the tab was hidden
    return;
  }
  clearTimeout(timer);
  source.close();
  const look = () => { if (ended) return; refresh(); timer = setTimeout(look, AWAY); };
  timer = setTimeout(look, AWAY);
}

async function sit(mine) { // whether there was a seat; it is kept until the tab is shown again
  for (let place = 0; place < HIDDEN && navigator.locks; place += 1) {
    const got = await new Promise((tell) => {
      navigator.locks.request(`stream-${place}`, { ifAvailable: true }, (lock) => {
        tell(Boolean(lock));
        return lock && new Promise((leave) => {
          const check = () => { if (!document.hidden || mine !== seat) leave(); };
          document.addEventListener("visibilitychange", check, { once: true });
          check();
        });
      });
    });
    if (got) return true;
  }
  return false;
}

function tellNews() { for (const listener of listeners) listener(); }

async function refresh() {
  if (fetching) { again = true; return; }
  fetching = true;
  tellNews();
  try {
    const answer = await ask(location.pathname + location.search, { headers: { Accept: "text/html" } });
    if (answer.ok && document.body.dataset.stream) merge(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch { /* the stream's own error shows it */ }
  await new Promise((done) => setTimeout(done, PAUSE));
  fetching = false;
  if (again) { again = false; refresh(); }
}

function merge(page) {
  if (isOther(page)) { location.reload(); return; }
  const held = document.activeElement.closest("[data-live] *"); // what the reader is at stays where it is
  const before = held?.getBoundingClientRect().top;
  for (const fresh of page.querySelectorAll("[data-live]")) {
    const old = document.getElementById(fresh.id);
    if (!old) continue;
    if (old.dataset.key !== fresh.dataset.key) tell(fresh);
    morph(old, fresh);
  }
  if (held?.isConnected) scrollBy({ top: held.getBoundingClientRect().top - before, behavior: "instant" });
  document.title = page.title;
  if (!page.body.dataset.stream && !listeners.length) { // the build has ended: nothing more will come
    ended = true;
    source?.close();
  }
  const icon = document.querySelector("#favicon");
  const href = page.querySelector("#favicon").getAttribute("href");
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  view?.merge(page.querySelector("#log"));
}

function isOther(page) { // whether the hub is of another version now: its pages need its own scripts; not while one types
  const script = (of) => of.querySelector("script[src$='/main.js']")?.getAttribute("src");
  return script(page) !== script(document) && !document.activeElement.matches("input, textarea, select");
}

function tell(element) { // one polite sentence for screen readers
  if (element.dataset.say) document.querySelector("#say").textContent = element.dataset.say;
}
