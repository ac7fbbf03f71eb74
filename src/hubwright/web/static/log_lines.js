// What is done with single lines: their times, and links to and copies of those that are picked.
const MODES = ["off", "relative", "absolute"];

export class Times {
  constructor(view) {
    this.view = view;
    this.mode = MODES.includes(localStorage.getItem("times")) ? localStorage.getItem("times") : "off";
    this.show();
  }

  turn() { // off, since the run began, by the clock
    this.mode = MODES[(MODES.indexOf(this.mode) + 1) % MODES.length];
    localStorage.setItem("times", this.mode);
    this.view.keepPlace(() => this.show());
  }

  show() {
    this.view.root.classList.toggle("timed", this.mode !== "off");
    document.querySelector("#times-mode").textContent = this.mode;
    for (const chunk of this.view.root.querySelectorAll(".chunk")) this.paint(chunk);
  }

  paint(element) {
    if (this.mode === "off") return;
    let [moment, text] = [null, ""];
    for (const line of element.children) {
      if (line.dataset.t && line.dataset.t !== moment) { moment = line.dataset.t; text = this.word(Number(moment)); }
      line.firstElementChild.dataset.time = text;
    }
  }

  word(moment) {
    if (this.mode === "absolute") {
      const at = new Date(moment);
      return `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
    }
    const past = Math.max(0, moment - Number(this.view.root.dataset.started ?? moment)) / 1000;
    const [hours, minutes] = [Math.floor(past / 3600), Math.floor(past / 60) % 60];
    const seconds = (past % 60).toFixed(3).padStart(6, "0");
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
  }
}

export class Picked { // the lines that #L10-L20 names
  constructor(view) {
    this.view = view;
    this.bar = document.querySelector("#picked");
    this.bar.addEventListener("click", (event) => {
      const what = event.target.closest("[data-copy]")?.dataset.copy;
      if (what) this.copy(what);
    });
  }

  show([first, last]) {
    this.bar.hidden = false;
    this.bar.querySelector("strong").textContent = first === last ? `Line ${first}` : `Lines ${first} to ${last}`;
    this.bar.querySelector("a").href = this.text = `${this.view.root.dataset.api}?start=${first}&end=${last}`;
    this.bar.querySelector("[role=status]").textContent = "";
  }

  async copy(what) {
    const said = this.bar.querySelector("[role=status]");
    try {
      await put(what === "link" ? location.href : (await (await fetch(this.text)).text()).replaceAll("\r\n", "\n"));
      said.textContent = "Copied.";
    } catch { said.textContent = "The browser does not allow it."; }
  }
}

async function put(text) { // the clipboard is there on https and localhost only
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copy");
}
