// Groups that the build marked in its output: folded when they ended well, by the reader's hand otherwise.
import { ask } from "./asking.js";

export class Folds {
  constructor(view) {
    this.view = view;
    this.groups = [];
    this.byHand = new Map(); // a group's first line -> whether the reader folded it
    this.ranges = [];        // the lines that are not shown, rising and apart
    this.upto = 0;           // the last line that had been looked at
    this.view.root.addEventListener("click", (event) => {
      const head = event.target.closest(".l.head > span");
      if (!head || event.target.closest("a") || !getSelection().isCollapsed) return;
      const group = this.groups.find((one) => `L${one.first}` === head.parentElement.id);
      if (group) { this.byHand.set(group.first, !this.isFolded(group)); this.change(); }
    });
  }

  async load() { // one request at a time; what comes meanwhile is asked for again
    if (this.loading) { this.again = true; return; }
    this.loading = true;
    const total = this.view.total;
    try {
      const answer = await ask(`${this.view.root.dataset.parts}/groups`);
      if (answer.ok) {
        this.groups = (await answer.json()).groups;
        this.upto = total;
        if (this.view.target) this.open(this.view.target);
        this.view.keepPlace(() => this.change());
      }
    } catch { /* the stream's own error shows it */ }
    this.loading = false;
    if (this.again) { this.again = false; setTimeout(() => this.load(), 300); }
  }

  isFolded(group) { return this.byHand.get(group.first) ?? group.folded; }

  lastOf(group) { return group.ended ? group.last : this.view.total; }

  reveal(line) { if (this.open(line)) this.change(); }

  open(line) { // the groups around a line; whether anything was folded there
    const around = this.groups.filter((group) => group.first < line && line <= this.lastOf(group) && this.isFolded(group));
    for (const group of around) this.byHand.set(group.first, false);
    return around.length > 0;
  }

  all(folded) { for (const group of this.groups) this.byHand.set(group.first, folded); this.change(); }

  change() { // lay out anew and show the new state in what is there
    this.ranges = [];
    let end = 0;
    for (const group of this.groups) {
      if (group.first < end || !this.isFolded(group) || this.lastOf(group) <= group.first) continue;
      end = this.lastOf(group) + 1;
      this.ranges.push([group.first + 1, end - 1]);
    }
    this.heads = new Map(this.groups.map((group) => [group.first, group]));
    for (const stage of this.view.stages) for (const chunk of stage.chunks) { stage.size(chunk); this.paint(chunk.element); }
  }

  from(line) { // the first range that ends at or behind a line
    let [low, high] = [0, this.ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ranges[middle][1] < line) low = middle + 1; else high = middle;
    }
    return low;
  }

  hidden(first, last) { // how many of these lines are not shown
    let count = 0;
    for (let at = this.from(first); at < this.ranges.length && this.ranges[at][0] <= last; at += 1) {
      count += Math.min(this.ranges[at][1], last) - Math.max(this.ranges[at][0], first) + 1;
    }
    return count;
  }

  paint(element) {
    if (!this.groups.length) return;
    let at = element.firstElementChild ? this.from(Number(element.firstElementChild.id.slice(1))) : 0;
    for (const line of element.children) {
      const number = Number(line.id.slice(1));
      while (at < this.ranges.length && this.ranges[at][1] < number) at += 1;
      line.hidden = at < this.ranges.length && this.ranges[at][0] <= number;
      if (line.classList.contains("head")) this.paintHead(line, this.heads.get(number));
    }
  }

  paintHead(line, group) {
    if (!group) return;
    line.querySelector(".toggle").setAttribute("aria-expanded", String(!this.isFolded(group)));
    line.classList.toggle("failed", group.failed);
    if (group.seconds !== null) line.dataset.took = words(group.seconds);
  }

  seen(element) { // fresh lines have come: do they tell of groups that are not known yet?
    const marks = element.querySelectorAll(".l.head, .l.end");
    if (marks.length && Number(marks[marks.length - 1].id.slice(1)) > this.upto) this.load();
  }
}

function words(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}
