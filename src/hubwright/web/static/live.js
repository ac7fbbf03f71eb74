// One event stream per tab. It carries no data, only "facts" (the page has changed) and "log" (so many lines now);
// what is shown is fetched again from the server, so a cut stream can neither lose nor double anything.
const PAUSE = 400; // ms between two fetches of the page
const RETRY = [500, 1000, 2000, 5000, 10000];

let source = null;
let fetching = false;
let again = false;
let view = null;

export function follow(log) { view = log; } // who is told that the log has grown, and given it as the page has it

export function startLive() {
  const address = document.body.dataset.stream;
  if (!address) return;
  const pill = document.querySelector("#offline");
  let failures = 0;
  const connect = () => {
    source = new EventSource(address);
    source.addEventListener("open", () => {
      if (failures) refresh(); // what happened meanwhile
      failures = 0;
      pill.hidden = true;
    });
    source.addEventListener("facts", () => refresh());
    source.addEventListener("log", (event) => view?.grow(Number(event.data)));
    source.addEventListener("refused", () => location.reload()); // logged out: the page says so
    source.addEventListener("error", () => {
      source.close();
      if (failures++ === 2) {
        pill.textContent = `Offline since ${new Date().toLocaleTimeString()}, reconnecting…`;
        pill.hidden = false;
      }
      setTimeout(connect, RETRY[Math.min(failures, RETRY.length) - 1]);
    });
  };
  connect();
}

async function refresh() {
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
    if (answer.ok) merge(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch { /* the stream's own error shows it */ }
  await new Promise((done) => setTimeout(done, PAUSE));
  fetching = false;
  if (again) { again = false; refresh(); }
}

function merge(page) {
  for (const fresh of page.querySelectorAll("[data-live]")) {
    const old = document.getElementById(fresh.id);
    if (old && old.dataset.key !== fresh.dataset.key) tell(fresh);
    if (old && old.outerHTML !== fresh.outerHTML) replace(old, fresh);
  }
  document.title = page.title;
  if (!page.body.dataset.stream) source?.close(); // the build has ended: nothing more will come
  const icon = document.querySelector("#favicon");
  const href = page.querySelector("#favicon").getAttribute("href");
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  view?.merge(page.querySelector("#log"));
}

function replace(old, fresh) {
  for (const details of old.querySelectorAll("details[id][open]")) {
    fresh.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute("open", "");
  }
  const focus = old.contains(document.activeElement) && document.activeElement.id;
  old.replaceWith(fresh);
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
}

function tell(element) { // one polite sentence for screen readers
  if (element.dataset.say) document.querySelector("#say").textContent = element.dataset.say;
}
