// Draws the charts of a trend from their tables, which all can read without it.
const WORDS = { seconds: wordSeconds, share: (value) => `${Math.round(value * 100)} %`, bytes: wordBytes, count: wordCount };
const drawn = new Map();

for (const figure of document.querySelectorAll("figure.trend")) {
  figure.querySelector("details").open = false;
  draw(figure);
}
addEventListener("resize", () => drawn.forEach((chart, plot) => chart.setSize({ width: plot.clientWidth, height: 180 })));
const redraw = () => document.querySelectorAll("figure.trend").forEach(draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

function draw(figure) {
  const plot = figure.querySelector(".plot"), word = WORDS[figure.dataset.unit];
  drawn.get(plot)?.destroy(); // its legend is a table too
  const rows = [...figure.querySelectorAll("tbody tr")].reverse();
  const names = [...figure.querySelectorAll("thead th")].slice(1).map((cell) => cell.textContent);
  const data = [...figure.querySelectorAll("thead th")].map((_, place) => rows.map((row) => {
    const value = row.cells[place].dataset.value;
    return value === undefined ? null : Number(value);
  }));
  plot.classList.add("drawn");
  const axis = { stroke: colour(plot, "muted"), grid: { stroke: colour(plot, "line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  drawn.set(plot, new uPlot({
    width: plot.clientWidth,
    height: 180,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, most) => [0, figure.dataset.unit === "share" ? 1 : most * 1.1 || 1] } },
    axes: [{ ...axis, values: (_, moments, __, ___, step) => moments.map((at) => wordMoment(at, step)) }, { ...axis, size: 76, values: (_, values) => values.map(word) }],
    series: [{ label: "From", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...names.map((name, place) => ({
      label: name,
      stroke: colour(plot, place ? "second" : "first"),
      width: 2,
      dash: place ? [6, 4] : undefined,
      spanGaps: true,
      points: { show: rows.length < 40, size: 5 },
      value: (_, value) => (value === null ? "—" : word(value)),
    }))],
  }, data, plot));
}

// Canvases know no custom properties: the colour of an element of that class is asked for.
function colour(plot, name) {
  const probe = document.createElement("i");
  probe.className = name;
  plot.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function wordMoment(seconds, step) {
  const text = new Date(seconds * 1000).toISOString(), midnight = text.slice(11, 16) === "00:00";
  return step >= 28 * 86400 ? text.slice(0, 7) : midnight ? text.slice(5, 10) : text.slice(11, 16);
}

function wordSeconds(value) {
  if (value < 60) return `${Math.round(value * 10) / 10} s`;
  return value < 3600 ? `${Math.round(value / 6) / 10} min` : `${Math.round(value / 360) / 10} h`;
}

function wordBytes(value) {
  const place = value < 1 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), 3);
  return `${Math.round(value / 1000 ** place * 10) / 10} ${["B", "kB", "MB", "GB"][place]}`;
}

function wordCount(value) {
  return value.toLocaleString("en");
}
