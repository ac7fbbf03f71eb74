// Ages ("5 min ago") and running durations go on by themselves; the page tells the server's time.
const skew = Number(document.body.dataset.now) - Date.now() / 1000;

const age = (seconds) => {
  if (seconds < 10) return "just now";
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${Math.floor(seconds)} s ago`;
};

const duration = (seconds) => {
  const whole = Math.max(0, Math.round(seconds));
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} min`;
};

const set = (element, text) => { if (element.textContent !== text) element.textContent = text; };

function tick() {
  if (document.hidden) return;
  const now = Date.now() / 1000 + skew;
  for (const element of document.querySelectorAll("[data-age]")) set(element, age(now - element.dataset.age));
  for (const element of document.querySelectorAll("[data-since]")) set(element, duration(now - element.dataset.since));
}

export function startClock() {
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
}
