// The log viewer: stages hold chunks of 1,000 lines, fetched when they come near the window and emptied when far away.
// A chunk is { element, first, last, have }: the lines it is for, and the last one that is shown whole.
import { ask } from "./asking.js";
import { Folds } from "./log_folds.js";
import { Picked, Times } from "./log_lines.js";
import { Errors, Search } from "./log_search.js";

const CHUNK = 1000;
const CHUNKS = 500;   // chunks laid out per stage: browsers can't scroll further than some 17 million pixels
const KEPT = 40;      // chunks with content
const ROW = 20;       // px, as in the style
const AGAIN = [500, 1000, 2000, 5000, 10000]; // ms until lines are asked for again that the hub could not give

class Stage {
  constructor(element, view) {
    this.element = element;
    this.view = view;
    this.box = element.querySelector(".lines");
    this.chunks = [];
    for (const chunk of this.box.querySelectorAll(".chunk")) {
      const entry = { element: chunk, first: Number(chunk.dataset.first), last: Number(chunk.dataset.last), have: 0 };
      entry.have = Number(chunk.dataset.have);
      this.chunks.push(entry);
    }
    this.start = null;
    element.addEventListener("toggle", () => element.open && this.layout());
    for (const link of this.box.querySelectorAll(".more")) link.remove();
  }

  get first() { return Number(this.element.dataset.first); }
  get last() { return this.view.lastOf(this); }
  place(line) { return Math.floor((line - this.first) / CHUNK); }
  chunkOf(line) { return this.chunks.find((chunk) => chunk.first <= line && line < chunk.first + CHUNK); }

  layout(line = null) { // chunks for the window of the stage that holds `line`
    const all = Math.max(0, Math.ceil((this.last - this.first + 1) / CHUNK));
    const wanted = line === null ? this.start ?? this.place(this.chunks[0]?.first ?? this.first) : this.place(line);
    if (this.start === null || wanted < this.start || wanted >= this.start + CHUNKS) {
      this.start = Math.max(0, Math.min(wanted - CHUNKS / 2, all - CHUNKS));
    }
    const end = Math.min(all, this.start + CHUNKS);
    const old = new Map(this.chunks.map((chunk) => [chunk.first, chunk]));
    this.chunks = [];
    for (let place = this.start; place < end; place += 1) {
      const first = this.first + place * CHUNK;
      const chunk = old.get(first) ?? this.make(first);
      old.delete(first);
      chunk.last = Math.min(first + CHUNK - 1, this.last);
      if (chunk.have > chunk.last) this.cut(chunk);
      this.size(chunk);
      this.chunks.push(chunk);
    }
    for (const chunk of old.values()) { this.view.forget(chunk); chunk.element.remove(); }
    const more = [this.more(this.start > 0, -1), ...this.chunks.map((chunk) => chunk.element), this.more(end < all, 1)];
    const shown = more.filter(Boolean);
    shown.forEach((element, at) => {
      if (this.box.children[at] !== element) this.box.insertBefore(element, this.box.children[at] ?? null);
    });
    while (this.box.children.length > shown.length) this.box.lastChild.remove();
    for (const chunk of this.chunks) this.view.watch(chunk);
  }

  more(there, way) {
    if (!there) return null;
    const button = document.createElement("button");
    button.className = "more";
    button.textContent = way < 0 ? "↑ Earlier lines" : "↓ Later lines";
    button.addEventListener("click", () => {
      const line = way < 0 ? this.chunks[0].first - 1 : this.chunks.at(-1).last + 1;
      this.view.show(line, line);
    });
    return button;
  }

  make(first) {
    const element = document.createElement("div");
    element.className = "chunk";
    return { element, first, last: first, have: first - 1 };
  }

  size(chunk) {
    const lines = chunk.last - chunk.first + 1 - this.view.folds.hidden(chunk.first, chunk.last);
    const height = lines * ROW;
    if (chunk.height === height) return; // five hundred chunks, and each style that is set costs
    chunk.height = height;
    chunk.element.hidden = lines === 0;
    chunk.element.style.containIntrinsicSize = `auto ${height}px`;
    chunk.element.style.minHeight = `${height}px`; // wrapped lines only make it higher
  }

  cut(chunk) { // lines that turned out to belong to the next stage
    for (const line of [...chunk.element.children]) if (number(line) > chunk.last) line.remove();
    chunk.have = chunk.last;
  }
}

const number = (line) => Number(line.id.slice(1));

export class LogView {
  constructor(root) {
    this.root = root;
    this.total = Number(root.dataset.lines);
    this.following = false;
    this.at = scrollY;
    this.unseen = 0;
    this.loading = new Map();
    this.visible = new Set();
    this.entries = new WeakMap();
    this.watcher = new IntersectionObserver((seen) => this.see(seen), { rootMargin: "1200px 0px" });
    this.pill = document.querySelector("#new-lines");
    this.target = Number(root.dataset.line ?? root.dataset.error) || null; // the line that the reader is to see
    this.folds = new Folds(this);
    this.times = new Times(this);
    this.picked = new Picked(this);
    this.errors = new Errors(this);
    this.stages = [...root.querySelectorAll(".stage")].map((element) => new Stage(element, this));
    for (const stage of this.stages) if (stage.element.open) stage.layout(); // now that all are known
    this.listen();
    this.wrap(localStorage.getItem("wrap") !== "off");
    this.search = new Search(this);
    this.folds.load();
    if (!this.showHash() && root.dataset.goto) this.show(Number(root.dataset.goto), Number(root.dataset.goto));
  }

  listen() {
    this.root.addEventListener("click", (event) => this.click(event));
    this.root.querySelector("#to-line").addEventListener("submit", (event) => {
      event.preventDefault();
      const line = Math.min(Math.max(1, Number(new FormData(event.target).get("line")) || 1), this.total);
      this.mark(line, line);
      this.show(line, line);
    });
    this.pill.addEventListener("click", () => this.bottom());
    addEventListener("hashchange", () => this.showHash());
    addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  lastOf(stage) {
    const next = this.stages?.[this.stages.indexOf(stage) + 1];
    return next ? next.first - 1 : Number(this.total);
  }

  stageOf(line) { return this.stages.findLast((stage) => stage.first <= line) ?? this.stages[0]; }

  // chunks come and go
  watch(chunk) {
    if (this.entries.has(chunk.element)) { if (this.visible.has(chunk)) this.load(chunk); return; }
    this.entries.set(chunk.element, chunk);
    this.watcher.observe(chunk.element);
  }

  forget(chunk) { this.watcher.unobserve(chunk.element); this.entries.delete(chunk.element); this.visible.delete(chunk); }

  see(seen) {
    for (const { target, isIntersecting } of seen) {
      const chunk = this.entries.get(target);
      if (!chunk) continue;
      if (isIntersecting) { this.visible.add(chunk); if (!this.shows) this.load(chunk); } else this.visible.delete(chunk);
    }
  }

  load(chunk) {
    if (chunk.have >= chunk.last || chunk.waits) return Promise.resolve();
    chunk.again = true;
    if (!this.loading.has(chunk)) {
      this.loading.set(chunk, this.fetch(chunk).catch(() => this.loadLater(chunk)).finally(() => {
        this.loading.delete(chunk);
        if (this.stays()) this.scrollToEnd();
      }));
    }
    return this.loading.get(chunk);
  }

  loadLater(chunk) { // the hub starts again, the connection broke: nothing else would ask once the log is still
    chunk.failures = (chunk.failures ?? 0) + 1;
    chunk.waits = true;
    setTimeout(() => {
      chunk.waits = false;
      if (this.visible.has(chunk)) this.load(chunk);
    }, AGAIN[Math.min(chunk.failures, AGAIN.length) - 1]);
  }

  async fetch(chunk) { // until the chunk has all its lines; only whole lines count, an unfinished one is fetched again
    let last = -1;
    while (chunk.have < chunk.last && (chunk.have !== last || chunk.again)) {
      last = chunk.have;
      chunk.again = false; // set when it grows while the hub answers
      const count = chunk.first + CHUNK - 1 - chunk.have;
      const answer = await ask(`${this.root.dataset.fragment}?from_line=${chunk.have + 1}&lines=${count}`);
      if (!answer.ok) throw new Error(answer.statusText);
      chunk.failures = 0;
      const part = document.createRange().createContextualFragment(await answer.text());
      for (const line of [...chunk.element.children]) if (number(line) > chunk.have) line.remove();
      chunk.element.append(...[...part.children].filter((line) => number(line) <= chunk.last));
      chunk.have = Math.min(Number(answer.headers.get("Log-Whole-Lines")), chunk.last);
      this.folds.seen(chunk.element);
      for (const part of [this.folds, this.times, this.search]) part.paint(chunk.element);
      this.paintMarks();
    }
    this.empty(chunk);
  }

  empty(fresh) { // what is far away gives its memory back, its height stays
    const full = this.stages.flatMap((stage) => stage.chunks).filter((chunk) => chunk.have >= chunk.first);
    if (full.length <= KEPT) return;
    const far = full.filter((chunk) => !this.visible.has(chunk) && chunk !== fresh);
    far.sort((a, b) => Math.abs(b.first - fresh.first) - Math.abs(a.first - fresh.first));
    for (const chunk of far.slice(0, full.length - KEPT)) {
      chunk.element.style.minHeight = `${chunk.element.offsetHeight}px`;
      chunk.element.replaceChildren();
      chunk.have = chunk.first - 1;
    }
  }

  // the log grows
  grow(total) {
    if (total < this.total) return;
    const fresh = total - this.total;
    const following = this.stays();
    this.total = total;
    const stage = this.stages.at(-1);
    if (!stage) return;
    if (stage.element.open) {
      const end = stage.chunks.at(-1);
      // An unfinished line is in the total but not in `have`: asking again fetches its rest.
      if (fresh && following) stage.layout(total); else stage.layout();
      if (!fresh && end && this.visible.has(end)) { end.have = Math.min(end.have, end.last - 1); this.load(end); }
    }
    if (following) this.bottom();
    else if (fresh && stage.element.open) this.count(this.unseen + fresh);
  }

  count(unseen) {
    this.unseen = unseen;
    this.pill.hidden = unseen === 0;
    if (unseen) this.pill.textContent = `${unseen.toLocaleString("en")} new ${unseen === 1 ? "line" : "lines"} ↓`;
  }

  merge(fresh) { // stages that began or ended, from the page as it is now
    if (!fresh || fresh.dataset.run !== this.root.dataset.run) return;
    const following = this.stays();
    this.root.dataset.growing = fresh.dataset.growing;
    const before = this.total;
    this.total = Math.max(this.total, Number(fresh.dataset.lines));
    const list = this.root.querySelector(".stages");
    for (const element of fresh.querySelectorAll(".stage")) {
      const old = this.stages.find((stage) => stage.element.id === element.id);
      if (old) this.update(old, element, following);
      else {
        element.querySelector(".lines").replaceChildren();
        list.append(element);
        this.stages.push(new Stage(element, this));
      }
    }
    for (const stage of this.stages) if (stage.element.open) stage.layout();
    this.root.querySelector(".waiting")?.remove();
    this.folds.load();
    if (following) this.bottom();
    else if (this.total > before && this.stages.at(-1)?.element.open) this.count(this.unseen + this.total - before);
  }

  update(stage, element, following) {
    if (stage.element.className !== element.className) { // it has ended: open what failed, fold what is fine
      if (element.open) stage.element.open = true;
      else if (following) stage.element.open = false;
    }
    stage.element.className = element.className;
    stage.element.dataset.first = element.dataset.first;
    const summary = stage.element.querySelector("summary");
    const fresh = element.querySelector("summary");
    if (summary.innerHTML !== fresh.innerHTML) summary.innerHTML = fresh.innerHTML;
  }

  // moving about
  scrolled() {
    const end = document.documentElement.scrollHeight - innerHeight - scrollY < 24;
    if (end) this.following = this.root.dataset.growing === "1";
    else this.stays(); // the end may have gone on while the browser told of our own scrolling
    this.at = scrollY;
    if (end) this.count(0);
  }

  stays() { // whether to go on following: not when the reader has just scrolled up; ask before the layout changes
    if (scrollY < this.at - 4) this.following = false;
    return this.following;
  }

  bottom() {
    const stage = this.stages.at(-1);
    if (stage && this.root.dataset.growing === "1") { stage.element.open = true; stage.layout(this.total); }
    this.count(0);
    this.scrollToEnd();
    this.following = this.root.dataset.growing === "1";
  }

  scrollToEnd() {
    scrollTo(0, document.documentElement.scrollHeight);
    this.at = scrollY;
  }

  async show(first, last) {
    const stage = this.stageOf(first);
    if (!stage) return;
    this.target = first;
    this.shows = true; // what is beside it can wait
    stage.element.open = true;
    stage.layout(first);
    this.folds.reveal(first);
    const chunk = stage.chunkOf(first);
    if (chunk) {
      chunk.element.scrollIntoView({ block: "start" });
      await this.load(chunk);
      document.getElementById(`L${first}`)?.scrollIntoView({ block: "center" });
      if (last) this.paintMarks();
    }
    this.shows = false;
    requestAnimationFrame(() => { for (const near of this.visible) this.load(near); });
  }

  showHash() {
    const match = /^#L(\d+)(?:-L(\d+))?$/.exec(location.hash);
    if (!match) return false;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    this.marked = [Math.min(first, last), Math.max(first, last)];
    this.picked.show(this.marked);
    this.show(this.marked[0], this.marked[1]);
    return true;
  }

  click(event) {
    const link = event.target.closest(".l > a[data-n]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const line = Number(link.dataset.n);
    const from = event.shiftKey && this.marked ? this.marked[0] : line;
    this.mark(Math.min(from, line), Math.max(from, line));
  }

  mark(first, last) {
    this.marked = [first, last];
    const hash = first === last ? `#L${first}` : `#L${first}-L${last}`;
    history.replaceState(null, "", this.root.dataset.address + hash);
    this.picked.show(this.marked);
    this.paintMarks();
  }

  paintMarks() {
    for (const line of this.root.querySelectorAll(".l.sel")) line.classList.remove("sel");
    if (!this.marked) return;
    const [first, last] = this.marked;
    for (let line = first; line <= Math.min(last, first + 5000); line += 1) {
      document.getElementById(`L${line}`)?.classList.add("sel");
    }
  }

  wrap(on) {
    this.root.classList.toggle("wrap", on);
    this.root.querySelector("[data-key=w]")?.setAttribute("aria-pressed", String(on));
    localStorage.setItem("wrap", on ? "on" : "off");
  }

  toggleWrap() { this.wrap(!this.root.classList.contains("wrap")); }

  fold() { // everything, or nothing
    const open = !this.stages.some((stage) => stage.element.open);
    for (const stage of this.stages) stage.element.open = open;
    this.folds.all(!open);
  }

  step(way) { // next or previous stage
    const tops = this.stages.map((stage) => stage.element.getBoundingClientRect().top);
    const at = way > 0 ? tops.findIndex((top) => top > 60) : tops.findLastIndex((top) => top < -8);
    const stage = this.stages[at];
    if (!stage) return;
    stage.element.open = true;
    stage.element.scrollIntoView({ block: "start" });
    stage.element.querySelector("summary").focus({ preventScroll: true });
  }

  lineInView() { // the line that the reader was brought to, while it is in sight; else one in the middle of the window
    const there = this.target && document.getElementById(`L${this.target}`);
    const box = there?.getBoundingClientRect();
    if (box && box.bottom > 0 && box.top < innerHeight) return this.target;
    const bounds = this.root.getBoundingClientRect();
    const line = document.elementFromPoint(bounds.left + bounds.width / 2, innerHeight / 2)?.closest("#log .stages .l");
    return line ? number(line) : bounds.top > innerHeight / 2 ? 0 : this.total + 1;
  }

  keepPlace(change) { // change the layout, and leave what the reader looks at where it is
    if (this.stays()) { change(); this.bottom(); return; }
    const bounds = this.root.getBoundingClientRect();
    let line = document.elementFromPoint(bounds.left + bounds.width / 2, 70)?.closest("#log .stages .l");
    const top = line?.getBoundingClientRect().top;
    change();
    while (line?.hidden) line = line.previousElementSibling;
    if (line) scrollBy(0, line.getBoundingClientRect().top - top);
    this.at = scrollY;
  }
}
