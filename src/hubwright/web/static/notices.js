// Desktop notifications, for who has asked for them by a button: that a build has ended which is watched, or one's own.
// What was asked for is remembered in this browser; any open page of the hub tells it, the same thing once.
import { ask } from "./asking.js";
import { onNews } from "./live.js";

const LIMIT = 50; // builds that are watched at once

const read = () => JSON.parse(localStorage.getItem("notices") ?? "{}");
const keep = (notices) => localStorage.setItem("notices", JSON.stringify(notices));

export function startNotices() { // whether anything is to be told
  if (!("Notification" in window) || !window.isSecureContext) return false;
  for (const button of document.querySelectorAll("[data-watch]")) offer(button);
  const wanted = Notification.permission === "granted" && isWanted(read());
  if (wanted) onNews(look);
  return wanted;
}

function isWanted({ mine, builds }) { return Boolean(mine || builds?.length); }

function offer(button) {
  const what = button.dataset.watch;
  const show = () => {
    const { mine, builds = [] } = read();
    const on = Notification.permission === "granted" && (what === "mine" ? Boolean(mine) : builds.includes(Number(what)));
    button.setAttribute("aria-pressed", String(on));
    return on;
  };
  button.hidden = false;
  show();
  button.addEventListener("click", async () => {
    if (await Notification.requestPermission() !== "granted") {
      document.querySelector("#say").textContent = button.title = "This browser does not let this site show notifications.";
      return;
    }
    const notices = read();
    const was = isWanted(notices);
    if (what === "mine") notices.mine = !notices.mine;
    else notices.builds = toggle(notices.builds ?? [], Number(what));
    keep(notices);
    show();
    if (!was && isWanted(notices)) { onNews(look); look(); }
  });
}

function toggle(list, item) { return list.includes(item) ? list.filter((one) => one !== item) : [...list, item].slice(-LIMIT); }

async function look() {
  const { mine, builds = [], after } = read();
  const query = new URLSearchParams(builds.map((build) => ["build", build]));
  if (mine) query.set("mine", "1");
  if (after !== undefined) query.set("after", after);
  const answer = await ask(`/fragments/ended?${query}`).catch(() => null);
  if (!answer?.ok) return;
  const told = await answer.json();
  const notices = read(); // another tab may have told the same meanwhile
  notices.after = Math.max(told.after, notices.after ?? 0);
  notices.builds = (notices.builds ?? []).filter((build) => !told.ended.some((one) => one.id === build));
  keep(notices);
  for (const one of told.ended) show(one);
  if (told.more) look();
}

function show({ id, title, text, icon, address }) {
  const notice = new Notification(title, { body: text, icon, tag: `build-${id}` }); // the tag: many tabs tell it once
  notice.addEventListener("click", () => { window.focus(); location.href = address; });
}
