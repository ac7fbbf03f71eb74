// Search over the whole log, done by the server; and the way from one line with an error to the next.
import { ask } from "./asking.js";

export class Search {
  constructor(view) {
    this.view = view;
    this.form = document.querySelector("#search");
    this.place = document.querySelector("#found-place");
    this.hits = [];
    this.set = new Set();
    this.at = -1;
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.find(); });
    this.form.addEventListener("change", (event) => { if (event.target.type === "checkbox" && this.form.elements.q.value) this.find(); });
    document.querySelector("#close-found").addEventListener("click", () => this.close());
    this.place.addEventListener("click", (event) => this.click(event));
    addEventListener("keydown", (event) => {
      const there = this.place.contains(document.activeElement) || document.activeElement === this.form.elements.q;
      if (event.key === "f" && (event.ctrlKey || event.metaKey) && !there) { event.preventDefault(); this.focus(); }
      if (event.key === "Escape" && this.hits.length && document.activeElement === this.form.elements.q) this.close();
    });
    this.take();
  }

  focus() { this.form.elements.q.focus(); this.form.elements.q.select(); }

  get query() { return new URLSearchParams(new FormData(this.form)); }

  async find() {
    const text = this.form.elements.q.value;
    if (!text) { this.close(); return; }
    if (text === this.text && String(this.query) === this.asked) { this.step(1); return; }
    [this.text, this.asked] = [text, String(this.query)];
    const asked = this.asked;
    const answer = await ask(`${this.view.root.dataset.parts}/search?${asked}`).catch(() => null);
    if (asked !== this.asked) return;
    if (!answer?.ok) { this.asked = null; return; } // who presses Enter again asks again
    this.place.replaceChildren(document.createRange().createContextualFragment(await answer.text()));
    this.take();
    if (!this.form.elements.around.checked) this.step(1);
  }

  take() { // what the server found
    const found = document.querySelector("#found");
    const told = found?.dataset.hits;
    this.hits = told ? told.split(",").map(Number) : [];
    this.set = new Set(this.hits);
    this.at = -1;
    this.text = this.form.elements.q.value;
    document.querySelector("#hits").hidden = !found;
    document.querySelector("#hit").textContent = "";
    this.view.root.classList.toggle("only", Boolean(found) && this.form.elements.around.checked);
    this.paintAll();
  }

  close() {
    this.place.replaceChildren();
    this.asked = null;
    this.take();
    this.form.elements.q.blur();
  }

  click(event) { // to the line in the log
    const more = event.target.closest("a.more");
    const link = event.target.closest(".l > a[data-n]");
    if (!link || more || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.go(this.hits.indexOf(Number(link.dataset.n)), Number(link.dataset.n));
  }

  step(way) {
    if (!this.hits.length) return;
    const from = this.at < 0 ? this.hits.findIndex((line) => line >= this.view.lineInView()) : this.at + way;
    const at = (from + this.hits.length) % this.hits.length;
    this.go(at, this.hits[at]);
  }

  async go(at, line) {
    this.at = at;
    this.view.root.classList.remove("only");
    if (at >= 0) document.querySelector("#hit").textContent = `${at + 1} of ${this.hits.length}`;
    await this.view.show(line, 0);
    for (const one of this.view.root.querySelectorAll(".l.now")) one.classList.remove("now");
    document.getElementById(`L${line}`)?.classList.add("now");
    this.light();
  }

  paint(element) {
    for (const line of element.children) line.classList.toggle("hit", this.set.has(Number(line.id.slice(1))));
    this.light();
  }

  paintAll() { for (const chunk of this.view.root.querySelectorAll(".chunk")) this.paint(chunk); }

  light() { // the words themselves, where the browser can mark them without changing the page
    if (!globalThis.Highlight) return;
    CSS.highlights.delete("found");
    if (!this.hits.length || this.form.elements.regex.checked) return;
    const exact = this.form.elements.case.checked;
    const wanted = exact ? this.text : this.text.toLowerCase();
    const ranges = [];
    for (const line of [...this.view.root.querySelectorAll(".l.hit > span")].slice(0, 2000)) {
      const words = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
      while (words.nextNode()) {
        const text = exact ? words.currentNode.data : words.currentNode.data.toLowerCase();
        for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
          const range = new Range();
          range.setStart(words.currentNode, at);
          range.setEnd(words.currentNode, at + wanted.length);
          ranges.push(range);
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }
}

export class Errors {
  constructor(view) { this.view = view; this.lines = null; this.upto = -1; }

  async step(way) { // to the next or previous line of the whole log that tells an error
    if (this.upto !== this.view.total) {
      const total = this.view.total;
      const answer = await ask(`${this.view.root.dataset.parts}/errors`).catch(() => null);
      if (answer?.ok) { this.lines = (await answer.json()).lines; this.upto = total; }
    }
    const known = this.lines?.length ? this.lines : [Number(this.view.root.dataset.error)].filter(Boolean);
    const here = this.view.lineInView();
    const line = way > 0 ? known.find((one) => one > here) : known.findLast((one) => one < here);
    const say = document.querySelector("#say");
    if (line) { this.view.show(line, 0); say.textContent = `Error in line ${line}`; }
    else say.textContent = known.length ? "No other error that way." : "No line tells an error.";
  }
}
